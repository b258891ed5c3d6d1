// The passes of drawn_nearest.hpp over a row and over its candidates: in ordinary C++ (the oracle of the tests), and
// the choice of their vector versions. All give the same bits.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/drawn_candidate.hpp>
#include <immiscible/detail/sample_statistics.hpp>
#include <immiscible/detail/simd_dispatch.hpp>
#include <immiscible/philox.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// A candidate and its cost: `cost` first, then the lower number.
struct candidate_choice {
  double cost;
  std::uint32_t number;
};

inline candidate_choice nearer_choice(const candidate_choice& a, const candidate_choice& b) {
  if (b.cost < a.cost) return b;
  return b.cost == a.cost && b.number < a.number ? b : a;
}

inline candidate_choice choice_of(const candidate_row& row, std::uint32_t number) {
  return {candidate_cost(row.twice_norm, draw_candidate(row, number)), number};
}

/// The nearest of k candidates, of which number 0 costs `plain_cost`.
inline std::uint32_t nearest_candidate_portable(const candidate_row& row, std::uint32_t k, double plain_cost) {
  candidate_choice choice = {plain_cost, 0};
  for (std::uint32_t c = 1; c < k; ++c) choice = nearer_choice(choice, choice_of(row, c));
  return choice.number;
}

/// 16 partial sums of each kind, whatever the vectors.
struct product_lanes {
  double image_squares[statistics_lanes] = {}, noise_squares[statistics_lanes] = {}, products[statistics_lanes] = {};
};

/// Adds the values behind the last whole group of 16, and all lanes.
inline row_products finish_products(const float* image, const float* noise, std::size_t count, product_lanes& lane) {
  for (std::size_t j = 0; j < count; ++j) {
    const double x = image[j], g = noise[j];
    lane.image_squares[j] += x * x;
    lane.noise_squares[j] += g * g;
    lane.products[j] += x * g;
  }
  return {sum_of_lanes(lane.image_squares), sum_of_lanes(lane.noise_squares), sum_of_lanes(lane.products)};
}

/// Sums over d values of an image and its noise.
inline row_products products_of_row_portable(const float* image, const float* noise, std::size_t d) {
  product_lanes lane;
  const std::size_t whole = d / statistics_lanes * statistics_lanes;
  for (std::size_t j = 0; j < whole; ++j) {
    const double x = image[j], g = noise[j];
    lane.image_squares[j % statistics_lanes] += x * x;
    lane.noise_squares[j % statistics_lanes] += g * g;
    lane.products[j % statistics_lanes] += x * g;
  }
  return finish_products(image + whole, noise + whole, d - whole, lane);
}

/// noise = of_noise noise + of_image image, in float: three roundings.
inline void mix_row_portable(float of_noise, float of_image, const float* image, std::size_t d, float* noise) {
  for (std::size_t j = 0; j < d; ++j) noise[j] = mixed_in_float(of_noise, of_image, image[j], noise[j]);
}

/// The same in double and rounded once.
inline void mix_row_in_double(const noise_mixture& mixture, const float* image, std::size_t d, float* noise) {
  for (std::size_t j = 0; j < d; ++j) noise[j] = mixed_in_double(mixture, image[j], noise[j]);
}

/// True if no value is infinite or NaN; by their bits, so under -ffast-math too.
inline bool is_finite_row_portable(const float* row, std::size_t d) {
  bool is_finite = true;
  for (std::size_t j = 0; j < d; ++j) {
    is_finite &= is_finite_value(row[j]);
  }
  return is_finite;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/drawn_nearest-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// The versions of all passes compiled for one instruction set; the bits do not depend on it.
struct drawn_nearest_passes {
  normal_row_function* normal_row;
  std::uint32_t (*nearest_candidate)(const candidate_row& row, std::uint32_t k, double plain_cost);
  row_products (*products_of_row)(const float* image, const float* noise, std::size_t d);
  void (*mix_row)(float of_noise, float of_image, const float* image, std::size_t d, float* noise);
  bool (*is_finite_row)(const float* row, std::size_t d);
};

inline drawn_nearest_passes drawn_nearest_passes_for(simd_target target) {
  return {normal_row_for(target), IMMISCIBLE_SIMD_CHOOSE(target, nearest_candidate, nearest_candidate_portable),
          IMMISCIBLE_SIMD_CHOOSE(target, products_of_row, products_of_row_portable),
          IMMISCIBLE_SIMD_CHOOSE(target, mix_row, mix_row_portable),
          IMMISCIBLE_SIMD_CHOOSE(target, is_finite_row, is_finite_row_portable)};
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

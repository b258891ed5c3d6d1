// Costs from samples rounded to bytes: one product of matrices in integers instead of one in float, four times as fast.
//
//   x = zero + u / a,  u = 0 ... 127        e = -b / s,  b = -127 ... 127        -x.e = (u.b + zero a sum b) / (a s)
//
// u has seven bits: processors without an instruction for such products add two of them in 16 bits first, where 2 * 127 * 127
// just fits. So all processors compute the same integers. Noise is cut at 4 root mean squares (one value in 16,000 of normal
// noise is farther out). docs/performance.md tells how much of the exact reduction of the distance such pairs keep.
#pragma once

#include <immiscible/auction.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/onednn.hpp>
#include <immiscible/detail/parallel.hpp>
#include <immiscible/detail/round_to_bytes.hpp>
#include <immiscible/detail/sample_statistics.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Working memory of costs in bytes.
struct int8_workspace {
  std::vector<std::int8_t> images, noise;  // [n, d] and [m, d]
  std::vector<std::int32_t> noise_sum;     // [m] of the bytes of each row
  std::vector<std::int32_t> offset;        // [m] added to the products of each noise
  std::vector<std::int32_t> cost;          // [n, m]
  basic_assignment<std::int64_t> answer;
  jonker_volgenant_workspace<std::int32_t> exact;
  auction_workspace<std::int32_t> auction;
};

/// How two batches are rounded.
struct int8_rounding {
  byte_rounding images, noise;  // noise is negated
  double unit;                  // of the integer products, in x.e
  double zero;                  // zero a of above: what every byte of a noise adds to its products
};

/// The rounding of noise that reaches from -reach to reach.
inline byte_rounding rounding_of_noise(double reach) {
  return {-static_cast<float>(reach > 0 ? 127 / reach : 1), 0, -127};
}

constexpr double noise_deviations_kept = 4;

inline byte_rounding rounding_of_noise(const sample_range& noise) {
  const double farthest = std::max(-static_cast<double>(noise.least), static_cast<double>(noise.most));
  return rounding_of_noise(std::min(farthest, noise_deviations_kept * std::sqrt(noise.mean_square)));
}

inline int8_rounding rounding_to_int8(const sample_range& images, const byte_rounding& noise) {
  const double s = -static_cast<double>(noise.scale);
  double width = static_cast<double>(images.most) - static_cast<double>(images.least);
  // Images of one value become zeros at any scale; but the norms of the noise are rounded in its units.
  if (!(width > 0)) width = std::max(std::abs(static_cast<double>(images.least)), 127 / s);
  const auto image_scale = static_cast<float>(127 / width);
  const double a = static_cast<double>(image_scale);
  return {{image_scale, images.least, 0}, noise, 1 / (a * s), static_cast<double>(images.least) * a};
}

/// True if all costs of the rounded samples fit int32.
inline bool fits_int8(std::size_t n, std::size_t m, std::size_t d, const int8_rounding& rounding,
                      const std::vector<double>& noise_norms) {
  constexpr double most = 2147483647;
  const double products = 127.0 * 127.0 * static_cast<double>(d);
  if (d == 0 || !(products <= most) || !(rounding.unit > 0) || !std::isfinite(rounding.unit)) return false;
  if (n == m) return true;  // nothing is added then
  const double sums = 127.0 * static_cast<double>(d) * std::abs(rounding.zero);
  const double norm = *std::max_element(noise_norms.begin(), noise_norms.end());
  return products + sums + norm / rounding.unit <= most;
}

/// How much images differ, per value: the root mean square difference of two of them over root 2; the median of a few pairs, for one
/// image far out widens the range, but tells nothing about the others.
template <class Scalar>
double deviation_between(const batch<Scalar>& images) {
  constexpr std::size_t most_pairs = 16;
  const std::size_t pairs = std::min(most_pairs, images.rows() / 2);
  if (pairs == 0) return 0;
  double squares[most_pairs] = {};
  for (std::size_t p = 0; p < pairs; ++p) {
    const Scalar* a = images.row(p * (images.rows() / pairs));
    const Scalar* b = images.row(p * (images.rows() / pairs) + 1);
    for (std::size_t k = 0; k < images.columns(); ++k) {
      const double difference = static_cast<double>(a[k]) - static_cast<double>(b[k]);
      squares[p] += difference * difference;
    }
  }
  std::nth_element(squares, squares + (pairs - 1) / 2, squares + pairs);
  return std::sqrt(squares[(pairs - 1) / 2] / static_cast<double>(2 * images.columns()));
}

/// True if rounding hardly disturbs the choice: what it adds to a cost stays below 2.5 % of what tells the row's costs apart (by
/// the rounding of normal noise it is 0.9 %), and no noise lies so far out that cutting it off would matter.
template <class Scalar>
bool rounds_well(const batch<Scalar>& images, const sample_range& noise, const int8_rounding& rounding) {
  const double error = 1 / (std::sqrt(12.0) * static_cast<double>(rounding.images.scale));
  const double farthest = std::max(-static_cast<double>(noise.least), static_cast<double>(noise.most));
  return error <= 0.025 * deviation_between(images) && farthest <= 8 * std::sqrt(noise.mean_square);
}

/// Rounds all rows; `sum_of_row`, unless null, gets the sum of each row's bytes.
inline void round_to_bytes(const batch<float>& samples, const byte_rounding& rounding, std::size_t threads,
                           std::vector<std::int8_t>& bytes, std::vector<std::int32_t>* sum_of_row) {
  const std::size_t d = samples.columns();
  bytes.resize(samples.rows() * d);
  if (sum_of_row != nullptr) sum_of_row->resize(samples.rows());
  round_row_function* const round_row = round_row_to_bytes_for(best_target());
  for_row_blocks(samples.rows(), threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::int32_t sum = round_row(samples.row(i), d, rounding, bytes.data() + i * d);
      if (sum_of_row != nullptr) (*sum_of_row)[i] = sum;
    }
  });
}

#ifdef IMMISCIBLE_ONEDNN
/// cost = -x.e (and, for `distances` with n < m, + |e|^2 / 2) in units of `rounding`, less what is the same for all matchings.
/// Needs the bytes of the noise.
inline void int8_costs(const batch<float>& images, std::size_t m, const int8_rounding& rounding, bool distances,
                       const std::vector<double>& noise_norms, std::size_t threads, int8_workspace& work) {
  const std::size_t n = images.rows();
  round_to_bytes(images, rounding.images, threads, work.images, nullptr);
  work.offset.assign(m, 0);
  for (std::size_t j = 0; n < m && j < m; ++j) {
    const double norm = distances ? noise_norms[j] / (2 * rounding.unit) : 0;
    work.offset[j] = static_cast<std::int32_t>(std::lrint(rounding.zero * work.noise_sum[j] + norm));
  }
  work.cost.resize(n * m);
  onednn_product(n, m, images.columns(), work.images.data(), work.noise.data(), work.offset.data(), work.cost.data(),
                 threads);
}
#endif

/// The answer to integer costs, in the units of the samples' costs: cost = unit * integer + what `int8_costs` left out.
inline void write_int8_answer(const int8_workspace& work, double unit, double zero, bool square, assignment& out) {
  const basic_assignment<std::int64_t>& answer = work.answer;
  out.noise_of_image = answer.noise_of_image;
  out.image_price.resize(answer.image_price.size());
  out.noise_price.resize(answer.noise_price.size());
  double left_out = 0;
  for (std::size_t i = 0; i < out.image_price.size(); ++i) {
    out.image_price[i] = unit * static_cast<double>(answer.image_price[i]);
  }
  for (std::size_t j = 0; j < out.noise_price.size(); ++j) {
    const double own = square ? zero * work.noise_sum[j] : 0;
    out.noise_price[j] = unit * (static_cast<double>(answer.noise_price[j]) + own);
    left_out += own;
  }
  out.total_cost = unit * (answer.total_cost + left_out);
  out.lower_bound = unit * (answer.lower_bound + left_out);
  out.status = answer.status;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

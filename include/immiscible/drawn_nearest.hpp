// Nearest of k, drawn: noise with exactly the law of the nearest of k Gaussian candidates, for the price of one.
//
//   x image, u = x / |x|, g its plain noise, d values; k candidates, of which g is number 0
//
// A distance |x - n|^2 depends on a candidate n through s = u.n and r2 = |n|^2 - s^2 alone, and the direction of what
// is across u is independent of both. So the other k - 1 candidates are drawn as pairs (s, r2), never as rows; the
// nearest pair is kept, and g is moved along x and stretched across it until it has that pair. docs/nearest-of-k.md has
// the proof.
//
// By inner product only s matters: the greatest of k normals, a function of g's own s; what is across x stays as it is.
// Choosing by distance shortens the noise (as nearest_noise.hpp does: the law is the same), by inner product hardly.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/drawn_nearest.hpp>
#include <immiscible/detail/noise_arguments.hpp>
#include <immiscible/detail/parallel.hpp>
#include <immiscible/philox.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Fills row i of `out` with noise for image i that has the law of the nearest of k rows of N(0, I).
///
/// Row i depends on (seed, step, first_index + i), image i and k alone, so any row can be drawn again alone. k = 1
/// gives the rows of `normal_rows`, bit for bit; for other k too they are candidate 0, and stay as they are where they
/// are nearest. The images must not depend on these plain rows. To choose among given noise, take `nearest_noise`.
///
/// @param seed         any 64 bits.
/// @param step         below 2^48.
/// @param first_index  first_index + n at most 2^48: the place of image 0 in the (global) batch.
/// @param images       [n, d] row-major, host, float (anything `as_batch` takes); finite, of any size; in the units of
///                     the noise.
/// @param k            candidates. squared_l2 and l2: a whole number, 1 to 2^24. inner_product: any finite number >= 1.
/// @param out          [n, d]; overwritten; must not overlap `images`.
/// @param function     what is least: squared_l2 (or l2, the same) or inner_product. An image of zeros has no inner
///                     products to choose by and keeps its plain row; by distance it gets the shortest of k.
/// @param threads      how many threads share the rows (0: one); the result is the same for any number.
/// @throws std::invalid_argument  k, step, first_index or d out of range, shapes that differ, another cost, or a value
///                                that is not finite (the row is named); nothing is written then.
///
/// Cost:        draws n d values and reads them twice more, whatever k; squared_l2 adds about 4 ns a candidate
///              (AVX-512), but no memory.
/// Determinism: the same bits on every processor, with every compiler and its flags (but -ffast-math, by which clang sums an image's
///              row in another order: about one row in 10^8 differs then in a last bit). Of equal distances the lowest number.
/// Reference:   Li et al., Improved Immiscible Diffusion (2025), KNN noise selection, for the law; the way of drawing
///              it is ours. Marsaglia, Tsang, ACM TOMS 26 (2000), for the chi-square numbers.
template <class Images>
void nearest_normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index, const Images& images,
                         double k, const matrix_view<float>& out, cost_function function = cost_function::squared_l2,
                         std::size_t threads = 1);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// noise = of_noise noise + of_image image
inline void mix(const drawn_nearest_passes& passes, const noise_mixture& mixture, const float* image, std::size_t d,
                float* noise) {
  if (is_mixed_in_float(mixture)) {
    passes.mix_row(static_cast<float>(mixture.of_noise), static_cast<float>(mixture.of_image), image, d, noise);
  } else {
    mix_row_in_double(mixture, image, d, noise);
  }
}

/// Makes the plain noise of `row` (in `noise`) the nearest of k by distance. `row.twice_norm` is filled in here.
inline void move_to_nearest(const drawn_nearest_passes& passes, candidate_row row, std::uint32_t k, const float* image,
                            std::size_t d, float* noise) {
  const row_products sums = passes.products_of_row(image, noise, d);
  row.twice_norm = rounded_product(2.0, rounded_sqrt(sums.image_squares));
  const std::uint32_t nearest = passes.nearest_candidate(row, k, cost_of_plain(sums));
  if (nearest == 0) return;
  const double across = squares_across(sums, image, noise, d);
  mix(passes, mixture_by_distance(sums, across, draw_candidate(row, nearest)), image, d, noise);
}

/// Moves plain noise along the image until its inner product is the greatest of k.
inline void move_to_greatest_product(const drawn_nearest_passes& passes, double k, const float* image, std::size_t d,
                                     float* noise) {
  const row_products sums = passes.products_of_row(image, noise, d);
  if (!(sums.image_squares > 0)) return;
  mix(passes, mixture_by_product(sums, k), image, d, noise);
}

/// nearest_normal_rows on checked arguments, one thread, by the versions for `target`.
inline void draw_nearest_rows(simd_target target, std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                              const batch<float>& images, double k, const matrix_view<float>& out,
                              cost_function function) {
  const drawn_nearest_passes passes = drawn_nearest_passes_for(target);
  const std::size_t d = images.columns();
  if (d == 0) return;
  const chi_square_law law = chi_square_of(d - 1);
  for (std::size_t i = 0; i < images.rows(); ++i) {
    passes.normal_row(seed, step, first_index + i, d, out.row(i));
    if (k == 1) continue;
    if (function == cost_function::inner_product) {
      move_to_greatest_product(passes, k, images.row(i), d, out.row(i));
    } else {
      move_to_nearest(passes, {seed, step, first_index + i, 0, law}, static_cast<std::uint32_t>(k), images.row(i), d,
                      out.row(i));
    }
  }
}

}  // namespace detail

template <class Images>
void nearest_normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index, const Images& images_like,
                         double k, const matrix_view<float>& out, cost_function function, std::size_t threads) {
  const auto view = as_batch(images_like);
  static_assert(std::is_same<typename decltype(view)::value_type, float>::value,
                "immiscible::nearest_normal_rows: needs images of float, the type of the noise");
  const batch<float> images = view;
  const char* name = "nearest_normal_rows";
  detail::check_drawn_candidates(name, k, function);
  detail::check_noise_identity(name, step, first_index, images.rows(), images.columns());
  detail::check_same_shape(name, images, out);
  if (images.empty()) return;
  const detail::simd_target target = detail::best_target();
  const auto is_finite_row = detail::drawn_nearest_passes_for(target).is_finite_row;
  for (std::size_t i = 0; i < images.rows(); ++i) {
    if (!is_finite_row(images.row(i), images.columns())) {
      detail::fail(name, "needs finite images, got NaN or infinity in row " + std::to_string(i));
    }
  }
  detail::for_row_blocks(images.rows(), threads, [&](std::size_t first, std::size_t last) {
    const std::size_t count = last - first, d = images.columns();
    detail::draw_nearest_rows(target, seed, step, first_index + first, {images.row(first), count, d, images.stride()},
                              k, {out.row(first), count, d, out.stride()}, function);
  });
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

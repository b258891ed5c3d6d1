// Scoring on coarse samples: for large images and latents, where single values say little and distances hardly differ.
//
//   immiscible::average_pool(images, {4, 64, 64}, 4, coarse_images);      // [n, 4 * 16 * 16]
//   immiscible::average_pool(noise, {4, 64, 64}, 4, coarse_noise);
//   auto paired = immiscible::assign(coarse_images, coarse_noise);        // pairs rows of the full noise
//
// The pooling is orthonormal (the sum over f x f values, divided by f), so that pooled normal noise is normal again, and pooled
// distances are parts of the full ones. A trade, never a default: pairs chosen on samples pooled by 2 / 4 / 8 keep 98 / 95 / 89 %
// of the exact reduction of the distance on photographs (32x32x3), but only 87 / 72 % (2, 4) on Fashion-MNIST, whose edges are sharp.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>
#include <limits>
#include <string>

namespace immiscible {

/// How the d = channels * height * width values of a sample lie: channel after channel, row after row.
struct image_shape {
  std::size_t channels = 1, height = 1, width = 1;
};

inline namespace IMMISCIBLE_BUILD {

/// Each f x f square of each channel becomes its sum divided by f.
///
/// @param samples  [n, d] row-major, host; float or double; d = channels * height * width.
/// @param shape    height and width are multiples of f.
/// @param f        2, 4, 8 or any factor of at least 1; 1 copies.
/// @param out      [n, d / f^2]; overwritten.
/// @throws std::invalid_argument  shapes that do not fit, f < 1; `out` is unchanged then.
///
/// Cost:        one pass. Sums are taken in the samples' type.
/// Determinism: same input, same output.
template <class Samples, class Scalar>
void average_pool(const Samples& samples, const image_shape& shape, std::size_t f, const matrix_view<Scalar>& out);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

inline std::string image_shape_text(const image_shape& shape) {
  return "[" + std::to_string(shape.channels) + ", " + std::to_string(shape.height) + ", " +
         std::to_string(shape.width) + "]";
}

/// Values of a pooled sample. Throws unless d values of this shape can be pooled by f.
inline std::size_t pooled_width(const char* function, std::size_t d, const image_shape& shape, std::size_t f) {
  if (f < 1) fail(function, "needs a pooling factor >= 1, got 0");
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  const bool overflows = shape.height != 0 && shape.width != 0 && shape.channels > most / shape.height / shape.width;
  if (overflows || shape.channels * shape.height * shape.width != d) {
    fail(function, "needs samples of channels * height * width = " + image_shape_text(shape) + " values, got " +
                       std::to_string(d));
  }
  if (shape.height % f != 0 || shape.width % f != 0) {
    fail(function,
         "needs height and width that are multiples of " + std::to_string(f) + ", got " + image_shape_text(shape));
  }
  return d / f / f;
}

}  // namespace detail

template <class Samples, class Scalar>
void average_pool(const Samples& samples_like, const image_shape& shape, std::size_t f,
                  const matrix_view<Scalar>& out) {
  const batch<Scalar> samples = as_batch(samples_like);
  const std::size_t coarse = detail::pooled_width("average_pool", samples.columns(), shape, f);
  if (out.rows() != samples.rows() || out.columns() != coarse) {
    detail::fail("average_pool", "needs out [" + std::to_string(samples.rows()) + ", " + std::to_string(coarse) +
                                     "], got " + detail::shape_text(out));
  }
  if (coarse == 0) return;
  const Scalar share = Scalar(1) / static_cast<Scalar>(f);
  const std::size_t width = shape.width / f, rows = shape.channels * shape.height / f;
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    for (std::size_t r = 0; r < rows; ++r) {  // f divides the height, so squares never cross channels
      const Scalar* const from = samples.row(i) + r * f * shape.width;
      Scalar* const to = out.row(i) + r * width;
      for (std::size_t c = 0; c < width; ++c) {
        Scalar sum = 0;
        for (std::size_t y = 0; y < f; ++y) {
          for (std::size_t x = 0; x < f; ++x) sum += from[y * shape.width + c * f + x];
        }
        to[c] = sum * share;
      }
    }
  }
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

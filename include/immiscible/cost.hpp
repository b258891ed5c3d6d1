// What it costs to give an image a noise: the matrix [n, m] that the solvers minimise, and the distance that users report.
//
//   x_i  image (row of d values)      e_j  noise (row of d values)      c_ij  cost of giving noise j to image i
//
// All costs but `published` are one product of matrices, X E^T, and a pass over its entries. `published` repeats, rounding by
// rounding, the half-precision distances of the authors' released code, so that its permutations can be compared.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost_function.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/half.hpp>
#include <immiscible/detail/onednn.hpp>
#include <immiscible/detail/parallel.hpp>
#include <immiscible/detail/sample_statistics.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// The cost of every pair: out(i, j) = cost of image i with noise j.
///
/// @param images   [n, d] row-major, host (anything `as_batch` takes); float or double; finite.
/// @param noise    [m, d], the same type.
/// @param out      [n, m], the same type; overwritten.
/// @param threads  how many threads share the rows (0: one); the result is the same for any number.
/// @throws std::invalid_argument  shapes that do not fit, a value that is not finite (the row is named), or values so large
///                                that a cost overflows; `out` is unchanged then.
///
/// Cost: 2 n m d operations in the matrix product (float with `immiscible::onednn` linked: oneDNN's; otherwise Eigen's, and
/// then compile with -march=... for its wide kernels), O(n + m) memory besides packing buffers. `published`: n m d element
/// operations, about 20 times slower, and a copy of the samples.
/// Precision: squared_l2 and l2 come from |x|^2 + |e|^2 - 2 x.e, so a squared distance is good to about 1e-7 (float; double: 1e-16) of
/// |x|^2 + |e|^2, not of itself: an image that equals a noise is near 0, not at 0.
/// Reference: Li et al., Immiscible Diffusion, NeurIPS 2024, section 3, and its released code for `published`.
template <class Images, class Noise, class Scalar>
void pairwise_cost(const Images& images, const Noise& noise, cost_function function, const matrix_view<Scalar>& out,
                   std::size_t threads = 1);

/// The mean Euclidean distance |x_i - e_i| between image i and noise row i: the figure the papers report.
///
/// @param images  [n, d], host (anything `as_batch` takes).
/// @param noise   [n, d], the same type.
/// @return        0 for an empty batch.
/// @throws std::invalid_argument  the shapes differ.
template <class Images, class Noise>
double mean_distance(const Images& images, const Noise& noise);

/// The mean Euclidean distance |x_i - e_j|, j = noise_of_image[i].
///
/// @param noise           [m, d]
/// @param noise_of_image  [n] rows of `noise`.
/// @throws std::invalid_argument  the shapes do not fit, or an index is not a row of `noise`.
template <class Images, class Noise>
double mean_distance(const Images& images, const Noise& noise, const std::vector<std::int32_t>& noise_of_image);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

template <class Scalar>
using row_major_matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class Scalar>
using row_vector = Eigen::Matrix<Scalar, 1, Eigen::Dynamic>;

/// The distance of rows, as a type of this build: what Eigen makes of maps that have it, no file of other flags shares.
struct row_stride : Eigen::OuterStride<> {
  using Eigen::OuterStride<>::OuterStride;
};

/// Rows `first` ... `last` - 1 of a view, as an Eigen matrix without a copy.
template <class Scalar>
auto eigen_rows(const matrix_view<Scalar>& view, std::size_t first, std::size_t last) {
  using matrix = row_major_matrix<std::remove_const_t<Scalar>>;
  using constness = std::conditional_t<std::is_const<Scalar>::value, const matrix, matrix>;
  const auto index = [](std::size_t x) { return static_cast<Eigen::Index>(x); };
  return Eigen::Map<constness, Eigen::Unaligned, row_stride>(first == last ? view.data() : view.row(first),
                                                             index(last - first), index(view.columns()),
                                                             row_stride(index(view.stride())));
}

/// Throws unless every value of `samples` is finite; the message names the first row that is not.
template <class Scalar>
void require_finite(const char* function, const char* name, const batch<Scalar>& samples) {
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    const Scalar* row = samples.row(i);
    for (std::size_t k = 0; k < samples.columns(); ++k) {
      if (!std::isfinite(row[k])) {
        fail(function, std::string("needs finite ") + name + ", got " + (std::isnan(row[k]) ? "NaN" : "infinity") +
                           " in row " + std::to_string(i) + ", value " + std::to_string(k));
      }
    }
  }
}

/// |x_i|^2 of every row, in double, and (float) the range of all values.
///
/// @throws std::invalid_argument  a value is not finite (found by its norm; only then is the row searched).
template <class Scalar>
sample_range squared_norms(const char* function, const char* name, const batch<Scalar>& samples,
                           std::vector<double>& out, std::size_t threads = 1) {
  out.resize(samples.rows());
  if (samples.empty()) {
    std::fill(out.begin(), out.end(), 0.0);
    return {};
  }
  statistics_function* const statistics_of_row = statistics_of_row_for(best_target());
  shared_range range;
  for_row_blocks(samples.rows(), threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      if constexpr (std::is_same<Scalar, float>::value) {
        const row_statistics row = statistics_of_row(samples.row(i), samples.columns());
        out[i] = row.squares;
        range.add(row);
      } else {
        const Eigen::Map<const row_vector<Scalar>> row(samples.row(i), static_cast<Eigen::Index>(samples.columns()));
        out[i] = row.squaredNorm();
      }
    }
  });
  for (const double norm : out) {
    if (!std::isfinite(norm)) require_finite(function, name, samples);
  }
  return range.of(out, samples.columns());
}

/// Throws unless images [n, d] and noise [m, d] have the same d.
template <class Scalar>
void require_same_width(const char* function, const batch<Scalar>& images, const batch<Scalar>& noise) {
  if (images.columns() != noise.columns()) {
    fail(function, "needs images and noise with the same number of values per sample, got images " +
                       shape_text(images) + " and noise " + shape_text(noise));
  }
}

/// Throws where a squared distance, a product or a norm of these samples does not fit `Scalar`, or a published distance fp16.
template <class Scalar>
void require_costs_fit(const char* caller, cost_function function, const std::vector<double>& image_norms,
                       const std::vector<double>& noise_norms) {
  const auto largest = [](const std::vector<double>& norms) {
    return norms.empty() ? 0.0 : std::sqrt(*std::max_element(norms.begin(), norms.end()));
  };
  const double reach = largest(image_norms) + largest(noise_norms);
  const double most = std::sqrt(static_cast<double>(std::numeric_limits<Scalar>::max())) / 4;
  if (!(reach < most)) {
    fail(caller, "needs samples whose squared distances fit the scalar type, got norms up to " + std::to_string(reach));
  }
  if (function == cost_function::published && !(reach < 650'000)) {  // a tenth of it, however it is rounded, fits
    fail(caller, "needs samples whose distances fit fp16 for cost_function::published, got norms up to " +
                     std::to_string(reach));
  }
}

/// out = factor * X E^T on rows `first` ... `last` - 1 of the images.
template <class Scalar>
void scaled_product(const batch<Scalar>& images, const batch<Scalar>& noise, Scalar factor, std::size_t first,
                    std::size_t last, const matrix_view<Scalar>& out) {
#ifdef IMMISCIBLE_ONEDNN
  if constexpr (std::is_same<Scalar, float>::value) {
    if (first < last && !noise.empty()) {
      onednn_product(last - first, noise.rows(), images.columns(), factor, images.row(first), images.stride(),
                     noise.data(), noise.stride(), out.row(first), out.stride());
      return;
    }
  }
#endif
  eigen_rows(out, first, last).noalias() =
      factor * (eigen_rows(images, first, last) * eigen_rows(noise, 0, noise.rows()).transpose());
}

/// One row of costs from its row of products -x.e (in `row`, changed in place).
template <class Scalar>
void cost_from_products(cost_function function, double image_norm, const double* noise_norms, std::size_t m,
                        Scalar* row) {
  switch (function) {
    case cost_function::squared_l2:
    case cost_function::l2:
      for (std::size_t j = 0; j < m; ++j) {
        const double squared = std::max(0.0, image_norm + noise_norms[j] + 2.0 * static_cast<double>(row[j]));
        row[j] = static_cast<Scalar>(function == cost_function::l2 ? std::sqrt(squared) : squared);
      }
      return;
    case cost_function::cosine:
      for (std::size_t j = 0; j < m; ++j) {
        const double norms = std::sqrt(image_norm) * std::sqrt(noise_norms[j]);
        const double cost = norms > 0 ? 1.0 + static_cast<double>(row[j]) / norms : 1.0;
        row[j] = static_cast<Scalar>(std::min(std::max(cost, 0.0), 2.0));
      }
      return;
    case cost_function::inner_product:
    case cost_function::published:
      return;
  }
}

/// Throws where a value does not fit fp16, if `function` needs that.
template <class Scalar>
void require_half_range(const char* caller, const char* name, cost_function function, const batch<Scalar>& samples) {
  if (function != cost_function::published) return;
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    for (std::size_t k = 0; k < samples.columns(); ++k) {
      if (std::abs(round_to_half(static_cast<float>(samples(i, k)))) <= largest_half) continue;
      fail(caller, std::string("needs ") + name + " within the range of fp16 for cost_function::published, got " +
                       std::to_string(samples(i, k)) + " in row " + std::to_string(i));
    }
  }
}

/// 0.10 x in fp16, as torch computes it: x rounded to fp16, times 0.10, rounded again. Values are held as floats.
template <class Scalar>
std::vector<float> published_scaling(const batch<Scalar>& samples) {
  std::vector<float> scaled(samples.rows() * samples.columns());
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    for (std::size_t k = 0; k < samples.columns(); ++k) {
      scaled[i * samples.columns() + k] = round_to_half(0.10f * round_to_half(static_cast<float>(samples(i, k))));
    }
  }
  return scaled;
}

/// The fp16 distances of the published code: differences in fp16, their norm accumulated in float and rounded to fp16.
template <class Scalar>
void published_cost(const batch<Scalar>& images, const batch<Scalar>& noise, const matrix_view<Scalar>& out,
                    std::size_t threads) {
  const std::size_t d = images.columns();
  const std::vector<float> x = published_scaling(images), e = published_scaling(noise);
  for_row_blocks(images.rows(), threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      for (std::size_t j = 0; j < noise.rows(); ++j) {
        const float* a = x.data() + i * d;
        const float* b = e.data() + j * d;
        double squares =
            0;  // torch accumulates in float, in an order of its own; the last rounding hides the difference
        for (std::size_t k = 0; k < d; ++k) {
          const float difference = round_to_half(a[k] - b[k]);
          squares += static_cast<double>(difference) * difference;
        }
        out(i, j) = static_cast<Scalar>(round_to_half(static_cast<float>(std::sqrt(squares))));
      }
    }
  });
}

/// The cost of every pair, for samples that were looked at: their squared norms are known, and costs fit.
template <class Scalar>
void pairwise_cost_known(const batch<Scalar>& images, const batch<Scalar>& noise, cost_function function,
                         const std::vector<double>& image_norms, const std::vector<double>& noise_norms,
                         std::size_t threads, const matrix_view<Scalar>& out) {
  if (out.empty()) return;
  if (function == cost_function::published) {
    published_cost(images, noise, out, threads);
    return;
  }
  for_product_blocks(images.rows(), threads, [&](std::size_t first, std::size_t last) {
    scaled_product(images, noise, Scalar(-1), first, last, out);
    for (std::size_t i = first; i < last; ++i) {
      cost_from_products(function, image_norms[i], noise_norms.data(), noise_norms.size(), out.row(i));
    }
  });
}

/// The distance of one pair of rows, squared.
template <class Scalar>
double squared_distance(const Scalar* x, const Scalar* e, std::size_t d) {
  const auto size = static_cast<Eigen::Index>(d);
  const Eigen::Map<const row_vector<Scalar>> a(x, size), b(e, size);
  return (a.template cast<double>() - b.template cast<double>()).squaredNorm();
}

}  // namespace detail

template <class Images, class Noise, class Scalar>
void pairwise_cost(const Images& images_like, const Noise& noise_like, cost_function function,
                   const matrix_view<Scalar>& out, std::size_t threads) {
  const batch<Scalar> images = as_batch(images_like), noise = as_batch(noise_like);
  const char* name = "pairwise_cost";
  detail::require_same_width(name, images, noise);
  if (out.rows() != images.rows() || out.columns() != noise.rows()) {
    detail::fail(name, "needs out [n, m] = [" + std::to_string(images.rows()) + ", " + std::to_string(noise.rows()) +
                           "], got " + detail::shape_text(out));
  }
  std::vector<double> image_norms, noise_norms;
  detail::squared_norms(name, "images", images, image_norms);
  detail::squared_norms(name, "noise", noise, noise_norms);
  detail::require_costs_fit<Scalar>(name, function, image_norms, noise_norms);
  detail::require_half_range(name, "images", function, images);
  detail::require_half_range(name, "noise", function, noise);
  detail::pairwise_cost_known(images, noise, function, image_norms, noise_norms, threads, out);
}

template <class Images, class Noise>
double mean_distance(const Images& images_like, const Noise& noise_like) {
  const auto images = as_batch(images_like), noise = as_batch(noise_like);
  if (images.rows() != noise.rows() || images.columns() != noise.columns()) {
    detail::fail("mean_distance", "needs images and noise of the same shape, got " + detail::shape_text(images) +
                                      " and " + detail::shape_text(noise));
  }
  double sum = 0;
  for (std::size_t i = 0; i < images.rows(); ++i) {
    sum += std::sqrt(detail::squared_distance(images.row(i), noise.row(i), images.columns()));
  }
  return images.rows() == 0 ? 0.0 : sum / static_cast<double>(images.rows());
}

template <class Images, class Noise>
double mean_distance(const Images& images_like, const Noise& noise_like,
                     const std::vector<std::int32_t>& noise_of_image) {
  const auto images = as_batch(images_like), noise = as_batch(noise_like);
  if (images.columns() != noise.columns() || images.rows() != noise_of_image.size()) {
    detail::fail("mean_distance", "needs images [n, d], noise [m, d] and n indices, got " + detail::shape_text(images) +
                                      ", " + detail::shape_text(noise) + " and " +
                                      std::to_string(noise_of_image.size()) + " indices");
  }
  double sum = 0;
  for (std::size_t i = 0; i < images.rows(); ++i) {
    const std::int32_t j = noise_of_image[i];
    if (j < 0 || static_cast<std::size_t>(j) >= noise.rows()) {
      detail::fail("mean_distance", "needs indices of the " + std::to_string(noise.rows()) + " noise rows, got " +
                                        std::to_string(j) + " for image " + std::to_string(i));
    }
    const auto row = noise.row(static_cast<std::size_t>(j));
    sum += std::sqrt(detail::squared_distance(images.row(i), row, images.columns()));
  }
  return images.rows() == 0 ? 0.0 : sum / static_cast<double>(images.rows());
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

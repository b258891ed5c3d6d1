// Distances that leave padding out: for batches of images of different sizes, padded to one.
//
//   immiscible::masked_cost(images, noise, mask, cost);                    // then any solver on `cost`
//   auto nearest = immiscible::nearest_noise_masked(images, candidates, mask, k);
//
// Padding would otherwise count: its noise differs from row to row and has nothing to do with any image.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/parallel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// cost_ij = sum over k of mask_ik (x_ik - e_jk)^2: squared distances on what image i really has.
///
/// @param images   [n, d] row-major, host; float or double; finite, padding too.
/// @param noise    [m, d], the same type.
/// @param mask     [n, d], the same type: 1 where an image has a value, 0 where it is padded; or any weights of at least 0.
/// @param out      [n, m]; overwritten.
/// @param threads  at least 1; share the rows; the result is the same for any number.
/// @throws std::invalid_argument  shapes that do not fit, values that are not finite, a negative weight, or values whose
///                                squared distances, padding counted and times the greatest weight, overflow; `out` is
///                                unchanged then.
///
/// Cost: a product of matrices with 2 d columns, and copies of images and noise of that width.
template <class Images, class Noise, class Mask, class Scalar>
void masked_cost(const Images& images, const Noise& noise, const Mask& mask, const matrix_view<Scalar>& out,
                 std::size_t threads = 1);

/// For each image the nearest of its own k candidates, by masked squared distance: `nearest_noise` with a mask.
///
/// @param images      [n, d] row-major, host; float or double; finite.
/// @param candidates  [n k, d]; rows i k ... i k + k - 1 belong to image i.
/// @param mask        [n, d], as for `masked_cost`.
/// @param k           candidates per image, at least 1.
/// @return            as `nearest_noise`.
/// @throws std::invalid_argument  as `nearest_noise` and `masked_cost`.
///
/// Cost:        O(n k d), no extra memory but the norms.
/// Determinism: of equal costs the lowest row.
template <class Images, class Candidates, class Mask>
assignment nearest_noise_masked(const Images& images, const Candidates& candidates, const Mask& mask, std::size_t k);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Throws unless mask [n, d] has finite weights of at least 0, samples are finite and no masked distance overflows.
template <class Scalar>
void require_masked(const char* function, const batch<Scalar>& images, const batch<Scalar>& noise,
                    const batch<Scalar>& mask) {
  require_same_width(function, images, noise);
  if (mask.rows() != images.rows() || mask.columns() != images.columns()) {
    fail(function, "needs a mask of the shape of the images, " + shape_text(images) + ", got " + shape_text(mask));
  }
  std::vector<double> image_norms, noise_norms, weights;
  squared_norms(function, "images", images, image_norms);
  squared_norms(function, "noise", noise, noise_norms);
  squared_norms(function, "masks", mask, weights);
  Scalar largest = 1;
  for (std::size_t i = 0; i < mask.rows(); ++i) {
    for (std::size_t k = 0; k < mask.columns(); ++k) {
      if (mask(i, k) < 0) {
        fail(function, "needs weights of at least 0, got " + std::to_string(mask(i, k)) + " in row " +
                           std::to_string(i) + ", value " + std::to_string(k));
      }
      largest = std::max(largest, mask(i, k));
    }
  }
  for (double& norm : image_norms) norm *= static_cast<double>(largest);
  for (double& norm : noise_norms) norm *= static_cast<double>(largest);
  require_costs_fit<Scalar>(function, cost_function::squared_l2, image_norms, noise_norms);
}

/// sum of w (x - e)^2
template <class Scalar>
double masked_squared_distance(const Scalar* x, const Scalar* e, const Scalar* w, std::size_t d) {
  const auto size = static_cast<Eigen::Index>(d);
  const Eigen::Map<const row_vector<Scalar>> a(x, size), b(e, size), c(w, size);
  return ((a.template cast<double>() - b.template cast<double>()).array().square() * c.template cast<double>().array())
      .sum();
}

}  // namespace detail

template <class Images, class Noise, class Mask, class Scalar>
void masked_cost(const Images& images_like, const Noise& noise_like, const Mask& mask_like,
                 const matrix_view<Scalar>& out, std::size_t threads) {
  const batch<Scalar> images = as_batch(images_like), noise = as_batch(noise_like), mask = as_batch(mask_like);
  const char* name = "masked_cost";
  const std::size_t n = images.rows(), m = noise.rows(), d = images.columns();
  if (out.rows() != n || out.columns() != m) {
    detail::fail(name, "needs out [n, m] = [" + std::to_string(n) + ", " + std::to_string(m) + "], got " +
                           detail::shape_text(out));
  }
  if (threads < 1) detail::fail(name, "needs threads >= 1, got 0");
  detail::require_masked(name, images, noise, mask);
  if (out.empty()) return;
  // sum w x^2 - 2 sum (w x) e + sum w e^2 = constant of the row + [-2 w x, w] . [e, e^2]
  std::vector<Scalar> left(n * 2 * d), right(m * 2 * d);
  std::vector<double> constant(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < d; ++k) {
      const Scalar weighted = mask(i, k) * images(i, k);
      left[i * 2 * d + k] = -2 * weighted;
      left[i * 2 * d + d + k] = mask(i, k);
      constant[i] += static_cast<double>(weighted) * static_cast<double>(images(i, k));
    }
  }
  for (std::size_t j = 0; j < m; ++j) {
    for (std::size_t k = 0; k < d; ++k) {
      right[j * 2 * d + k] = noise(j, k);
      right[j * 2 * d + d + k] = noise(j, k) * noise(j, k);
    }
  }
  const batch<Scalar> all_left(left.data(), n, 2 * d), all_right(right.data(), m, 2 * d);
  detail::for_product_blocks(n, threads, [&](std::size_t first, std::size_t last) {
    detail::scaled_product(all_left, all_right, Scalar(1), first, last, out);
    for (std::size_t i = first; i < last; ++i) {
      for (std::size_t j = 0; j < m; ++j) {
        out(i, j) = static_cast<Scalar>(std::max(0.0, static_cast<double>(out(i, j)) + constant[i]));
      }
    }
  });
}

template <class Images, class Candidates, class Mask>
assignment nearest_noise_masked(const Images& images_like, const Candidates& candidates_like, const Mask& mask_like,
                                std::size_t k) {
  const auto view = as_batch(images_like);
  using scalar = typename decltype(view)::value_type;
  const batch<scalar> images = view, candidates = as_batch(candidates_like), mask = as_batch(mask_like);
  const char* name = "nearest_noise_masked";
  const std::size_t n = images.rows();
  if (k < 1) detail::fail(name, "needs k >= 1 candidates per image, got 0");
  if (n > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / k || candidates.rows() != n * k) {
    detail::fail(name, "needs candidates [n k, d] with n = " + std::to_string(n) + " and k = " + std::to_string(k) +
                           ", got " + detail::shape_text(candidates));
  }
  detail::require_masked(name, images, candidates, mask);
  assignment out;
  out.noise_of_image.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t c = i * k; c < i * k + k; ++c) {
      const double cost =
          detail::masked_squared_distance(images.row(i), candidates.row(c), mask.row(i), images.columns());
      if (!(cost < least)) continue;
      least = cost;
      out.noise_of_image[i] = static_cast<std::int32_t>(c);
    }
    out.total_cost += least;
  }
  out.lower_bound = out.total_cost;
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

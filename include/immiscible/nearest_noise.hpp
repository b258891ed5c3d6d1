// Nearest of k: each image looks at its own k noise candidates and keeps the nearest. Works at batch size 1.
//
// The kept noise is no longer exactly Gaussian: choosing by distance favours short noise (|e|^2/d about 0.95 for k = 64 and
// images of standard deviation 0.5), and the more so the larger k. k = 1 changes nothing.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace immiscible {

/// For each image the cheapest of its own k candidates.
///
/// @param images      [n, d] row-major, host (anything `as_batch` takes); float or double; finite.
/// @param candidates  [n k, d]; rows i k ... i k + k - 1 belong to image i.
/// @param k           candidates per image, at least 1.
/// @param function    what is least; squared_l2 and l2 choose alike.
/// @return            noise_of_image [n]: rows of `candidates`; no prices; lower_bound == total_cost and status::optimal, for
///                    each image has the best of its own candidates.
/// @throws std::invalid_argument  k < 1, candidates that are not [n k, d], a value that is not finite (the row is named), or
///                                values whose squared distances overflow.
///
/// Cost:        O(n k d), no extra memory but the norms.
/// Determinism: of equal costs the lowest row.
/// Reference:   Li et al., Improved Immiscible Diffusion (2025), KNN noise selection.
template <class Images, class Candidates>
assignment nearest_noise(const Images& images, const Candidates& candidates, std::size_t k,
                         cost_function function = cost_function::squared_l2);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Costs of one image with k candidates. Each product is summed in the same order, so equal candidates cost the same.
template <class Scalar>
void candidate_costs(const batch<Scalar>& image, const batch<Scalar>& own, cost_function function, double image_norm,
                     const double* own_norms, Scalar* costs) {
  const std::size_t k = own.rows();
  if (function == cost_function::published) {
    pairwise_cost(image, own, function, matrix_view<Scalar>(costs, 1, k));
    return;
  }
  const auto d = static_cast<Eigen::Index>(own.columns());
  const Eigen::Map<const row_vector<Scalar>> x(image.data(), d);
  for (std::size_t c = 0; c < k; ++c) costs[c] = -x.dot(Eigen::Map<const row_vector<Scalar>>(own.row(c), d));
  cost_from_products(function, image_norm, own_norms, k, costs);
}

/// Needs checked samples and the squared norms of their rows.
template <class Scalar>
void nearest_noise_into(const batch<Scalar>& images, const batch<Scalar>& candidates, std::size_t k,
                        cost_function function, const std::vector<double>& image_norms,
                        const std::vector<double>& candidate_norms, std::vector<Scalar>& costs, assignment& out) {
  const std::size_t n = images.rows(), d = images.columns();
  out.noise_of_image.resize(n);
  out.image_price.clear();
  out.noise_price.clear();
  out.total_cost = 0;
  out.status = status::optimal;
  if (n == 0) return static_cast<void>(out.lower_bound = 0);  // k may be anything then
  costs.resize(k);
  for (std::size_t i = 0; i < n; ++i) {
    const batch<Scalar> image(images.row(i), 1, d, images.stride());
    const batch<Scalar> own(candidates.row(i * k), k, d, candidates.stride());
    candidate_costs(image, own, function, image_norms[i], candidate_norms.data() + i * k, costs.data());
    std::size_t best = 0;
    for (std::size_t c = 1; c < k; ++c) best = costs[c] < costs[best] ? c : best;
    out.noise_of_image[i] = static_cast<std::int32_t>(i * k + best);
    out.total_cost += static_cast<double>(costs[best]);
  }
  out.lower_bound = out.total_cost;
}

}  // namespace detail

template <class Images, class Candidates>
assignment nearest_noise(const Images& images_like, const Candidates& candidates_like, std::size_t k,
                         cost_function function) {
  const auto view = as_batch(images_like);
  using scalar = typename decltype(view)::value_type;
  const batch<scalar> images = view, candidates = as_batch(candidates_like);
  const char* name = "nearest_noise";
  if (k < 1) detail::fail(name, "needs k >= 1 candidates per image, got 0");
  if (images.rows() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / k ||
      candidates.rows() != images.rows() * k) {
    detail::fail(name, "needs candidates [n k, d] with n = " + std::to_string(images.rows()) +
                           " and k = " + std::to_string(k) + ", got " + detail::shape_text(candidates));
  }
  detail::require_same_width(name, images, candidates);
  std::vector<double> image_norms, candidate_norms;
  detail::squared_norms(name, "images", images, image_norms);
  detail::squared_norms(name, "candidates", candidates, candidate_norms);
  detail::require_costs_fit<scalar>(name, image_norms, candidate_norms);
  detail::require_half_range(name, "images", function, images);
  detail::require_half_range(name, "candidates", function, candidates);
  assignment out;
  std::vector<scalar> costs;
  detail::nearest_noise_into(images, candidates, k, function, image_norms, candidate_norms, costs, out);
  return out;
}

}  // namespace immiscible

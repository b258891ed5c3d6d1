// Nearest of k: each image looks at its own k noise candidates and keeps the nearest. Works at batch size 1.
//
// The kept noise is no longer exactly Gaussian: choosing by distance favours short noise (|e|^2/d about 0.95 for k = 64
// and images of standard deviation 0.5), and the more so the larger k. k = 1 changes nothing.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/philox_block.hpp>
#include <immiscible/philox.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace immiscible {

/// Which of an image's candidates to take: one of the `among` cheapest, all equally likely. 1 is the cheapest itself.
///
/// The choice for image i depends on (seed, step, first_index + i) alone; it shares no random bits with `normal_rows`,
/// so seed and step may be those of the candidates.
struct nearest_choice {
  std::size_t among = 1;
  std::uint64_t seed = 0;
  std::uint64_t step = 0;         ///< below 2^48
  std::uint64_t first_index = 0;  ///< first_index + n at most 2^48: the place of image 0 in the (global) batch
};

inline namespace IMMISCIBLE_BUILD {

/// For each image the cheapest of its own k candidates, or one of the few cheapest.
///
/// @param images      [n, d] row-major, host (anything `as_batch` takes); float or double; finite.
/// @param candidates  [n k, d]; rows i k ... i k + k - 1 belong to image i.
/// @param k           candidates per image, at least 1.
/// @param function    what is least; squared_l2 and l2 choose alike.
/// @param choice      among how many of the cheapest to choose at random, 1 to k; by default the cheapest is taken.
/// @return            noise_of_image [n]: rows of `candidates`; no prices; lower_bound is the sum of the least costs.
///                    With choice.among == 1 total_cost equals it and status is optimal; else status is feasible.
/// @throws std::invalid_argument  k < 1, candidates that are not [n k, d], a value that is not finite (the row is
///                                named), values whose squared distances overflow, or a choice out of range.
///
/// Cost:        O(n k d), no extra memory but the norms (and k indices for a choice among several).
/// Determinism: candidates are ordered by cost, then by row; of equal costs the lowest row is the cheaper.
/// Reference:   Li et al., Improved Immiscible Diffusion (2025), KNN noise selection.
template <class Images, class Candidates>
assignment nearest_noise(const Images& images, const Candidates& candidates, std::size_t k,
                         cost_function function = cost_function::squared_l2, const nearest_choice& choice = {});

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// What k candidates of one image cost (for l2, the square of it). Each product is summed in the same order, so equal
/// candidates cost the same.
template <class Scalar>
void candidate_costs(const batch<Scalar>& image, const batch<Scalar>& own, cost_function function, double image_norm,
                     const double* own_norms, Scalar* costs) {
  const std::size_t k = own.rows();
  if (function == cost_function::published) {
    pairwise_cost(image, own, function, matrix_view<Scalar>(costs, 1, k));
    return;
  }
  if (function == cost_function::l2) function = cost_function::squared_l2;  // roots would make neighbours equal
  const auto d = static_cast<Eigen::Index>(own.columns());
  const Eigen::Map<const row_vector<Scalar>> x(image.data(), d);
  for (std::size_t c = 0; c < k; ++c) costs[c] = -x.dot(Eigen::Map<const row_vector<Scalar>>(own.row(c), d));
  cost_from_products(function, image_norm, own_norms, k, costs);
}

/// A number below `among`, all equally likely to 1 part in 2^32, for image `index` of the step.
inline std::size_t drawn_rank(const nearest_choice& choice, std::uint64_t index) {
  const philox_words words =
      philox_block(philox_counter(philox_stream::choices, choice.step, index, 0),
                   static_cast<std::uint32_t>(choice.seed), static_cast<std::uint32_t>(choice.seed >> 32));
  const std::uint64_t among = choice.among;  // below 2^31: floor(among * (64 random bits) / 2^64)
  return static_cast<std::size_t>((among * words.word[1] + (among * words.word[0] >> 32)) >> 32);
}

/// The candidate of rank `rank`, in the order of cost, then place; the place itself.
template <class Scalar>
std::size_t place_of_rank(const std::vector<Scalar>& costs, std::size_t rank, std::vector<std::size_t>& order) {
  order.resize(costs.size());
  for (std::size_t c = 0; c < order.size(); ++c) order[c] = c;
  const auto chosen = order.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(order.begin(), chosen, order.end(), [&](std::size_t a, std::size_t b) {
    return costs[a] < costs[b] || (costs[a] == costs[b] && a < b);
  });
  return *chosen;
}

/// Needs checked samples, a checked choice and the squared norms of their rows.
template <class Scalar>
void nearest_noise_into(const batch<Scalar>& images, const batch<Scalar>& candidates, std::size_t k,
                        cost_function function, const std::vector<double>& image_norms,
                        const std::vector<double>& candidate_norms, std::vector<Scalar>& costs, assignment& out,
                        const nearest_choice& choice = {}) {
  const std::size_t n = images.rows(), d = images.columns();
  out.noise_of_image.resize(n);
  out.image_price.clear();
  out.noise_price.clear();
  out.total_cost = 0;
  out.lower_bound = 0;
  out.status = choice.among > 1 ? status::feasible : status::optimal;
  if (n == 0) return;  // k may be anything then
  costs.resize(k);
  const auto cost_of = [&](std::size_t c) {
    return function == cost_function::l2 ? std::sqrt(static_cast<double>(costs[c])) : static_cast<double>(costs[c]);
  };
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < n; ++i) {
    const batch<Scalar> image(images.row(i), 1, d, images.stride());
    const batch<Scalar> own(candidates.row(i * k), k, d, candidates.stride());
    candidate_costs(image, own, function, image_norms[i], candidate_norms.data() + i * k, costs.data());
    std::size_t best = 0;
    for (std::size_t c = 1; c < k; ++c) best = costs[c] < costs[best] ? c : best;
    out.lower_bound += cost_of(best);
    if (choice.among > 1) best = place_of_rank(costs, drawn_rank(choice, choice.first_index + i), order);
    out.noise_of_image[i] = static_cast<std::int32_t>(i * k + best);
    out.total_cost += cost_of(best);
  }
}

}  // namespace detail

template <class Images, class Candidates>
assignment nearest_noise(const Images& images_like, const Candidates& candidates_like, std::size_t k,
                         cost_function function, const nearest_choice& choice) {
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
  if (choice.among < 1 || choice.among > k) {
    detail::fail(name, "needs a choice among 1 to k = " + std::to_string(k) +
                           " candidates, got among = " + std::to_string(choice.among));
  }
  detail::check_noise_identity(name, choice.step, choice.first_index, images.rows(), 0);
  detail::require_same_width(name, images, candidates);
  std::vector<double> image_norms, candidate_norms;
  detail::squared_norms(name, "images", images, image_norms);
  detail::squared_norms(name, "candidates", candidates, candidate_norms);
  detail::require_costs_fit<scalar>(name, function, image_norms, candidate_norms);
  detail::require_half_range(name, "images", function, images);
  detail::require_half_range(name, "candidates", function, candidates);
  assignment out;
  std::vector<scalar> costs;
  detail::nearest_noise_into(images, candidates, k, function, image_norms, candidate_norms, costs, out, choice);
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

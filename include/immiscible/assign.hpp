// The verb: which noise should each image of a batch get?
//
//   auto paired = immiscible::assign(images, noise);
//   immiscible::permute_rows(noise, paired.noise_of_image);   // noise row i now belongs to image i
//
// The noise moves, never the image, its label or its caption; and the training target is computed from the noise as moved.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/auction.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/int8_cost.hpp>
#include <immiscible/greedy.hpp>
#include <immiscible/jonker_volgenant.hpp>
#include <immiscible/method.hpp>
#include <immiscible/nearest_noise.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace immiscible {

/// What `assign` does; the default is exact pairing by squared distance.
struct assign_options {
  immiscible::method method = method::exact;
  cost_function cost = cost_function::squared_l2;
  double auction_tolerance = 0.1;  ///< method::auction: epsilon in standard deviations of the cost
  std::size_t candidates = 1;      ///< method::nearest and drawn_nearest: k
  std::size_t threads = 1;         ///< for the matrix of costs; the answer is the same for any number
  immiscible::precision precision = immiscible::precision::full;  ///< of the costs; see `assign`
};

inline namespace IMMISCIBLE_BUILD {

/// Working memory of `assign`; reuse it, and batches of the same or a smaller size allocate next to nothing. One call at a time: threads
/// need one each.
template <class Scalar>
struct assign_workspace {
  std::vector<Scalar> cost;  // [n, m]
  std::vector<double> image_norms, noise_norms;
  jonker_volgenant_workspace<Scalar> exact;
  auction_workspace<Scalar> auction;
  detail::int8_workspace int8;
};

/// Chooses a noise for every image.
///
/// @param images   [n, d] row-major, host: anything `as_batch` takes, such as an Eigen row-major matrix; float or double; finite.
/// @param noise    [m, d], the same type; m >= n ([n k, d] for method::nearest).
/// @param options  method, cost, tolerance, candidates, threads, precision.
/// @return         noise_of_image [n]: rows of `noise`, all different (nearest: each among the image's own candidates).
///                 total_cost and lower_bound are in the units of the cost (squared_l2: summed squared distances). Prices
///                 where the method has them. n = 0 gives no pairs.
/// @throws std::invalid_argument  shapes that do not fit, n > m, a value that is not finite (the row is named), values whose
///                                squared distances overflow, candidates < 1, threads < 1, a tolerance that is not positive,
///                                or precision::int8 for what has no bytes (double samples, other methods and costs, a
///                                program without oneDNN, d > 133,144, rounded costs that int32 does not hold).
///
/// Precision:   precision::int8 rounds the samples to bytes (float samples, exact or auction, squared_l2 or inner_product, in
///              programs that link `immiscible::onednn`). The answer is then exact for the rounded costs, and total_cost and
///              prices are theirs. precision::automatic does so where it is available and rounding hardly matters: on real
///              images such pairs keep 99.95 % and more of the reduction of the distance. `precision` of the answer tells.
/// Cost:        one product of matrices (2 n m d operations) and one [n, m] matrix of costs; then the solver. int8: also one
///              byte for each value of the samples.
///              nearest: O(n k d), no matrix; none: the pairs' own costs, O(n d).
/// Determinism: same input, same answer, for any number of threads.
/// Reference:   Li et al., Immiscible Diffusion, NeurIPS 2024 (exact); Li et al., 2025 (nearest).
template <class Images, class Noise>
assignment assign(const Images& images, const Noise& noise, const assign_options& options = {});

/// The same into the caller's answer and workspace, which is of the samples' type.
template <class Images, class Noise, class Scalar>
void assign(const Images& images, const Noise& noise, const assign_options& options, assignment& out,
            assign_workspace<Scalar>& workspace);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// True if costs in bytes exist for these options. (Not for greedy methods: they need the constants that drop out else.)
template <class Scalar>
bool offers_int8(const assign_options& options) {
  return has_onednn && std::is_same<Scalar, float>::value &&
         (options.method == method::exact || options.method == method::auction) &&
         (options.cost == cost_function::squared_l2 || options.cost == cost_function::inner_product);
}

/// Throws where options make no sense, whatever the samples.
template <class Scalar>
void require_options(const char* name, const assign_options& options) {
  if (options.threads < 1) fail(name, "needs threads >= 1, got 0");
  if (options.method == method::nearest && options.candidates < 1) {
    fail(name, "needs candidates >= 1 for method::nearest, got 0");
  }
  if (options.method == method::auction &&
      !(options.auction_tolerance > 0 && std::isfinite(options.auction_tolerance))) {
    fail(name, "needs auction_tolerance above 0, got " + std::to_string(options.auction_tolerance));
  }
  if (options.precision == precision::int8 && !offers_int8<Scalar>(options)) {
    fail(name, has_onednn ? "needs float samples, method::exact or auction and cost_function::squared_l2 or "
                            "inner_product for precision::int8"
                          : "needs a program that links immiscible::onednn for precision::int8");
  }
}

template <class Scalar>
void require_assignable(const batch<Scalar>& images, const batch<Scalar>& noise, const assign_options& options) {
  const char* name = "assign";
  const std::size_t n = images.rows(), k = options.candidates;
  require_same_width(name, images, noise);
  require_options<Scalar>(name, options);
  if (options.method == method::drawn_nearest) {
    fail(name, "needs another method than drawn_nearest, which draws its own noise: take noise_matcher");
  }
  if (options.method == method::nearest) {
    if (n > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / k || noise.rows() != n * k) {
      fail(name, "needs noise [n k, d] for method::nearest with n = " + std::to_string(n) +
                     " and k = " + std::to_string(k) + ", got " + shape_text(noise));
    }
  } else if (n > noise.rows()) {
    fail(name, "needs at least as many noises as images, got images " + shape_text(images) + " and noise " +
                   shape_text(noise));
  }
  if (noise.rows() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    fail(name, "needs at most 2^31 - 1 noises, got " + shape_text(noise));
  }
}

/// Squared distances without what every matching shares: -2 x.e, plus |e|^2 where some noises stay unused (n < m).
template <class Scalar>
void reduced_squared_l2(const batch<Scalar>& images, const batch<Scalar>& noise, std::size_t threads,
                        assign_workspace<Scalar>& workspace, const matrix_view<Scalar>& out) {
  const bool rectangular = images.rows() < noise.rows();
  for_product_blocks(images.rows(), threads, [&](std::size_t first, std::size_t last) {
    scaled_product(images, noise, Scalar(-2), first, last, out);
    if (!rectangular) return;
    for (std::size_t i = first; i < last; ++i) {
      for (std::size_t j = 0; j < noise.rows(); ++j) out(i, j) += static_cast<Scalar>(workspace.noise_norms[j]);
    }
  });
}

/// Puts the constants that `reduced_squared_l2` left out back into prices and totals.
template <class Scalar>
void restore_constants(bool rectangular, const assign_workspace<Scalar>& workspace, assignment& out) {
  double constant = 0;
  for (const double norm : workspace.image_norms) constant += norm;
  for (std::size_t i = 0; i < out.image_price.size(); ++i) out.image_price[i] += workspace.image_norms[i];
  if (!rectangular) {
    for (const double norm : workspace.noise_norms) constant += norm;
    for (std::size_t j = 0; j < out.noise_price.size(); ++j) out.noise_price[j] += workspace.noise_norms[j];
  }
  out.total_cost += constant;
  out.lower_bound += constant;
}

template <class Scalar>
void solve(const batch<Scalar>& cost, const assign_options& options, assignment& out,
           assign_workspace<Scalar>& workspace) {
  switch (options.method) {
    case method::exact:
      jonker_volgenant(cost, out, workspace.exact);
      return;
    case method::auction:
      auction(cost, auction_options{options.auction_tolerance}, out, workspace.auction);
      return;
    case method::greedy:
      out = greedy(cost);
      return;
    case method::greedy_by_row:
      out = greedy_by_row(cost);
      return;
    case method::nearest:
    case method::drawn_nearest:
    case method::none:
      return;  // these need no matrix of costs
  }
}

/// What is known of the noise before it is assigned; its squared norms stand in the workspace.
struct known_noise {
  sample_range range;
  const byte_rounding* rounding = nullptr;  // of its bytes, if they stand in the workspace already
};

#ifdef IMMISCIBLE_ONEDNN
/// `assign` on samples rounded to bytes, if the options ask for it and it can be done. @return false: nothing was done
inline bool assign_in_int8(const batch<float>& images, const batch<float>& noise, const assign_options& options,
                           const sample_range& image_range, const known_noise& known, assignment& out,
                           assign_workspace<float>& workspace) {
  constexpr double worth_it = 1 << 20;  // products of two values; below, float takes microseconds
  const std::size_t n = images.rows(), m = noise.rows(), d = images.columns();
  if (options.precision == precision::full || !offers_int8<float>(options) || images.empty()) return false;
  const int8_rounding rounding =
      rounding_to_int8(image_range, known.rounding != nullptr ? *known.rounding : rounding_of_noise(known.range));
  const bool fits = fits_int8(n, m, d, rounding, workspace.noise_norms);
  if (options.precision == precision::automatic) {
    const double products = static_cast<double>(n) * static_cast<double>(m) * static_cast<double>(d);
    if (!fits || products < worth_it || !rounds_well(images, known.range, rounding)) return false;
  } else if (!fits) {
    fail("assign", "needs samples whose rounded costs fit int32 for precision::int8, got images " + shape_text(images) +
                       " with values from " + std::to_string(image_range.least) + " to " +
                       std::to_string(image_range.most));
  }
  const bool distances = options.cost == cost_function::squared_l2;
  int8_workspace& work = workspace.int8;
  if (known.rounding == nullptr) round_to_bytes(noise, rounding.noise, options.threads, work.noise, &work.noise_sum);
  int8_costs(images, m, rounding, distances, workspace.noise_norms, options.threads, work);
  const batch<std::int32_t> cost(work.cost.data(), n, m);
  if (options.method == method::exact) {
    jonker_volgenant(cost, work.answer, work.exact);
  } else {
    auction(cost, auction_options{options.auction_tolerance}, work.answer, work.auction);
  }
  write_int8_answer(work, distances ? 2 * rounding.unit : rounding.unit, rounding.zero, n == m, out);
  if (distances) restore_constants(n < m, workspace, out);
  return true;
}
#endif

/// Image i gets noise i.
template <class Scalar>
void keep_order(const batch<Scalar>& images, const batch<Scalar>& noise, cost_function function,
                assign_workspace<Scalar>& workspace, assignment& out) {
  const batch<Scalar> first(noise.data(), images.rows(), noise.columns(), noise.stride());
  nearest_noise_into(images, first, 1, function, workspace.image_norms, workspace.noise_norms, workspace.cost, out);
  out.lower_bound = -std::numeric_limits<double>::infinity();
  out.status = status::feasible;
}

/// `assign` for options that suit (`require_assignable`) and noise that was looked at.
template <class Scalar>
void assign_known(const batch<Scalar>& images, const batch<Scalar>& noise, const assign_options& options,
                  const known_noise& known, assignment& out, assign_workspace<Scalar>& workspace) {
  const sample_range image_range = squared_norms("assign", "images", images, workspace.image_norms, options.threads);
  require_costs_fit<Scalar>("assign", options.cost, workspace.image_norms, workspace.noise_norms);
  require_half_range("assign", "images", options.cost, images);
  require_half_range("assign", "noise", options.cost, noise);
  out.precision = precision::full;
#ifdef IMMISCIBLE_ONEDNN
  if constexpr (std::is_same<Scalar, float>::value) {
    if (assign_in_int8(images, noise, options, image_range, known, out, workspace)) {
      out.precision = precision::int8;
      return;
    }
  }
#else
  static_cast<void>(image_range);
  static_cast<void>(known);
#endif
  if (options.method == method::nearest) {
    nearest_noise_into(images, noise, options.candidates, options.cost, workspace.image_norms, workspace.noise_norms,
                       workspace.cost, out);
    return;
  }
  if (options.method == method::none) {
    keep_order(images, noise, options.cost, workspace, out);
    return;
  }
  workspace.cost.resize(images.rows() * noise.rows());
  const matrix_view<Scalar> cost(workspace.cost.data(), images.rows(), noise.rows());
  // The optimum does not depend on what all matchings share; greedy choices do.
  const bool reduced = options.cost == cost_function::squared_l2 &&
                       (options.method == method::exact || options.method == method::auction) && !cost.empty();
  if (reduced) {
    reduced_squared_l2(images, noise, options.threads, workspace, cost);
  } else {
    pairwise_cost_known(images, noise, options.cost, workspace.image_norms, workspace.noise_norms, options.threads,
                        cost);
  }
  solve(batch<Scalar>(cost), options, out, workspace);
  if (reduced) restore_constants(images.rows() < noise.rows(), workspace, out);
}

}  // namespace detail

template <class Images, class Noise, class Scalar>
void assign(const Images& images_like, const Noise& noise_like, const assign_options& options, assignment& out,
            assign_workspace<Scalar>& workspace) {
  static_assert(std::is_same<Scalar, float>::value || std::is_same<Scalar, double>::value,
                "immiscible::assign: samples are float or double");
  const batch<Scalar> images = as_batch(images_like), noise = as_batch(noise_like);
  detail::require_assignable(images, noise, options);
  detail::known_noise known;
  known.range = detail::squared_norms("assign", "noise", noise, workspace.noise_norms, options.threads);
  detail::assign_known(images, noise, options, known, out, workspace);
}

template <class Images, class Noise>
assignment assign(const Images& images, const Noise& noise, const assign_options& options) {
  assignment out;
  const auto view = as_batch(images);  // of a type, where the user's as_batch returns a reference
  assign_workspace<typename decltype(view)::value_type> workspace;
  assign(images, noise, options, out, workspace);
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// Pairing that respects conditions: noise is exchanged only within a class, bucket or shape, or across them at a price.
//
//   auto paired = immiscible::assign_in_groups(images, noise, labels);          // noise row i stays in image i's group
//   auto paired = immiscible::assign_with_conditions(images, noise, conditions, weight);
//
// In class-conditional training, pairing across classes ties the noise to the class: at sampling time, noise is drawn without
// asking for the class, and the network meets pairs that it has not seen. Within groups nothing of the kind happens. Groups
// should have members enough: of a batch of 64 over 10 classes each has 6, of a window of 1,024 about 100 (matched_loader.hpp).
#pragma once

#include <immiscible/assign.hpp>
#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Working memory of `assign_in_groups`.
template <class Scalar>
struct groups_workspace {
  struct of_thread {
    std::vector<Scalar> images, noise;  // of one group, row after row
    assignment answer;
    assign_workspace<Scalar> solver;
  };
  std::vector<std::size_t> row, begin;  // rows, group after group; where each group begins, and the end
  std::vector<double> norms;
  std::vector<of_thread> threads;
  std::vector<assignment> answers;
};

/// Chooses a noise for every image among the noises of its group.
///
/// @param images   [n, d] row-major, host; float or double; finite.
/// @param noise    [n, d], the same type. Noise row i belongs to the group of image i, before and after.
/// @param group    [n] any labels; equal labels are one group.
/// @param options  as for `assign`, for every group, but method::nearest, whose images choose alone; `threads` share the groups.
/// @return         noise_of_image [n], a permutation that stays within groups. Prices prove each group for itself. total_cost
///                 and lower_bound are sums over the groups; status::optimal if every group is; precision::full unless every
///                 group was solved in bytes.
/// @throws std::invalid_argument  as `assign`; shapes or the number of labels differ; method::nearest.
///
/// Cost:        that of the groups, and one copy of the samples. Memory: copies of one group for each thread.
/// Determinism: same input, same answer, for any number of threads. One group gives what `assign` gives.
template <class Scalar>
void assign_in_groups(const batch<Scalar>& images, const batch<Scalar>& noise, const std::vector<std::int64_t>& group,
                      const assign_options& options, assignment& out, groups_workspace<Scalar>& workspace);

/// The same with memory of its own, for anything `as_batch` takes.
template <class Images, class Noise>
assignment assign_in_groups(const Images& images, const Noise& noise, const std::vector<std::int64_t>& group,
                            const assign_options& options = {});

/// Chooses a noise for every image, and lets it pay for taking one of another condition:
/// cost_ij = |x_i - e_j|^2 + weight |c_i - c_j|^2.
///
/// Noise j has the condition of image j: pairs of like conditions exchange freely, others the less the greater the weight.
/// weight = 0 is `assign`; the greater the weight, the nearer to `assign_in_groups` on labels. In float keep weight |c|^2 below about
/// 10^5 |x|^2, or the penalty swallows what tells the samples apart; for a strict separation take groups.
///
/// @param images      [n, d] row-major, host; float or double; finite.
/// @param noise       [n, d], the same type.
/// @param conditions  [n, c], the same type; embeddings, coordinates or one-hot labels.
/// @param weight      at least 0, in squared units of the samples per squared unit of the conditions.
/// @param options     method::exact, auction, greedy or greedy_by_row, cost_function::squared_l2, precision::full or automatic
///                    (which is full here).
/// @return            as `assign`; costs and prices contain the penalty.
/// @throws std::invalid_argument  as `assign`; conditions that are not [n, c]; a weight that is negative or not finite; other
///                                options.
///
/// Cost:        as `assign` with d + c values a sample, and a copy of the samples.
/// Determinism: as `assign`.
/// Reference:   Cheng and Schwing, The Curse of Conditions (2025), arXiv 2503.10636.
template <class Images, class Noise, class Conditions>
assignment assign_with_conditions(const Images& images, const Noise& noise, const Conditions& conditions, double weight,
                                  const assign_options& options = {});

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// row = all rows, group after group, each in order; begin = where each group begins, and the end.
inline void sort_into_groups(const std::vector<std::int64_t>& group, std::vector<std::size_t>& row,
                             std::vector<std::size_t>& begin) {
  const std::size_t n = group.size();
  row.resize(n);
  std::iota(row.begin(), row.end(), std::size_t{0});
  std::sort(row.begin(), row.end(),
            [&](std::size_t a, std::size_t b) { return group[a] != group[b] ? group[a] < group[b] : a < b; });
  begin.clear();
  for (std::size_t r = 0; r < n; ++r) {
    if (r == 0 || group[row[r]] != group[row[r - 1]]) begin.push_back(r);
  }
  begin.push_back(n);
}

/// The rows `row[first ... last - 1]` of `samples`, one after the other: a view of them, or of a copy.
template <class Scalar>
batch<Scalar> rows_together(const batch<Scalar>& samples, const std::vector<std::size_t>& row, std::size_t first,
                            std::size_t last, std::vector<Scalar>& copy) {
  const std::size_t count = last - first, d = samples.columns();
  if (row[last - 1] - row[first] + 1 == count) return {samples.row(row[first]), count, d, samples.stride()};
  copy.resize(count * d);
  for (std::size_t r = 0; r < count; ++r) std::copy_n(samples.row(row[first + r]), d, copy.data() + r * d);
  return {copy.data(), count, d};
}

/// Puts the answers to all groups together.
inline void join_groups(const std::vector<std::size_t>& row, const std::vector<std::size_t>& begin,
                        const std::vector<assignment>& answers, assignment& out) {
  const std::size_t n = row.size(), groups = begin.size() - 1;
  bool priced = true, in_bytes = groups > 0;
  out.noise_of_image.assign(n, -1);
  out.total_cost = out.lower_bound = 0;
  out.status = status::optimal;
  for (std::size_t g = 0; g < groups; ++g) {
    const assignment& own = answers[g];
    priced &= !own.image_price.empty();
    in_bytes &= own.precision == precision::int8;
    out.total_cost += own.total_cost;
    out.lower_bound += own.lower_bound;
    if (own.status == status::infeasible || (own.status == status::feasible && out.status == status::optimal)) {
      out.status = own.status;
    }
  }
  out.precision = in_bytes ? precision::int8 : precision::full;
  out.image_price.assign(priced ? n : 0, 0);
  out.noise_price.assign(priced ? n : 0, 0);
  if (out.status == status::infeasible) return;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t* const member = row.data() + begin[g];
    for (std::size_t r = 0; r < begin[g + 1] - begin[g]; ++r) {
      const auto chosen = static_cast<std::size_t>(answers[g].noise_of_image[r]);
      out.noise_of_image[member[r]] = static_cast<std::int32_t>(member[chosen]);
      if (!priced) continue;
      out.image_price[member[r]] = answers[g].image_price[r];
      out.noise_price[member[r]] = answers[g].noise_price[r];
    }
  }
}

/// [x_i, factor c_i] for every row.
template <class Scalar>
std::vector<Scalar> with_conditions(const batch<Scalar>& samples, const batch<Scalar>& conditions, Scalar factor) {
  const std::size_t d = samples.columns(), c = conditions.columns();
  std::vector<Scalar> joined(samples.rows() * (d + c));
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    Scalar* const row = joined.data() + i * (d + c);
    std::copy_n(samples.row(i), d, row);
    for (std::size_t k = 0; k < c; ++k) row[d + k] = factor * conditions(i, k);
  }
  return joined;
}

}  // namespace detail

template <class Scalar>
void assign_in_groups(const batch<Scalar>& images, const batch<Scalar>& noise, const std::vector<std::int64_t>& group,
                      const assign_options& options, assignment& out, groups_workspace<Scalar>& workspace) {
  const char* name = "assign_in_groups";
  if (images.rows() != noise.rows()) {
    detail::fail(name, "needs as many noises as images, got images " + detail::shape_text(images) + " and noise " +
                           detail::shape_text(noise));
  }
  if (group.size() != images.rows()) {
    detail::fail(name, "needs a label for each of the " + std::to_string(images.rows()) + " images, got " +
                           std::to_string(group.size()));
  }
  if (options.method == method::nearest) {
    detail::fail(name, "needs another method than nearest, whose images choose among candidates of their own");
  }
  detail::require_assignable(images, noise, options);
  detail::squared_norms(name, "images", images, workspace.norms,
                        options.threads);  // which name rows as the caller does
  detail::squared_norms(name, "noise", noise, workspace.norms, options.threads);
  detail::require_half_range(name, "images", options.cost, images);
  detail::require_half_range(name, "noise", options.cost, noise);

  detail::sort_into_groups(group, workspace.row, workspace.begin);
  const std::size_t groups = workspace.begin.size() - 1;
  const std::size_t team = detail::team_size(groups, options.threads);
  if (workspace.threads.size() < team) workspace.threads.resize(team);
  if (workspace.answers.size() < groups) workspace.answers.resize(groups);
  assign_options each = options;
  if (groups > 1) each.threads = 1;
  detail::for_each_problem(groups, options.threads, [&](std::size_t g, std::size_t thread) {
    auto& own = workspace.threads[thread];
    const std::size_t first = workspace.begin[g], last = workspace.begin[g + 1];
    assign(detail::rows_together(images, workspace.row, first, last, own.images),
           detail::rows_together(noise, workspace.row, first, last, own.noise), each, workspace.answers[g], own.solver);
  });
  detail::join_groups(workspace.row, workspace.begin, workspace.answers, out);
}

template <class Images, class Noise>
assignment assign_in_groups(const Images& images_like, const Noise& noise_like, const std::vector<std::int64_t>& group,
                            const assign_options& options) {
  const auto view = as_batch(images_like);
  using scalar = typename decltype(view)::value_type;
  assignment out;
  groups_workspace<scalar> workspace;
  assign_in_groups(batch<scalar>(view), batch<scalar>(as_batch(noise_like)), group, options, out, workspace);
  return out;
}

template <class Images, class Noise, class Conditions>
assignment assign_with_conditions(const Images& images_like, const Noise& noise_like, const Conditions& conditions_like,
                                  double weight, const assign_options& options) {
  const auto view = as_batch(images_like);
  using scalar = typename decltype(view)::value_type;
  const batch<scalar> images = view, noise = as_batch(noise_like), conditions = as_batch(conditions_like);
  const char* name = "assign_with_conditions";
  if (images.rows() != noise.rows() || conditions.rows() != images.rows()) {
    detail::fail(name, "needs as many noises and conditions as images, got images " + detail::shape_text(images) +
                           ", noise " + detail::shape_text(noise) + ", conditions " + detail::shape_text(conditions));
  }
  if (!(weight >= 0 && std::isfinite(weight))) {
    detail::fail(name, "needs a finite weight of at least 0, got " + std::to_string(weight));
  }
  const double root = std::sqrt(weight);
  if (root > static_cast<double>(std::numeric_limits<scalar>::max())) {
    detail::fail(name, "needs a weight whose root is finite in the samples' type, got " + std::to_string(weight));
  }
  if (options.method == method::nearest || options.method == method::none) {
    detail::fail(name, "needs method::exact, auction, greedy or greedy_by_row");
  }
  if (options.cost != cost_function::squared_l2 || options.precision == precision::int8) {
    detail::fail(name, "needs cost_function::squared_l2 and precision::full or automatic");
  }
  detail::require_same_width(name, images, noise);
  std::vector<double> norms;
  detail::squared_norms(name, "images", images, norms);
  detail::squared_norms(name, "noise", noise, norms);
  detail::squared_norms(name, "conditions", conditions, norms);

  const std::size_t n = images.rows(), width = images.columns() + conditions.columns();
  const auto factor = static_cast<scalar>(root);
  const std::vector<scalar> joined_images = detail::with_conditions(images, conditions, factor);
  const std::vector<scalar> joined_noise = detail::with_conditions(noise, conditions, factor);
  assign_options full = options;
  full.precision = precision::full;
  return assign(batch<scalar>(joined_images.data(), n, width), batch<scalar>(joined_noise.data(), n, width), full);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

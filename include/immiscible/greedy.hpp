// Quick assignments without a proof: nearest pair first, or row after row.
//
// Ties are broken by a total order, so the answer is the same everywhere: of pairs with equal cost the one with the lower
// image index comes first, then the one with the lower noise index.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/answers.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Takes the cheapest pair of all, removes its image and its noise, and so on (global nearest pair first).
///
/// Keeps 74 to 78 % of the exact solver's distance reduction on squared distances of Fashion-MNIST and noise (n = 64 to 2048,
/// `./run bench greedy`). Prefer `jonker_volgenant`: on such costs it is the faster one.
///
/// @param cost  [n, m] row-major, host, n <= m (anything `as_batch` takes); +infinity forbids a pair.
/// @return      a matching with status::feasible, no prices and lower_bound = sum of the row minima. When +infinity costs
///              leave a row without a column: status::infeasible, -1 everywhere; another method may still find a matching, which
///              costs no less than lower_bound.
/// @throws std::invalid_argument  n > m, or a cost that is NaN or -infinity.
///
/// Cost:        O(n m + r m + n log n) with r rows rescanned because their column was taken; O(n + m) memory.
/// Determinism: total order (cost, image, noise).
template <class Costs>
auto greedy(const Costs& cost);

/// Gives each image in turn the cheapest noise that is left.
///
/// Keeps 71 to 82 % of the exact solver's distance reduction there. Contract as `greedy`.
///
/// Cost:        O(n m), O(m) memory.
/// Determinism: images in order; of equal costs the lowest noise index.
template <class Costs>
auto greedy_by_row(const Costs& cost);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// The cheapest column of a row among those not taken; the lowest index among equals; -1 if all are taken or forbidden.
template <class Cost>
std::int32_t cheapest_free_column(const Cost* row, const std::vector<char>& taken) {
  std::int32_t best = -1;
  for (std::size_t j = 0; j < taken.size(); ++j) {
    if (taken[j] || is_forbidden(row[j])) continue;
    if (best < 0 || row[j] < row[best]) best = static_cast<std::int32_t>(j);
  }
  return best;
}

/// No matching costs less.
template <class Cost>
double sum_of_row_minima(const batch<Cost>& cost) {
  double sum = 0;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    sum += static_cast<double>(*std::min_element(cost.row(i), cost.row(i) + cost.columns()));
  }
  return sum;
}

/// Writes that a row is left without a column.
template <class Cost, class Price>
void write_stuck(const batch<Cost>& cost, basic_assignment<Price>& out) {
  write_infeasible(cost.rows(), out);
  out.lower_bound = sum_of_row_minima(cost);
}

/// Turns chosen columns into an answer: costs, and the sum of row minima as a lower bound.
template <class Cost, class Price>
void write_unproved(const batch<Cost>& cost, const std::vector<std::int32_t>& column_of_row,
                    basic_assignment<Price>& out) {
  out.noise_of_image = column_of_row;
  out.image_price.clear();
  out.noise_price.clear();
  out.total_cost = 0;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    out.total_cost += static_cast<double>(cost(i, static_cast<std::size_t>(column_of_row[i])));
  }
  out.lower_bound = sum_of_row_minima(cost);
  out.status = status::feasible;
}

}  // namespace detail

template <class Costs>
auto greedy(const Costs& cost_like) {
  const auto view = as_batch(cost_like);
  using scalar = typename decltype(view)::value_type;
  const batch<scalar> cost = view;
  detail::require_costs("greedy", cost);
  const std::size_t n = cost.rows();
  basic_assignment<price_of<scalar>> out;
  std::vector<char> taken(cost.columns(), 0);
  std::vector<std::int32_t> column_of_row(n, -1);

  // Each row waits in the queue with the cheapest column it knows. A row whose column was taken meanwhile looks again;
  // its cost can only rise, so the top of the queue with a free column is the cheapest pair of all.
  using entry = std::tuple<scalar, std::int32_t, std::int32_t>;  // cost, row, column
  std::priority_queue<entry, std::vector<entry>, std::greater<entry>> queue;
  const auto enqueue = [&](std::int32_t i) {
    const scalar* row = cost.row(static_cast<std::size_t>(i));
    const std::int32_t j = detail::cheapest_free_column(row, taken);
    if (j >= 0) queue.push(entry(row[j], i, j));
    return j >= 0;
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (!enqueue(static_cast<std::int32_t>(i))) return detail::write_stuck(cost, out), out;
  }
  while (!queue.empty()) {
    const std::int32_t i = std::get<1>(queue.top()), j = std::get<2>(queue.top());
    queue.pop();
    if (!taken[static_cast<std::size_t>(j)]) {
      taken[static_cast<std::size_t>(j)] = 1;
      column_of_row[static_cast<std::size_t>(i)] = j;
    } else if (!enqueue(i)) {
      return detail::write_stuck(cost, out), out;
    }
  }
  detail::write_unproved(cost, column_of_row, out);
  return out;
}

template <class Costs>
auto greedy_by_row(const Costs& cost_like) {
  const auto view = as_batch(cost_like);
  using scalar = typename decltype(view)::value_type;
  const batch<scalar> cost = view;
  detail::require_costs("greedy_by_row", cost);
  basic_assignment<price_of<scalar>> out;
  std::vector<char> taken(cost.columns(), 0);
  std::vector<std::int32_t> column_of_row(cost.rows(), -1);
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    const std::int32_t j = detail::cheapest_free_column(cost.row(i), taken);
    if (j < 0) return detail::write_stuck(cost, out), out;
    taken[static_cast<std::size_t>(j)] = 1;
    column_of_row[i] = j;
  }
  detail::write_unproved(cost, column_of_row, out);
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// An assignment within a chosen distance of the best: Bertsekas' auction.
//
//   v_j  price of column j (falls as it is bid for)   u_i = min_j (c_ij - v_j)   epsilon  what a bid may be off by
//
// Every free row bids for the column with its least reduced cost c_ij - v_j; the column's price falls until that column is
// epsilon worse than the row's second best, and the row that had it is free again. Every assigned pair keeps
// c_ij - v_j <= u_i + epsilon (epsilon-complementary slackness), so the whole is at most n epsilon above the optimum, and
// sum u + sum v is a lower bound that says how much it really is.
//
// Bids are capped. Where the cap is reached (costs that force long price wars, or infinities that forbid any matching) the
// exact solver finishes from the prices reached, so the promise and the termination hold for every input.
//
// Reference: Bertsekas, Annals of Operations Research 14 (1988). Departure: one phase from centred columns instead of epsilon
// scaling, the cap, and the exact finish.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/shortest_paths.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace immiscible {

/// How close to the optimum `auction` comes.
struct auction_options {
  /// Epsilon in standard deviations of the (row- and column-centred) cost; above 0.
  double tolerance = 0.1;
};

/// A matching whose total cost is at most n epsilon above the optimum, with a lower bound that says how far it is.
///
/// At the default tolerance it keeps 99 % of the exact solver's distance reduction on image-noise costs.
///
/// @param cost     [n, m] row-major, host, n <= m (anything `as_batch` takes); +infinity forbids a pair.
/// @param options  tolerance > 0 and finite.
/// @return         as `jonker_volgenant`, but with status::feasible, the prices reached, and lower_bound <= optimum <=
///                 total_cost <= optimum + n epsilon; status::optimal where the prices happen to prove it.
/// @throws std::invalid_argument  a tolerance that is not positive and finite, n > m, or a cost that is NaN or -infinity.
///
/// Cost:        about 10 row scans a row on image-noise costs; at most 64 n + an exact finish. O(n + m) memory.
/// Determinism: the same answer every time; of equal reduced costs the lowest column.
template <class Costs>
auto auction(const Costs& cost, const auction_options& options = {});

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// The cheapest and the second cheapest reduced cost of a row.
struct two_best {
  double best, second;
  std::size_t column;  // of the best; the lowest among equals
};

template <class Cost>
two_best two_best_columns(const Cost* costs, const std::vector<double>& price) {
  two_best found{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(), 0};
  for (std::size_t j = 0; j < price.size(); ++j) {
    const double reduced = static_cast<double>(costs[j]) - price[j];
    if (reduced < found.best) {
      found.second = found.best;
      found.best = reduced;
      found.column = j;
    } else if (reduced < found.second) {
      found.second = reduced;
    }
  }
  return found;
}

/// Standard deviation of the finite costs after taking off `price` and each row's mean, on at most 64 rows.
template <class Cost>
double centred_deviation(const batch<Cost>& cost, const std::vector<double>& price) {
  const std::size_t step = std::max<std::size_t>(1, cost.rows() / 64);
  double squares = 0, count = 0;
  for (std::size_t i = 0; i < cost.rows(); i += step) {
    double sum = 0, sum_of_squares = 0, finite = 0;
    for (std::size_t j = 0; j < cost.columns(); ++j) {
      const double c = static_cast<double>(cost(i, j)) - price[j];
      if (!std::isfinite(c)) continue;
      sum += c;
      sum_of_squares += c * c;
      ++finite;
    }
    if (finite == 0) continue;
    squares += std::max(0.0, sum_of_squares - sum * sum / finite);
    count += finite;
  }
  return count > 0 ? std::sqrt(squares / count) : 0;
}

/// Bids until every row has a column, or `cap` bids are spent. @return true if every row has one.
template <class Cost>
bool bid_until_assigned(const batch<Cost>& cost, double epsilon, std::size_t cap, shortest_paths_state<double>& s) {
  std::vector<std::int32_t> waiting;
  for (std::size_t i = cost.rows(); i-- > 0;) {
    if (s.column_of_row[i] < 0) waiting.push_back(static_cast<std::int32_t>(i));
  }
  for (; !waiting.empty(); --cap) {
    if (cap == 0) return false;
    const std::int32_t i = waiting.back();
    const two_best bid = two_best_columns(cost.row(static_cast<std::size_t>(i)), s.noise_price);
    if (!std::isfinite(bid.second)) return false;  // fewer than two columns to choose from: no price to bid
    waiting.pop_back();
    const std::int32_t previous = s.row_of_column[bid.column];
    s.noise_price[bid.column] -= bid.second - bid.best + epsilon;
    s.row_of_column[bid.column] = i;
    s.column_of_row[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(bid.column);
    if (previous >= 0) {
      s.column_of_row[static_cast<std::size_t>(previous)] = -1;
      waiting.push_back(previous);
    }
  }
  return true;
}

/// Frees every row that is not exactly tight with its column, so that the exact finish may take over. When n < m a column
/// that ends up free must not keep a fallen price: everything starts again from zero prices then.
template <class Cost>
void keep_tight_pairs(const batch<Cost>& cost, shortest_paths_state<double>& s) {
  bool freed = false;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    const std::int32_t j = s.column_of_row[i];
    if (j < 0) continue;
    const double own =
        static_cast<double>(cost(i, static_cast<std::size_t>(j))) - s.noise_price[static_cast<std::size_t>(j)];
    if (own <= two_best_columns(cost.row(i), s.noise_price).best) continue;
    s.row_of_column[static_cast<std::size_t>(j)] = -1;
    s.column_of_row[i] = -1;
    freed = true;
  }
  if (freed && cost.rows() < cost.columns()) start_from_column_means(cost, s);
}

/// The answer of an auction: its pairs, prices and the lower bound sum u + sum v.
template <class Cost, class Price>
void write_bounded(const batch<Cost>& cost, const shortest_paths_state<double>& s, basic_assignment<Price>& out) {
  out.noise_of_image = s.column_of_row;
  out.image_price.resize(cost.rows());
  out.noise_price.resize(cost.columns());
  double total = 0, bound = 0;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    const double u = two_best_columns(cost.row(i), s.noise_price).best;
    out.image_price[i] = static_cast<Price>(u);
    bound += u;
    total += static_cast<double>(cost(i, static_cast<std::size_t>(s.column_of_row[i])));
  }
  for (std::size_t j = 0; j < cost.columns(); ++j) {
    out.noise_price[j] = static_cast<Price>(s.noise_price[j]);
    bound += s.noise_price[j];
  }
  out.total_cost = total;
  out.lower_bound = std::min(bound, total);
  out.status = status::feasible;
}

}  // namespace detail

template <class Costs>
auto auction(const Costs& cost_like, const auction_options& options) {
  const auto view = as_batch(cost_like);
  using scalar = typename decltype(view)::value_type;
  const batch<scalar> cost = view;
  if (!(options.tolerance > 0) || !std::isfinite(options.tolerance)) {
    detail::fail("auction", "needs a tolerance above 0, got " + std::to_string(options.tolerance));
  }
  detail::require_costs("auction", cost);
  basic_assignment<price_of<scalar>> out;
  detail::shortest_paths_state<double> state;
  detail::start_from_column_means(cost, state);
  const double epsilon = options.tolerance * detail::centred_deviation(cost, state.noise_price);
  if (epsilon > 0 && detail::bid_until_assigned(cost, epsilon, 64 * cost.rows(), state)) {
    detail::write_bounded(cost, state, out);
    return out;
  }
  detail::keep_tight_pairs(cost, state);
  detail::assign_tight_pairs(cost, state);
  if (detail::assign_free_rows(cost, state)) {
    detail::write_bounded(cost, state, out);
    out.lower_bound = out.total_cost;
    out.status = status::optimal;
  } else {
    detail::write_infeasible(cost.rows(), out);
  }
  return out;
}

}  // namespace immiscible

// An assignment within a chosen distance of the best: Bertsekas' auction.
//
//   v_j  price of column j (falls as it is bid for)   u_i = min_j (c_ij - v_j)   epsilon  what a bid may be off by
//
// Every free row bids for the column with its least reduced cost c_ij - v_j; the column's price falls until that column is
// epsilon worse than the row's second best, and the row that had it is free again. Every assigned pair keeps
// c_ij - v_j <= u_i + epsilon (epsilon-complementary slackness), so the whole is at most n epsilon above the optimum, and
// sum u + sum v is a lower bound that says how much it really is.
//
// Square problems bid on the exact solver's rows in 16 bits (detail/row_solver.hpp) or on its candidate lists
// (detail/list_solver.hpp), others on the dense rows here.
// Bids are capped. Where the cap is reached (costs that force long price wars, or infinities that forbid any matching), and where
// prices would leave what a double holds, the exact solver begins anew, so the promise and the termination hold for every input.
//
// Reference: Bertsekas, Annals of Operations Research 14 (1988). Departure: one phase from centred columns instead of epsilon
// scaling, the cap, and the exact finish.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/answers.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/fast_solver.hpp>
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
  /// Epsilon in standard deviations of the (row- and column-centred) cost, estimated on some rows; above 0.
  double tolerance = 0.1;
  /// Epsilon in the units of the cost; where above 0 it is used instead of `tolerance`.
  double epsilon = 0;
};

inline namespace IMMISCIBLE_BUILD {

/// Working memory of `auction`; reuse it, and problems of a size and kind that it has seen allocate nothing.
template <class Cost>
struct auction_workspace {
  jonker_volgenant_workspace<Cost> exact;
  detail::shortest_paths_state<double> dense;
  std::vector<std::int32_t> waiting;  // rows, of the dense auction
};

/// A matching whose total cost is at most n epsilon above the optimum, with a lower bound that says how far it is.
///
/// At the default tolerance it keeps 99 % of the exact solver's distance reduction on image-noise costs.
///
/// @param cost     [n, m] row-major, host, n <= m (anything `as_batch` takes); +infinity forbids a pair.
/// @param options  tolerance > 0, or epsilon > 0; finite.
/// @return         as `jonker_volgenant`, but with status::feasible, the prices reached, and lower_bound <= optimum <=
///                 total_cost <= optimum + n epsilon; status::optimal where the problem was solved exactly. Integer
///                 prices are rounded down, so for integer costs the bound may be up to n + m lower still.
/// @throws std::invalid_argument  a negative or infinite epsilon, where it is 0 a tolerance that is not positive and finite, n > m,
///                                or a cost that is NaN or -infinity.
///
/// Cost:        about 5 bids a row on image-noise costs, at most 64, then the exact solver. Memory: that of jonker_volgenant (for n = m
///              up to 1,024, float or double, the costs in 16 bits).
/// Determinism: the same answer every time.
template <class Costs>
auto auction(const Costs& cost, const auction_options& options = {});

/// The same into the caller's answer and workspace.
template <class Cost>
void auction(const batch<Cost>& cost, const auction_options& options, basic_assignment<price_of<Cost>>& out,
             auction_workspace<Cost>& workspace);

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
    double sum = 0, finite = 0;
    for (std::size_t j = 0; j < cost.columns(); ++j) {
      const double c = static_cast<double>(cost(i, j)) - price[j];
      if (!std::isfinite(c)) continue;
      sum += c;
      ++finite;
    }
    for (std::size_t j = 0; j < cost.columns(); ++j) {
      const double c = static_cast<double>(cost(i, j)) - price[j];
      if (std::isfinite(c)) squares += (c - sum / finite) * (c - sum / finite);
    }
    count += finite;
  }
  return count > 0 ? std::sqrt(squares / count) : 0;
}

/// Bids until every row has a column, `cap` bids are spent, or a price would not be finite. @return true if every row has one.
///
/// @param waiting  overwritten
template <class Cost>
bool bid_until_assigned(const batch<Cost>& cost, double epsilon, std::size_t cap, shortest_paths_state<double>& s,
                        std::vector<std::int32_t>& waiting) {
  waiting.clear();
  for (std::size_t i = cost.rows(); i-- > 0;) {
    if (s.column_of_row[i] < 0) waiting.push_back(static_cast<std::int32_t>(i));
  }
  for (; !waiting.empty(); --cap) {
    if (cap == 0) return false;
    const std::int32_t i = waiting.back();
    const two_best bid = two_best_columns(cost.row(static_cast<std::size_t>(i)), s.noise_price);
    if (!std::isfinite(bid.second)) return false;  // fewer than two columns to choose from: no price to bid
    const double price = s.noise_price[bid.column] - (bid.second - bid.best + epsilon);
    if (!std::isfinite(price)) return false;
    waiting.pop_back();
    const std::int32_t previous = s.row_of_column[bid.column];
    s.noise_price[bid.column] = price;
    s.row_of_column[bid.column] = i;
    s.column_of_row[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(bid.column);
    if (previous >= 0) {
      s.column_of_row[static_cast<std::size_t>(previous)] = -1;
      waiting.push_back(previous);
    }
  }
  return true;
}

/// A row's price u, rounded down for integer costs so that u + v <= c still holds.
template <class Price>
Price price_at_most(double value) {
  return static_cast<Price>(std::is_integral<Price>::value ? std::floor(value) : value);
}

/// The answer of an auction: its pairs and prices, and the lower bound sum u + sum v. Row prices are already in `out`.
template <class Cost, class Price, class StatePrice>
void write_bounded(const batch<Cost>& cost, const shortest_paths_state<StatePrice>& s, basic_assignment<Price>& out) {
  out.noise_of_image = s.column_of_row;
  out.noise_price.resize(cost.columns());
  double total = 0, bound = 0;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    total += static_cast<double>(cost(i, static_cast<std::size_t>(s.column_of_row[i])));
    bound += static_cast<double>(out.image_price[i]);
  }
  for (std::size_t j = 0; j < cost.columns(); ++j) {
    out.noise_price[j] = price_at_most<Price>(static_cast<double>(s.noise_price[j]));
    bound += static_cast<double>(out.noise_price[j]);
  }
  out.total_cost = total;
  out.lower_bound = std::min(bound, total);
  out.status = status::feasible;
  out.precision = precision::full;
}

/// Start prices into `s`, and what a bid may be off by, in units of the cost; 0: costs that are all alike, or too large for sums of
/// their squares.
template <class Cost>
double start_auction(const batch<Cost>& cost, const auction_options& options, shortest_paths_state<double>& s) {
  start_from_column_means(cost, s);
  const double deviation = centred_deviation(cost, s.noise_price);
  const double wanted = options.epsilon > 0 ? options.epsilon : options.tolerance * deviation;
  const auto is_finite = [](double x) { return std::isfinite(x); };
  if (!is_finite(deviation) || !std::all_of(s.noise_price.begin(), s.noise_price.end(), is_finite)) return 0;
  return std::min(wanted, 1000 * deviation);  // less is only nearer
}

/// The auction on dense rows: for n < m, for small problems, and where the fast solvers do not serve.
///
/// @param epsilon  of `start_auction`, whose prices are in `workspace.dense`
template <class Cost>
void dense_auction(const batch<Cost>& cost, double epsilon, basic_assignment<price_of<Cost>>& out,
                   auction_workspace<Cost>& workspace) {
  shortest_paths_state<double>& state = workspace.dense;
  if (!(epsilon > 0) || !bid_until_assigned(cost, epsilon, 64 * cost.rows(), state, workspace.waiting)) {
    jonker_volgenant(cost, out, workspace.exact);
    return;
  }
  out.image_price.resize(cost.rows());
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    out.image_price[i] = price_at_most<price_of<Cost>>(two_best_columns(cost.row(i), state.noise_price).best);
  }
  write_bounded(cost, state, out);
}

}  // namespace detail

template <class Cost>
void auction(const batch<Cost>& cost, const auction_options& options, basic_assignment<price_of<Cost>>& out,
             auction_workspace<Cost>& workspace) {
  if (!(options.epsilon >= 0) || !std::isfinite(options.epsilon)) {
    detail::fail("auction", "needs a finite epsilon of at least 0, got " + std::to_string(options.epsilon));
  }
  if (options.epsilon == 0 && (!(options.tolerance > 0) || !std::isfinite(options.tolerance))) {
    detail::fail("auction", "needs a tolerance above 0, got " + std::to_string(options.tolerance));
  }
  auto& state = workspace.exact.exact;
  auto& fast = workspace.exact.fast;
  auto reached = detail::solve_fast(cost, state, fast, {options.epsilon, options.tolerance});
  double epsilon = 0;
  if (reached == detail::solver_result::unsuited) {
    const bool forbids = detail::require_costs("auction", cost);
    epsilon = detail::start_auction(cost, options, workspace.dense);
    if (forbids && epsilon > 0) {
      reached = detail::solve_fast_around_forbidden(cost, state, fast, {epsilon, 0});
    }
  }
  switch (reached) {
    case detail::solver_result::optimal:  // where epsilon is less than the solver's unit
    case detail::solver_result::prices:
      detail::finish_and_write(cost, state, out);
      return;
    case detail::solver_result::price_war:
      jonker_volgenant(cost, out, workspace.exact);
      return;
    case detail::solver_result::within_epsilon:
      out.image_price.resize(cost.rows());
      for (std::size_t i = 0; i < cost.rows(); ++i) {
        out.image_price[i] = detail::price_at_most<price_of<Cost>>(state.row_bound[i]);
      }
      detail::write_bounded(cost, state, out);
      return;
    case detail::solver_result::unsuited:
    case detail::solver_result::out_of_range:
      detail::dense_auction(cost, epsilon, out, workspace);
      return;
  }
}

template <class Costs>
auto auction(const Costs& cost, const auction_options& options) {
  const auto view = as_batch(cost);
  using scalar = typename decltype(view)::value_type;
  basic_assignment<price_of<scalar>> out;
  auction_workspace<scalar> workspace;
  auction(batch<scalar>(view), options, out, workspace);
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

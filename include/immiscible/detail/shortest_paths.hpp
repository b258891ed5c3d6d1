// Exact assignment by shortest augmenting paths on the dense costs: the simple solver, and the finish of the fast one.
//
//   c_ij  cost     v_j  price of column j     reduced cost  c_ij - v_j     row i is tight with j: c_ij - v_j = min over columns
//
// Invariant: every assigned row is tight with its column. A free row f grows a tree of cheapest alternating paths from f
// (Dijkstra on reduced costs, which are never negative after taking off each row's own minimum) until a free column is
// reached; the prices of the columns passed on the way FALL by what they were nearer than that column, which keeps the
// invariant, and the path is flipped. So each search assigns one row more, and after at most n searches of at most n steps
// all rows are assigned: O(n^2 m) operations for every input, whatever the rounding. The row prices u_i = c_ij - v_j of the
// pairs then prove the answer (assignment.hpp).
//
// Any start prices will do when n = m. When n < m, columns that stay free must end with the highest price of all: the start
// prices must then be zero on every free column and not above zero elsewhere.
//
// Reference: Jonker and Volgenant, Computing 38 (1987); Crouse, IEEE TAES 52 (2016). Departure: any warm start is taken
// (prices and a partial tight matching), so the textbook's initialisation is left to the caller.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Working memory and state of a dense solve; keeps its capacity from one problem to the next.
template <class Price>
struct shortest_paths_state {
  std::vector<Price> noise_price;           // v [m]
  std::vector<std::int32_t> column_of_row;  // [n] -1: free
  std::vector<std::int32_t> row_of_column;  // [m] -1: free
  std::vector<double> row_bound;  // [n] no reduced cost of the row is less; only where a solver stops within epsilon

  std::vector<Price> open_price;     // v, or out of reach for columns that the tree has passed
  std::vector<Price> distance;       // length of the cheapest known path to each open column
  std::vector<std::int32_t> parent;  // the row before each column on that path
  std::vector<std::int32_t> passed;  // columns in the tree, in the order they were reached
  std::vector<Price> passed_distance;

  void resize(std::size_t n, std::size_t m) {
    noise_price.resize(m);
    column_of_row.resize(n);
    row_of_column.resize(m);
    open_price.resize(m);
    distance.resize(m);
    parent.resize(m);
    passed.reserve(n);
    passed_distance.reserve(n);
  }
};

/// Larger than every path: +infinity, or what integer arithmetic can take without overflow.
template <class Price>
constexpr Price unreachable() {
  return std::is_floating_point<Price>::value ? std::numeric_limits<Price>::infinity()
                                              : std::numeric_limits<Price>::max() / 4;
}

/// Relaxes the columns by row i, `offset` being added to its reduced costs.
///
/// @return  the open column with the least distance; among equals a free one (the search ends there), then the lowest index.
template <class Cost, class Price>
std::size_t relax_row(const Cost* costs, std::int32_t i, Price offset, std::size_t m, shortest_paths_state<Price>& s) {
  std::size_t nearest = 0;
  bool nearest_is_free = false;
  Price least = std::numeric_limits<Price>::has_infinity ? std::numeric_limits<Price>::infinity()
                                                         : std::numeric_limits<Price>::max();
  for (std::size_t j = 0; j < m; ++j) {
    const Price length = static_cast<Price>(costs[j]) - s.open_price[j] + offset;
    if (length < s.distance[j]) {
      s.distance[j] = length;
      s.parent[j] = i;
    }
    if (s.distance[j] > least) continue;
    if (s.distance[j] < least || (!nearest_is_free && s.row_of_column[j] < 0)) {
      least = s.distance[j];
      nearest = j;
      nearest_is_free = s.row_of_column[j] < 0;
    }
  }
  return nearest;
}

/// Assigns the free row `f` along a shortest augmenting path.
///
/// @return  false if no free column can be reached (+infinity costs forbid it); prices and matching are unchanged then.
template <class Cost, class Price>
bool augment_from(std::size_t f, const matrix_view<Cost>& cost, shortest_paths_state<Price>& s) {
  const std::size_t m = cost.columns();
  const Price closed = unreachable<Price>();
  std::fill(s.distance.begin(), s.distance.end(), closed);
  s.passed.clear();
  s.passed_distance.clear();

  auto row = static_cast<std::int32_t>(f);
  Price offset = 0, length = 0;
  std::size_t column = 0;
  for (;;) {
    column = relax_row(cost.row(static_cast<std::size_t>(row)), row, offset, m, s);
    length = s.distance[column];
    if (!(length < closed)) break;
    if (s.row_of_column[column] < 0) break;
    s.passed.push_back(static_cast<std::int32_t>(column));
    s.passed_distance.push_back(length);
    row = s.row_of_column[column];
    offset = length - (static_cast<Price>(cost(static_cast<std::size_t>(row), column)) - s.noise_price[column]);
    s.open_price[column] = -(closed + closed);  // out of reach from now on,
    s.distance[column] = closed;                // and never the nearest again
  }
  const bool reached = length < closed;
  for (std::size_t k = 0; k < s.passed.size(); ++k) {
    const auto j = static_cast<std::size_t>(s.passed[k]);
    if (reached) s.noise_price[j] -= length - s.passed_distance[k];
    s.open_price[j] = s.noise_price[j];
  }
  if (!reached) return false;
  for (auto j = static_cast<std::int32_t>(column); j >= 0;) {  // flip the path, back to f whose column was -1
    const std::int32_t i = s.parent[static_cast<std::size_t>(j)];
    s.row_of_column[static_cast<std::size_t>(j)] = i;
    std::swap(s.column_of_row[static_cast<std::size_t>(i)], j);
  }
  return true;
}

/// Assigns every free row. Needs prices and a partial matching that keep the invariant above.
///
/// @return  false if no matching exists.
template <class Cost, class Price>
bool assign_free_rows(const matrix_view<Cost>& cost, shortest_paths_state<Price>& s) {
  s.open_price = s.noise_price;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    if (s.column_of_row[i] < 0 && !augment_from(i, cost, s)) return false;
  }
  return true;
}

/// No pair, and no price.
template <class Price>
void start_from_nothing(std::size_t n, std::size_t m, shortest_paths_state<Price>& s) {
  s.resize(n, m);
  std::fill(s.noise_price.begin(), s.noise_price.end(), Price(0));
  std::fill(s.column_of_row.begin(), s.column_of_row.end(), -1);
  std::fill(s.row_of_column.begin(), s.row_of_column.end(), -1);
}

/// Start: the least of each column as its price (n = m), each row's own least taken off first, or zero (n < m); and no pair.
///
/// Costs whose rows and columns differ in level then need fewer row scans. Ties stay ties, and one huge cost spoils nothing,
/// as it would spoil a mean.
template <class Cost, class Price>
void start_from_column_minima(const matrix_view<Cost>& cost, shortest_paths_state<Price>& s) {
  const std::size_t n = cost.rows(), m = cost.columns();
  start_from_nothing(n, m, s);
  if (n < m || n == 0) return;
  std::fill(s.noise_price.begin(), s.noise_price.end(), unreachable<Price>());
  for (std::size_t i = 0; i < n; ++i) {
    const Cost* row = cost.row(i);
    const auto least = static_cast<Price>(*std::min_element(row, row + m));
    if (!(least < unreachable<Price>())) continue;  // all forbidden
    for (std::size_t j = 0; j < m; ++j) {
      s.noise_price[j] = std::min(s.noise_price[j], static_cast<Price>(row[j]) - least);
    }
  }
  for (Price& price : s.noise_price) price = price < unreachable<Price>() ? price : Price(0);  // all forbidden
}

/// Start: the mean of each column's finite costs as its price (n = m) or zero (n < m), and no pair.
template <class Cost, class Price>
void start_from_column_means(const matrix_view<Cost>& cost, shortest_paths_state<Price>& s) {
  const std::size_t n = cost.rows(), m = cost.columns();
  start_from_nothing(n, m, s);
  if (n < m) return;
  std::vector<Price>& finite = s.open_price;  // in a column
  std::fill(finite.begin(), finite.end(), Price(0));
  for (std::size_t i = 0; i < n; ++i) {
    const Cost* row = cost.row(i);
    for (std::size_t j = 0; j < m; ++j) {
      const bool is_finite = row[j] < unreachable<Price>();
      s.noise_price[j] += is_finite ? static_cast<Price>(row[j]) : Price(0);
      finite[j] += is_finite;
    }
  }
  for (std::size_t j = 0; j < m; ++j) s.noise_price[j] /= std::max(finite[j], Price(1));
}

/// Gives each free row the column it is tight with, where that is free; the lowest index among equals.
template <class Cost, class Price>
void assign_tight_pairs(const matrix_view<Cost>& cost, shortest_paths_state<Price>& s) {
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    if (s.column_of_row[i] >= 0) continue;
    const Cost* row = cost.row(i);
    Price least = unreachable<Price>();
    std::size_t nearest = cost.columns();
    bool nearest_is_free = false;
    for (std::size_t j = 0; j < cost.columns(); ++j) {
      const Price reduced = static_cast<Price>(row[j]) - s.noise_price[j];
      const bool is_free = s.row_of_column[j] < 0;
      if (reduced < least || (reduced == least && is_free && !nearest_is_free && nearest < cost.columns())) {
        least = reduced;
        nearest = j;
        nearest_is_free = is_free;
      }
    }
    if (nearest < cost.columns() && nearest_is_free) {
      s.column_of_row[i] = static_cast<std::int32_t>(nearest);
      s.row_of_column[nearest] = static_cast<std::int32_t>(i);
    }
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

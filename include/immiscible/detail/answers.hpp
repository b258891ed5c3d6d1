// What every solver does first and last: refuse costs that make no sense, and write the answer.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/shortest_paths.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// True for +infinity. Integers have none.
template <class Cost>
bool is_forbidden(Cost cost) {
  return std::numeric_limits<Cost>::has_infinity && cost == std::numeric_limits<Cost>::infinity();
}

/// Throws unless `cost` is something a solver takes: n <= m, sizes within the index type, no NaN, no -infinity.
///
/// @return  true if a pair is forbidden
template <class Cost>
bool require_costs(const char* function, const batch<Cost>& cost) {
  static_assert(std::is_same<Cost, float>::value || std::is_same<Cost, double>::value || std::is_integral<Cost>::value,
                "immiscible: costs are float, double or integers");
  if (cost.rows() > cost.columns()) {
    fail(function, "needs at least as many noises (columns) as images (rows), got " + shape_text(cost));
  }
  if (cost.columns() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    fail(function, "needs at most 2^31 - 1 columns, got " + shape_text(cost));
  }
  if (!std::is_floating_point<Cost>::value) return false;
  // Sums of costs and of differences of prices must fit a double. Float costs always do.
  const Cost most = std::is_same<Cost, double>::value
                        ? std::numeric_limits<Cost>::max() / static_cast<Cost>(8 * (cost.columns() + 1))
                        : std::numeric_limits<Cost>::max();
  const auto fits = [&](Cost c) { return (c >= -most) & ((c <= most) | is_forbidden(c)); };
  bool any_forbidden = false;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    const Cost* row = cost.row(i);
    bool all_fit = true;
    for (std::size_t j = 0; j < cost.columns(); ++j) {  // no branch: where half are forbidden nobody can guess them
      all_fit &= fits(row[j]);
      any_forbidden |= is_forbidden(row[j]);
    }
    if (all_fit) continue;
    const auto j = static_cast<std::size_t>(std::find_if_not(row, row + cost.columns(), fits) - row);
    const double c = static_cast<double>(row[j]);
    const std::string place = " at row " + std::to_string(i) + ", column " + std::to_string(j);
    if (std::isfinite(c)) fail(function, "needs costs whose sum fits a double, got " + std::to_string(c) + place);
    fail(function,
         std::string("needs costs that are finite or +infinity, got ") + (std::isnan(c) ? "NaN" : "-infinity") + place);
  }
  return any_forbidden;
}

/// Writes the answer that belongs to a finished state.
template <class Cost, class Price>
void write_optimal(const batch<Cost>& cost, const shortest_paths_state<Price>& s, basic_assignment<Price>& out) {
  const std::size_t n = cost.rows();
  out.noise_of_image = s.column_of_row;
  out.noise_price = s.noise_price;
  out.image_price.resize(n);
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto j = static_cast<std::size_t>(s.column_of_row[i]);
    out.image_price[i] = static_cast<Price>(cost(i, j)) - s.noise_price[j];
    total += static_cast<double>(cost(i, j));
  }
  out.total_cost = out.lower_bound = total;
  out.status = status::optimal;
  out.precision = precision::full;
}

/// Writes "no matching exists".
template <class Price>
void write_infeasible(std::size_t n, basic_assignment<Price>& out) {
  out.noise_of_image.assign(n, -1);
  out.image_price.clear();
  out.noise_price.clear();
  out.total_cost = out.lower_bound = std::numeric_limits<double>::infinity();
  out.status = status::infeasible;
  out.precision = precision::full;
}

/// Assigns the rows that are still free and writes the answer: optimal, or that no matching exists.
///
/// @param s  prices and a partial matching as `assign_free_rows` needs them; changed
template <class Cost, class Price>
void finish_and_write(const batch<Cost>& cost, shortest_paths_state<Price>& s, basic_assignment<Price>& out) {
  assign_tight_pairs(cost, s);
  if (assign_free_rows(cost, s)) {
    write_optimal(cost, s, out);
  } else {
    write_infeasible(cost.rows(), out);
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

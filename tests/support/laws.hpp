// What every assignment must obey, each law one line in a test: CHECK(law(cost, answer)). Written without the library's own
// checks, so that those are tested too. A law that is broken returns false after telling why through Catch's warnings.
#pragma once

#include "support/matrix.hpp"

#include <immiscible/assignment.hpp>
#include <immiscible/detail/shortest_paths.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace tests {

/// Why a law is broken; converts to false, and to true if there is nothing to say.
inline bool broken(const std::string& why) {
  WARN(why);
  return false;
}

/// Sums and differences of prices: in 64 bits for integers (exact), finer than double otherwise.
template <class Cost>
using wide = std::conditional_t<std::is_integral<Cost>::value, std::int64_t, long double>;

template <class Cost>
bool is_forbidden(Cost cost) {
  return std::is_floating_point<Cost>::value && cost > std::numeric_limits<Cost>::max();
}

template <class Cost>
double largest_cost(const matrix<Cost>& cost) {
  double largest = 0;
  for (const Cost c : cost.values) {
    if (!is_forbidden(c)) largest = std::max(largest, std::abs(static_cast<double>(c)));
  }
  return largest;
}

/// Law: every image has a noise of its own.
inline bool is_matching(const std::vector<std::int32_t>& noise_of_image, std::size_t n, std::size_t m) {
  std::vector<std::int32_t> sorted = noise_of_image;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() != n) return broken("not as many pairs as images");
  if (n > 0 && (sorted.front() < 0 || sorted.back() >= static_cast<std::int64_t>(m))) return broken("no such noise");
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end() || broken("a noise is used twice");
}

/// Law: `total_cost` is what the pairs cost, and no pair is forbidden.
template <class Cost, class Price>
bool total_is_true(const matrix<Cost>& cost, const immiscible::basic_assignment<Price>& answer) {
  if (!is_matching(answer.noise_of_image, cost.rows, cost.columns)) return false;
  wide<Cost> total = 0, magnitude = 0;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    const Cost c = cost(i, static_cast<std::size_t>(answer.noise_of_image[i]));
    if (is_forbidden(c)) return broken("a forbidden pair in row " + std::to_string(i));
    total += c;
    magnitude += c < 0 ? -wide<Cost>(c) : wide<Cost>(c);
  }
  const double slack = std::is_integral<Cost>::value ? 0 : 1e-13 * static_cast<double>(magnitude);
  return std::abs(static_cast<double>(total) - answer.total_cost) <= slack ||
         broken("total_cost is not the pairs' cost");
}

/// Law: the prices undercut every cost (u_i + v_j <= c_ij, and v <= 0 where n < m), so sum u + sum v is a lower bound.
template <class Cost, class Price>
bool prices_are_feasible(const matrix<Cost>& cost, const immiscible::basic_assignment<Price>& answer,
                         double tolerance = 1e-13) {
  if (answer.image_price.size() != cost.rows || answer.noise_price.size() != cost.columns) return broken("no prices");
  const auto slack = static_cast<wide<Cost>>(std::is_integral<Cost>::value ? 0 : tolerance * largest_cost(cost));
  for (std::size_t i = 0; i < cost.rows; ++i) {
    for (std::size_t j = 0; j < cost.columns; ++j) {
      const auto sum = wide<Cost>(answer.image_price[i]) + wide<Cost>(answer.noise_price[j]);
      if (!is_forbidden(cost(i, j)) && !(sum <= wide<Cost>(cost(i, j)) + slack)) {
        return broken("prices above the cost of " + std::to_string(i) + ", " + std::to_string(j));
      }
    }
  }
  if (cost.rows == cost.columns) return true;
  for (const Price v : answer.noise_price) {
    if (!(wide<Cost>(v) <= slack)) return broken("a positive noise price although noises are left over");
  }
  return true;
}

/// Law: the prices prove that nothing is cheaper: feasible, and their sum is the total.
template <class Cost, class Price>
bool is_proved(const matrix<Cost>& cost, const immiscible::basic_assignment<Price>& answer, double tolerance = 1e-13) {
  if (answer.status != immiscible::status::optimal) return broken("status is not optimal");
  if (!total_is_true(cost, answer) || !prices_are_feasible(cost, answer, tolerance)) return false;
  if (answer.lower_bound != answer.total_cost) return broken("lower_bound is not total_cost");
  const auto slack = static_cast<wide<Cost>>(std::is_integral<Cost>::value ? 0 : 2 * tolerance * largest_cost(cost));
  wide<Cost> sum = 0, total = 0;
  for (const Price u : answer.image_price) sum += wide<Cost>(u);
  for (const Price v : answer.noise_price) sum += wide<Cost>(v);
  for (std::size_t i = 0; i < cost.rows; ++i) total += cost(i, static_cast<std::size_t>(answer.noise_of_image[i]));
  return sum + static_cast<wide<Cost>>(cost.rows + cost.columns) * slack >= total ||
         broken("the prices do not add up to the total");
}

/// Law: no matching exists, and the answer says so.
template <class Price>
bool is_infeasible(std::size_t n, const immiscible::basic_assignment<Price>& answer) {
  constexpr double beyond_all = std::numeric_limits<double>::infinity();
  return (answer.status == immiscible::status::infeasible &&
          answer.noise_of_image == std::vector<std::int32_t>(n, -1) && answer.image_price.empty() &&
          answer.noise_price.empty() && answer.total_cost == beyond_all && answer.lower_bound == beyond_all) ||
         broken("not the answer of an infeasible problem");
}

/// Everything in an answer, for "the same input gives the same answer".
template <class Price>
bool are_identical(const immiscible::basic_assignment<Price>& a, const immiscible::basic_assignment<Price>& b) {
  return a.noise_of_image == b.noise_of_image && a.image_price == b.image_price && a.noise_price == b.noise_price &&
         a.total_cost == b.total_cost && a.lower_bound == b.lower_bound && a.status == b.status &&
         a.precision == b.precision;
}

/// The least total of all matchings, by trying all (for m up to about 10); +infinity where none exists.
template <class Cost>
double least_total(const matrix<Cost>& cost) {
  constexpr double none = std::numeric_limits<double>::infinity();
  std::vector<double> best(std::size_t{1} << cost.columns, none);  // by the set of columns that the first rows took
  best[0] = 0;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    std::vector<double> next(best.size(), none);
    for (std::size_t taken = 0; taken < best.size(); ++taken) {
      if (best[taken] == none) continue;
      for (std::size_t j = 0; j < cost.columns; ++j) {
        double& total = next[taken | (std::size_t{1} << j)];
        if ((taken >> j & 1) == 0) total = std::min(total, best[taken] + static_cast<double>(cost(i, j)));
      }
    }
    best = next;
  }
  return *std::min_element(best.begin(), best.end());
}

/// The least total by the library's simple solver (warm_start::column_minima), for problems too large to try all.
template <class Cost>
double simple_least_total(const matrix<Cost>& cost) {
  immiscible::detail::shortest_paths_state<immiscible::price_of<Cost>> state;
  immiscible::detail::start_from_column_minima(cost.view(), state);
  REQUIRE(immiscible::detail::assign_free_rows(cost.view(), state));
  double total = 0;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    total += static_cast<double>(cost(i, static_cast<std::size_t>(state.column_of_row[i])));
  }
  return total;
}

/// 0 ... n - 1.
inline std::vector<std::int32_t> identity(std::size_t n) {
  std::vector<std::int32_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::int32_t>(i);
  return order;
}

/// 0 ... n - 1 in a random order.
inline std::vector<std::int32_t> shuffled(std::size_t n, std::uint64_t seed) {
  random_source draw(seed);
  std::vector<std::int32_t> order = identity(n);
  for (std::size_t i = n; i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(i)))]);
  return order;
}

}  // namespace tests

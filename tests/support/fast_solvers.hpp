// What the tests of the fast solvers (detail/row_solver.hpp, detail/list_solver.hpp) share.
#pragma once

#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/detail/answers.hpp>
#include <immiscible/detail/shortest_paths.hpp>
#include <immiscible/detail/simd_dispatch.hpp>
#include <immiscible/detail/solver_result.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <vector>

namespace tests {

/// The instruction sets that this program holds and this machine runs, the portable code left out.
inline std::vector<immiscible::detail::simd_target> simd_targets() {
  using immiscible::detail::simd_target;
  std::vector<simd_target> found;
  for (const simd_target target : {simd_target::unasked, simd_target::avx2, simd_target::avx512}) {
    if (immiscible::detail::has_target(target)) found.push_back(target);
  }
  return found;
}

/// What a fast solver left behind.
template <class Cost, class Workspace>
struct fast_outcome {
  immiscible::detail::solver_result result = immiscible::detail::solver_result::unsuited;
  immiscible::detail::shortest_paths_state<immiscible::price_of<Cost>> state;
  Workspace work;
};

/// The exact answer from what a fast solver left, as jonker_volgenant finishes it.
template <class Cost, class Workspace>
immiscible::basic_assignment<immiscible::price_of<Cost>> finished(const matrix<Cost>& cost,
                                                                  fast_outcome<Cost, Workspace> o) {
  immiscible::basic_assignment<immiscible::price_of<Cost>> answer;
  if (o.result == immiscible::detail::solver_result::prices) {
    immiscible::detail::assign_tight_pairs(cost.view(), o.state);
  }
  REQUIRE(immiscible::detail::assign_free_rows(cost.view(), o.state));
  immiscible::detail::write_optimal(cost.view(), o.state, answer);
  return answer;
}

/// Law: within epsilon, matched, and row bounds that no cost undercuts.
template <class Cost, class Workspace>
bool is_within(double epsilon, const matrix<Cost>& cost, const fast_outcome<Cost, Workspace>& o, double optimum) {
  if (!is_matching(o.state.column_of_row, cost.rows, cost.columns)) return false;
  const double slack = 1e-12 * static_cast<double>(cost.rows) * largest_cost(cost);
  double total = 0;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    total += static_cast<double>(cost(i, static_cast<std::size_t>(o.state.column_of_row[i])));
    for (std::size_t j = 0; j < cost.columns; ++j) {
      const double bound = o.state.row_bound[i] + static_cast<double>(o.state.noise_price[j]);
      if (!(bound <= static_cast<double>(cost(i, j)) + slack)) return broken("a row bound above a cost");
    }
  }
  return total <= optimum + static_cast<double>(cost.rows) * epsilon + slack || broken("beyond n epsilon");
}

}  // namespace tests

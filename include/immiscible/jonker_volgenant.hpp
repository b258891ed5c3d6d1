// The cheapest assignment, with the prices that prove it: shortest augmenting paths (Jonker-Volgenant) from a warm start.
//
//   c_ij  cost of giving noise j to image i      u_i, v_j  prices: u_i + v_j <= c_ij, equal on the pairs of the answer
//
// The fast solvers hand over a matching that their prices prove, or prices. The finish (detail/shortest_paths.hpp) is exact from any
// prices and bounded by O(n^2 m): what they hand over decides how little is left for it to do. `is_optimal` checks the whole.
#pragma once

#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/answers.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/fast_solver.hpp>
#include <immiscible/detail/shortest_paths.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

namespace immiscible {

/// What the exact solver starts from. The answer is optimal all the same.
enum class warm_start {
  automatic,     ///< the fastest known for these costs
  column_minima  ///< no auction: the least of each column as its price; the simple solver that tests compare with
};

inline namespace IMMISCIBLE_BUILD {

/// Working memory of `jonker_volgenant`; reuse it, and solves of a size and kind that it has seen allocate nothing.
template <class Cost>
struct jonker_volgenant_workspace {
  detail::shortest_paths_state<price_of<Cost>> exact;
  detail::fast_workspace<Cost> fast;
};

/// The assignment of least total cost.
///
/// @param cost  [n, m] row-major, host, n <= m (anything `as_batch` takes); float, double, std::int16_t or std::int32_t;
///              +infinity forbids a pair.
/// @return      noise_of_image [n] (columns of `cost`), prices u [n] and v [m], status::optimal and lower_bound == total_cost;
///              status::infeasible with -1 everywhere when no matching exists; no pairs for n = 0.
/// @throws std::invalid_argument  n > m, m > 2^31 - 1, a cost that is NaN or -infinity (the place is named), or double costs
///                                so large that their sum overflows.
///
/// Exactness:   integer costs by exact arithmetic; float and double costs with prices in double, whose rounding is relative
///              2^-48 of the largest cost (of the largest price where pairs are forbidden: prices may be n times as large then).
/// Cost:        O(n^2 m) at worst; on image-noise costs about one pass over the matrix. Extra memory: O(n + m), at most some 2 KB
///              a row on image-noise costs, 6 KB on costs without structure (for n = m of 20 to 640, float or double, the costs in
///              16 bits); with +infinity, a copy of the costs too.
/// Determinism: the same answer every time. Among several optima the choice is fixed by the order of rows and columns;
///              constant costs give the identity.
/// Reference:   Jonker and Volgenant, Computing 38 (1987); the start differs, see warm_start.
template <class Costs>
auto jonker_volgenant(const Costs& cost, warm_start start = warm_start::automatic);

/// The same into the caller's answer and workspace.
template <class Cost>
void jonker_volgenant(const batch<Cost>& cost, basic_assignment<price_of<Cost>>& out,
                      jonker_volgenant_workspace<Cost>& workspace, warm_start start = warm_start::automatic);

// ------------------------------------------------------------------------------------------------ Implementation

template <class Cost>
void jonker_volgenant(const batch<Cost>& cost, basic_assignment<price_of<Cost>>& out,
                      jonker_volgenant_workspace<Cost>& workspace, warm_start start) {
  static_assert(std::is_same<Cost, float>::value || std::is_same<Cost, double>::value ||
                    std::is_same<Cost, std::int16_t>::value || std::is_same<Cost, std::int32_t>::value,
                "immiscible::jonker_volgenant: costs are float, double, std::int16_t or std::int32_t");
  auto& state = workspace.exact;
  const bool fast = start == warm_start::automatic;
  auto reached = detail::solver_result::unsuited;
  if (fast) reached = detail::solve_fast(cost, state, workspace.fast);
  if (reached == detail::solver_result::unsuited) {
    const bool forbids = detail::require_costs("jonker_volgenant", cost);
    if (fast && forbids) reached = detail::solve_fast_around_forbidden(cost, state, workspace.fast);
  }
  if (reached == detail::solver_result::unsuited) detail::start_from_column_minima(cost, state);
  detail::finish_and_write(cost, state, out);
}

template <class Costs>
auto jonker_volgenant(const Costs& cost, warm_start start) {
  const auto view = as_batch(cost);
  using scalar = typename decltype(view)::value_type;
  basic_assignment<price_of<scalar>> out;
  jonker_volgenant_workspace<scalar> workspace;
  jonker_volgenant(batch<scalar>(view), out, workspace, start);
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// The fast solvers, each where it is the fastest: whole rows in 16 bits, then candidate lists.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/list_solver.hpp>
#include <immiscible/detail/row_solver.hpp>
#include <immiscible/detail/solver_result.hpp>

namespace immiscible {
namespace detail {

struct fast_workspace {
  row_workspace rows;
  list_workspace lists;
};

inline namespace IMMISCIBLE_SIMD_NAMESPACE {

/// @return  never out_of_range; unsuited: nothing is written, and the dense solver does all
template <class Cost>
solver_result solve_fast(const batch<Cost>& cost, shortest_paths_state<price_of<Cost>>& out, fast_workspace& work,
                         const solver_wishes& wishes = {}) {
  const solver_result result = solve_on_rows(cost, out, work.rows, wishes);
  return result == solver_result::unsuited ? solve_on_lists(cost, out, work.lists, wishes) : result;
}

}  // namespace IMMISCIBLE_SIMD_NAMESPACE
}  // namespace detail
}  // namespace immiscible

// The fast solvers, each where it is the fastest: whole rows in 16 bits, then candidate lists.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/answers.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/forbidden_pairs.hpp>
#include <immiscible/detail/list_solver.hpp>
#include <immiscible/detail/row_solver.hpp>
#include <immiscible/detail/shortest_paths.hpp>
#include <immiscible/detail/solver_result.hpp>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

template <class Cost>
struct fast_workspace {
  row_workspace rows;
  list_workspace lists;
  forbidden_workspace<Cost> forbidden;
};

/// Parts the pairs that are forbidden. @return true if there was one
template <class Cost, class Price>
bool part_forbidden_pairs(const batch<Cost>& cost, shortest_paths_state<Price>& s) {
  bool any = false;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    const std::int32_t j = s.column_of_row[i];
    if (j < 0 || !is_forbidden(cost(i, static_cast<std::size_t>(j)))) continue;
    s.column_of_row[i] = s.row_of_column[static_cast<std::size_t>(j)] = -1;
    any = true;
  }
  return any;
}

/// Solves finite costs; others are unsuited.
///
/// @return  never out_of_range; unsuited: nothing is written, and the dense solver does all
template <class Cost>
solver_result solve_fast(const batch<Cost>& cost, shortest_paths_state<price_of<Cost>>& out, fast_workspace<Cost>& work,
                         const solver_wishes& wishes = {}) {
  const solver_result result = solve_on_rows(cost, out, work.rows, wishes);
  return result == solver_result::unsuited ? solve_on_lists(cost, out, work.lists, wishes) : result;
}

/// For costs some of which are +infinity (`require_costs` says so), the others finite.
///
/// @return  never out_of_range; prices: pairs that are tight by them may be written too; unsuited: `out` may hold anything, and the
///          dense solver does all
template <class Cost>
solver_result solve_fast_around_forbidden(const batch<Cost>& cost, shortest_paths_state<price_of<Cost>>& out,
                                          fast_workspace<Cost>& work, const solver_wishes& wishes = {}) {
  const bool is_square = cost.rows() == cost.columns();
  const std::size_t least_rows = is_square ? row_solver_min_rows : list_solver_min_rows;
  if (cost.rows() < least_rows || (!is_square && !wishes.exactly())) return solver_result::unsuited;
  const batch<Cost> finite = replace_forbidden(cost, work.forbidden);
  if (finite.empty()) return solver_result::unsuited;
  const solver_result result = solve_fast(finite, out, work, wishes);
  if (result == solver_result::unsuited || result == solver_result::price_war) return result;
  if (!part_forbidden_pairs(cost, out)) return result;
  // Where n < m a column that is free must have the highest price, and a column that just became free has not.
  // And a matching within epsilon is not tight.
  return is_square && result == solver_result::optimal ? solver_result::prices : solver_result::unsuited;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

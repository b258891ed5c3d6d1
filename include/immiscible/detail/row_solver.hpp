// Exact assignment on whole rows in 16 bits: the fast warm start of `jonker_volgenant` for square problems of up to some hundred
// rows. There a look at a whole row costs no more than one at a list of candidates, and no list has to be made.
//
//   c_ij  cost as given       s    scale, a power of two: 4,096 to 8,192 units a standard deviation
//   p_j   start price, an integer       o_i  offset of row i: puts its least cost at row_least
//   q_ij  = round(c_ij s - p_j) - o_i   v_j  price on top of p_j       r_ij = q_ij - v_j, reduced cost; all three int16
//
// SATURATION. What lies beyond 16 bits is 32,767, "far": a lower bound of what it stands for, and so is any r that comes from a q of
// far. Such an r is never a row's best: prices never rise above 8,000, so it is at least 24,767, and the column of the row's least
// cost always has an r of at most row_least + 32,768 = 8,192. All others are exact. A price that would fall below -32,768 ends the
// solve: `unsuited`.
//
// The steps: start prices (column means less 1.5 deviations over sampled rows, then half a step of Sinkhorn's iteration over all
// rows, made while they are converted); Gauss-Seidel auction, two rows at a time; the same with epsilon = 0 for rows that are not
// tight, which is augmenting row reduction; shortest augmenting paths for the few left. All of that is exact integer arithmetic on
// q. Then `refine` moves the prices, in double, from the rounded costs to the costs as given (row_solver-inl.hpp says why that
// is a proof).
//
// Two rows at a time: a bid's price is one of those that the next scan reads, so scans in turn wait for each other from end to
// end. Two rows that scan together bid by the same prices; if both want one column, the second waits. The first one's bid only
// raises what the second might have taken instead, so the second's price falls no further than it may.
//
// Termination: bids and `refine` are capped, a search passes a column at most once. Rows that the bids leave free are left to the
// searches. Where `refine` meets its cap the prices go to the dense solver (shortest_paths.hpp), which needs no promise from them.
//
// Reference: Bertsekas (1988) for the auction, Jonker and Volgenant (1987) for row reduction and paths, Sinkhorn (1964).
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/aligned_vector.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/exchange_columns.hpp>
#include <immiscible/detail/float_rows.hpp>
#include <immiscible/detail/sampled_row.hpp>
#include <immiscible/detail/shortest_paths.hpp>
#include <immiscible/detail/simd_dispatch.hpp>
#include <immiscible/detail/solver_result.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Tunables. Measured on Fashion-MNIST (d = 784) and photograph (d = 3072) costs; see docs/performance.md.
struct row_policy {
  std::size_t sampled_rows = 64;       // for column means and deviations
  float start_below_mean = 1.5f;       // column deviations
  float sinkhorn_temperature = 0.25f;  // standard deviations
  std::size_t sinkhorn_step;           // every how many rows count for the half-step
  float epsilon = 0.008f;              // of the auction, in standard deviations
  std::size_t rows_left = 1;           // ends it: the last ones bid one by one, and a search is faster
  std::size_t pairs_per_row = 32;      // cap of the auction: pairs of bids
  std::size_t reductions_per_row = 2;  // cap of augmenting row reduction, likewise

  /// Prices near their final ones pay where many bids follow.
  explicit row_policy(bool exactly) : sinkhorn_step(exactly ? 1 : 4) {}
};

constexpr std::size_t row_solver_min_rows = 20;     // below, the dense solver is as fast
constexpr std::size_t row_solver_max_rows = 640;    // above, lists are as fast
constexpr std::size_t row_auction_max_rows = 1024;  // within epsilon, which takes few bids

constexpr std::size_t row_block = 32;    // columns are padded to a multiple of it
constexpr std::int32_t row_far = 32767;  // and more
/// Each row's least cost at first: room below for columns whose price rises beforehand, and above for the rest.
constexpr std::int32_t row_least = -24576;
/// |c s| and |p| stay below, so that float holds c s - p to a fraction of a unit.
constexpr float row_cost_limit = 1 << 21;

/// Working memory of the row solver; keeps its capacity from one problem to the next.
struct row_workspace {
  solver_effort effort;               // of the last problem
  aligned_vector<std::int16_t> cost;  // q [n, padded]
  // columns, padded
  aligned_vector<std::int16_t> price, distance, parent, closed;
  aligned_vector<float> start_price, mean, square, demand;
  aligned_vector<std::int32_t> row_of_column;
  std::vector<double> exact_price;
  std::vector<std::int32_t> lowered_by;  // the row that lowered it last, in refine; -1: none
  // rows
  aligned_vector<std::int32_t> offset;         // o_i
  aligned_vector<std::int32_t> column_of_row;  // [n + 1] the last for no row
  aligned_vector<std::int32_t> queue;          // ring of waiting rows
  std::vector<char> waits;                     // 1: the row is in the queue (refine)
  // one row
  aligned_vector<float> centred, share;
  // the tree of a search
  std::vector<std::int32_t> passed_column, passed_distance;
};

/// One problem: costs [n, n], and where the answer goes.
template <class Cost>
struct row_problem {
  batch<Cost> cost;
  solver_wishes wishes;
  row_workspace& work;
  shortest_paths_state<price_of<Cost>>& out;
};

/// Where no SIMD version was compiled the dense solver does all.
template <class Cost>
solver_result solve_on_rows_portable(const row_problem<Cost>&) {
  return solver_result::unsuited;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#include <hwy/cache_control.h>

#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/row_solver-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Solves on rows in 16 bits, if the costs suit: float or double, n = m, not too few nor too many rows, all finite, no costs that
/// dwarf the others, not mostly ties.
template <class Cost>
solver_result solve_on_rows(const batch<Cost>& cost, shortest_paths_state<price_of<Cost>>& out, row_workspace& work,
                            const solver_wishes& wishes = {}, simd_target target = best_target()) {
  if constexpr (std::is_floating_point<Cost>::value) {
    const std::size_t n = cost.rows();
    const std::size_t most = wishes.exactly() ? row_solver_max_rows : row_auction_max_rows;
    if (n < row_solver_min_rows || n > most || n != cost.columns()) return solver_result::unsuited;
    const auto solve = IMMISCIBLE_SIMD_CHOOSE(target, solve_on_rows_simd<Cost>, solve_on_rows_portable<Cost>);
    return solve({cost, wishes, work, out});
  } else {
    return solver_result::unsuited;  // prices here are fractions
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

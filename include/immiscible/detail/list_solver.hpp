// Exact assignment on per-row candidate lists: the fast warm start of `jonker_volgenant`, from the processor's best SIMD.
//
//   c_ij  cost as given                         s     scale, a power of two
//   p_j   start price of column j               q_ij  = round(c_ij s - p_j), int32 fixed point, |q_ij| < 2^27
//   v_j   fall of column j's price since, <= 0  r_ij  = q_ij - v_j, reduced cost
//
// INVARIANT (why lists are safe). Prices only ever FALL, so reduced costs only ever RISE. When row i's list is built with
// bound b_i, every column left out of it has r_ij >= b_i, then and for ever. While the least r of the list is <= b_i it is the
// least of the row, and min(second least of the list, b_i) is a lower bound of the row's second least. Otherwise the list is
// built again with today's prices. A row has two lists: a long one (everything within about 0.7 standard deviations of the
// row's least, made from the dense row) and a short one of 16 (made from the long one), which is all that a bid reads.
//
// FAR. A float cost that lies 2^22 units (32 to 64 standard deviations) or more above its row's level has a q that is only a lower
// bound of it. What lists leave out may be a lower bound, and `refine`, which sees costs as given, puts right what they contain.
//
// With n < m the columns that no row gets belong to "the rest", one node that stands for the m - n rows that a square problem
// would have more; all columns start at one price then, and a column falls only once two rows want it.
//
// The steps: start prices from samples (column means less 1.5 deviations, then one Sinkhorn half-step: the nearer the start
// prices, the longer lists last); one or two phases of Gauss-Seidel auction; exactly tight pairs; augmenting row reduction;
// shortest augmenting paths for the few rows left. All of that is exact integer arithmetic on q. Then `refine` moves the
// prices, in double, from the rounded costs to the costs as given (list_solver-inl.hpp says why that is a proof).
//
// Termination: bids are capped, each search passes a column at most once, `refine` is capped. Where a cap is met, or costs do
// not suit the fixed point, the prices reached go to the dense solver (shortest_paths.hpp), which needs no promise from them.
//
// Reference: Bertsekas (1988) for the auction, Jonker and Volgenant (1987) for row reduction and paths. The two-tier lists
// with their lasting bounds, the start prices and `refine` are ours.
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

/// Tunables, as functions of n. Measured on Fashion-MNIST (d = 784) and photograph (d = 3072) costs; see docs/performance.md.
struct list_policy {
  std::size_t sampled_rows = 64;          // for column means and deviations
  std::size_t sinkhorn_rows;              // for the half-step
  float start_below_mean = 1.5f;          // column deviations
  float sinkhorn_temperature = 0.25f;     // standard deviations
  float long_list_width = 0.7f;           // standard deviations above the row's least, or, if that is more,
  std::int32_t long_list_gaps;            // this many times the width at which a list has about 16 entries
  float epsilon[2];                       // auction phases, in standard deviations; 0: no such phase
  std::size_t spared_for_no_epsilon = 8;  // where m - n is this part of n or more: one phase, without epsilon
  std::size_t bids_per_row = 64;          // cap of an auction phase
  std::size_t reductions_per_row = 4;     // cap of augmenting row reduction

  std::size_t sampling_step(std::size_t n) const { return std::max<std::size_t>(1, n / sampled_rows); }

  explicit list_policy(std::size_t n)
      : sinkhorn_rows(std::min<std::size_t>(std::max<std::size_t>(3 * (n / 8), 256), 1024)),
        long_list_gaps(n <= 256 ? 1 : 2),
        epsilon{n <= 256    ? 0.002f
                : n <= 512  ? 0.003f
                : n <= 1024 ? 0.005f
                            : 0.003f,
                n <= 512    ? 0.0f
                : n <= 1024 ? 0.0005f
                            : 0.0003f} {}
};

/// Lists are used from this many rows on; below, the dense solver is as fast.
constexpr std::size_t list_solver_min_rows = 32;

constexpr std::int32_t list_far = 1 << 29;          // beyond every reduced cost
constexpr std::int32_t list_fixed_limit = 1 << 27;  // |q| stays below
constexpr std::int32_t list_price_floor = -(1 << 28);
constexpr std::size_t list_short_length = 16;
constexpr std::size_t list_long_length = 512;  // at most
constexpr std::size_t list_pool_length = 192;  // for each row, before the pool must grow; memory not used costs nothing

/// For each set of up to eight lanes: which lanes they are, in order (the rest is never looked at).
struct kept_lanes_table {
  std::uint8_t order[256][8] = {};

  constexpr kept_lanes_table() {
    for (unsigned set = 0; set < 256; ++set) {
      unsigned kept = 0;
      for (unsigned lane = 0; lane < 8; ++lane) {
        if (set >> lane & 1) order[set][kept++] = static_cast<std::uint8_t>(lane);
      }
    }
  }
};
inline constexpr kept_lanes_table kept_lanes;

/// Working memory of the list solver; keeps its capacity from one problem to the next.
struct list_workspace {
  solver_effort effort;  // of the last problem
  // columns, padded to a multiple of 16
  aligned_vector<std::int32_t> start_price, price, row_of_column, distance, open_price, parent;
  aligned_vector<float> float_start, mean, square;
  std::vector<double> exact_price;
  std::vector<std::int32_t> lowered_by;  // the row that lowered it last, in refine; -1: none
  // rows
  aligned_vector<std::int32_t> column_of_row, cost_of_row;  // its column ([n + 1]: no row, or the rest), and q there
  aligned_vector<std::int32_t> short_bound, long_bound;     // b_i of the two lists
  aligned_vector<std::int32_t> long_length, long_capacity;  // in blocks of 16
  std::vector<std::size_t> long_begin;                      // where in the pool
  aligned_vector<std::int32_t> queue;                       // ring of waiting rows
  // lists
  aligned_vector<std::int32_t> short_list;  // [n, 2, 16] 16 costs, and their 16 columns
  aligned_vector<std::int32_t> pool;        // long lists, one after the other: blocks [2, 16] of the same kind
  // one row
  aligned_vector<std::int32_t> fixed, reduced, chosen;
  aligned_vector<float> value;
  std::vector<char> waits;  // [n], with n < m [n + 1]; 1: the row is in the queue (refine)
  // the tree of a search
  aligned_vector<std::int32_t> passed_column, passed_distance;
  struct tree_row {
    std::int32_t row, offset;
    std::int32_t bound;  // no column that this row has not offered yet is nearer than this
    int offered;         // 0: the short list, 1: the long list, 2: the dense row
  };
  std::vector<tree_row> tree;
};

/// One problem: costs [n, m], n <= m, and where the answer goes.
template <class Cost>
struct list_problem {
  batch<Cost> cost;
  double largest;  // max |c_ij|, finite; unless
  bool by_spread;  // the scale is to come from the spread of sampled rows, and rows are checked as they are read
  solver_wishes wishes;
  list_workspace& work;
  shortest_paths_state<price_of<Cost>>& out;
};

/// A power of two that brings |c| <= largest below 2^25; float costs below 2^20, so that they are in range whatever the start prices.
template <class Cost>
double fixed_point_scale(double largest) {
  constexpr int bits = std::is_same<Cost, float>::value ? 19 : 24;
  const double scale = largest > 0 ? std::ldexp(1.0, bits - std::ilogb(largest)) : 1.0;
  return std::is_integral<Cost>::value && scale > 1.0 ? 1.0 : scale;  // integers are exact as they are
}

/// A power of two that makes 2^16 to 2^17 units of a standard deviation, and no more than 2^25 of the largest cost.
inline double fixed_point_scale_by_spread(double deviation, double largest) {
  return std::ldexp(1.0, std::min(16 - std::ilogb(deviation), 24 - std::ilogb(largest)));
}

/// Where no SIMD version was compiled the dense solver does all.
template <class Cost>
double largest_magnitude_portable(const batch<Cost>&, std::size_t) {
  return std::numeric_limits<double>::infinity();
}

template <class Cost>
solver_result solve_on_lists_portable(const list_problem<Cost>&) {
  return solver_result::unsuited;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#include <hwy/cache_control.h>

#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/list_solver-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Solves on candidate lists, if the costs suit: n <= m (n = m for answers within epsilon), enough rows, all finite, and a scale
/// that float can hold.
///
/// @return  never out_of_range
template <class Cost>
solver_result solve_on_lists(const batch<Cost>& cost, shortest_paths_state<price_of<Cost>>& out, list_workspace& work,
                             const solver_wishes& wishes = {}, simd_target target = best_target()) {
  if (cost.rows() < list_solver_min_rows || cost.rows() > cost.columns()) return solver_result::unsuited;
  if (cost.rows() < cost.columns() && !wishes.exactly()) return solver_result::unsuited;
  if (cost.columns() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    return solver_result::unsuited;
  const auto largest_magnitude =
      IMMISCIBLE_SIMD_CHOOSE(target, largest_magnitude_simd<Cost>, largest_magnitude_portable<Cost>);
  const auto solve = IMMISCIBLE_SIMD_CHOOSE(target, solve_on_lists_simd<Cost>, solve_on_lists_portable<Cost>);
  const auto suits = [](double largest) { return (largest >= 1e-30 && largest < 1e37) || largest == 0; };
  if (std::is_same<Cost, float>::value) {  // a scale from some rows, which saves a pass over all, and is finer
    const solver_result result = solve({cost, 0, true, wishes, work, out});
    if (result != solver_result::out_of_range) return result;
  }
  const double largest = largest_magnitude(cost, 1);
  if (!suits(largest)) return solver_result::unsuited;
  const solver_result result = solve({cost, largest, false, wishes, work, out});
  return result == solver_result::out_of_range ? solver_result::unsuited : result;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

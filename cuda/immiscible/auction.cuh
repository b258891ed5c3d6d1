// Assignment within a tolerance on the device: an auction in which all free rows bid at once. The twin of auction.hpp.
//
//   n rows, m columns, n <= m <= 4096; costs [n, m] in int16
//   v_j  price of column j; only falls        epsilon  what a bid goes beyond the difference to the second choice
//
// A free row bids for the column where c_ij - v_j is least, down to where its second choice is as good, less epsilon. Each
// column goes to the lowest bid, of equal ones to the lowest row. Matched rows are then within epsilon of their best, so a
// complete matching costs at most m epsilon more than the best one; the prices tell how much at most. Epsilon falls in phases.
// The number of rounds is bounded; should the bound be met, the free rows take the free columns in order, or the last complete matching
// stands if that is better, and the gap says so.
//
// Reference: Bertsekas, Castanon, Parallel Computing 17 (1991), Jacobi version.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/warm_start.cuh>
#include <immiscible/greedy.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `auction` needs; aligned to 256.
inline std::size_t auction_workspace_bytes(std::size_t n, std::size_t m);

/// Assigns a column to every row at nearly the least total cost; enqueues on `stream`.
///
/// @param cost       [n, m] row-major, device, any stride; n <= m <= 4096.
/// @param tolerance  epsilon, in standard deviations of the costs (the means of rows and columns apart); above 0.
/// @param out        device; prices; summary: total_cost, and lower_bound from the prices, both exact. Status optimal if they
///                   are equal, else feasible.
/// @param workspace  auction_workspace_bytes(n, m) bytes, device, aligned to 256.
/// @throws std::invalid_argument  as `jonker_volgenant`; also a tolerance that is not above 0.
/// @throws cuda_error             a launch was refused.
///
/// Cost:        one launch; two barriers of the team a round, at most 8,192 rounds.
/// Determinism: the same input gives the same answer, whatever the order of the blocks.
inline void auction(const device_batch<std::int16_t>& cost, double tolerance, const device_assignment& out,
                    void* workspace, cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Tuning numbers. Not measured on a GPU.
struct auction_policy {
  static constexpr unsigned threads = 256;
  static constexpr float first_epsilon =
      0.3f;  ///< standard deviations; then a quarter of the last, down to the tolerance
  static constexpr std::int32_t most_rounds = 8192;
};

/// A bid as one number: the lower price first, then the lower row.
__device__ inline unsigned long long bid_of(std::int32_t price, std::int32_t row) {
  const auto ordered = static_cast<std::uint32_t>(price) ^ 0x80000000u;
  return static_cast<unsigned long long>(ordered) << 32 | static_cast<std::uint32_t>(row);
}

constexpr unsigned long long no_bid = ~0ull;

/// The least and the second least of c_ij - v_j of a row, and where the least is.
struct two_least {
  std::int32_t least, second, column;
};

struct merge_two_least {
  __device__ two_least operator()(const two_least& a, const two_least& b) const {
    const bool a_first = a.least < b.least || (a.least == b.least && a.column < b.column);
    const two_least& first = a_first ? a : b;
    const two_least& other = a_first ? b : a;
    return {first.least, first.second < other.least ? first.second : other.least, first.column};
  }
};

__device__ inline two_least from_lane_across(const two_least& value, int mask) {
  return {__shfl_xor_sync(all_lanes, value.least, mask), __shfl_xor_sync(all_lanes, value.second, mask),
          __shfl_xor_sync(all_lanes, value.column, mask)};
}

/// Row i's choices at the current prices; looks from column i on, so that rows that are alike choose different ones of equals.
__device__ inline two_least choices_of_row(const integer_costs& costs, const std::int32_t* price, std::int32_t i) {
  two_least own = {INT32_MAX, INT32_MAX, INT32_MAX};
  for (auto j = static_cast<std::int32_t>(lane_of_thread()); j < costs.m; j += warp_lanes) {
    const std::int32_t reduced = costs(i, j) - price[j], place = j >= i ? j - i : j - i + costs.m;
    own = merge_two_least()(own, {reduced, INT32_MAX, place});
  }
  own = warp_reduce(own, merge_two_least());
  own.column = (own.column + i) % costs.m;
  return own;
}

/// One phase: bids until every row is matched, or `rounds` reaches `most_rounds`. @return rows that stayed free
template <class Team>
__device__ std::int32_t bid_until_matched(const Team& team, const integer_costs& costs, const solver_state& state,
                                          std::int32_t epsilon, unsigned long long* bids, std::int32_t most_rounds,
                                          std::int32_t& rounds) {
  for_each_index(team, costs.m, [&](std::int32_t j) { state.row_of_column[j] = state.column_of_row[j] = -1; });
  team.sync();  // nobody is matched
  std::int32_t free = costs.m;
  for (; free > 0 && rounds < most_rounds; ++rounds) {
    for_rows_by_warp(team, costs.m, [&](std::int32_t i) {
      if (state.column_of_row[i] >= 0) return;
      const two_least choices = choices_of_row(costs, state.column_price, i);
      if (lane_of_thread() != 0) return;
      const std::int32_t beyond = costs.m > 1 ? choices.second - choices.least : 0;
      atomicMin(bids + choices.column, bid_of(state.column_price[choices.column] - beyond - epsilon, i));
    });
    team.sync();  // all bids stand
    if (team.block() == 0 && threadIdx.x == 0) state.counters[(rounds + 1) % 3] = 0;
    for_each_index(team, costs.m, [&](std::int32_t j) {
      const unsigned long long bid = bids[j];
      if (bid == no_bid) return;
      const std::int32_t row = static_cast<std::int32_t>(bid & 0xffffffffu), before = state.row_of_column[j];
      if (before >= 0) {
        state.column_of_row[before] = -1;
      } else {
        atomicAdd(state.counters + rounds % 3, 1);
      }
      state.row_of_column[j] = row;
      state.column_of_row[row] = j;
      state.column_price[j] = static_cast<std::int32_t>(static_cast<std::uint32_t>(bid >> 32) ^ 0x80000000u);
      bids[j] = no_bid;
    });
    team.sync();  // the matching is known to all, and how much it grew
    free -= state.counters[rounds % 3];
  }
  return free;
}

/// Total cost of the rows' columns; the whole block calls, and every thread gets it.
__device__ inline long long total_of(const integer_costs& costs, const std::int32_t* column_of_row,
                                     long long* scratch) {
  long long total = 0;
  for (auto i = static_cast<std::int32_t>(threadIdx.x); i < costs.n; i += static_cast<std::int32_t>(blockDim.x)) {
    total += costs(i, column_of_row[i]);
  }
  return block_reduce(total, add(), 0LL, scratch);
}

/// The answer, its prices and its bound; by one block.
///
/// @param complete  `state.claim` holds the matching of the phase before.
__device__ inline void write_auction(const integer_costs& costs, const solver_state& state, std::int32_t free,
                                     bool complete, std::int32_t rounds, long long* scratch,
                                     const device_assignment& out) {
  if (threadIdx.x == 0 && free > 0) {  // the bound on the rounds was met
    for (std::int32_t i = 0, j = 0; i < costs.m; ++i) {
      if (state.column_of_row[i] >= 0) continue;
      while (state.row_of_column[j] >= 0) ++j;
      state.column_of_row[i] = j;
      state.row_of_column[j] = i;
    }
  }
  __syncthreads();  // the matching is complete
  const auto thread = static_cast<std::int32_t>(threadIdx.x), threads = static_cast<std::int32_t>(blockDim.x);
  long long highest = INT32_MIN;
  for (std::int32_t j = thread; j < costs.m; j += threads)
    highest = greater()(highest, static_cast<long long>(state.column_price[j]));
  highest = block_reduce(highest, greater(), static_cast<long long>(INT32_MIN), scratch);
  const std::int32_t shift = costs.n < costs.m ? static_cast<std::int32_t>(highest) : 0;
  const std::int32_t* column_of_row = state.column_of_row;
  long long total = total_of(costs, column_of_row, scratch), bound = 0;
  if (free > 0 && complete) {
    const long long before = total_of(costs, state.claim, scratch);
    if (before < total) column_of_row = state.claim, total = before;
  }
  for (std::int32_t j = thread; j < costs.m; j += threads) {
    const std::int32_t v = state.column_price[j] - shift;
    if (out.noise_price != nullptr) out.noise_price[j] = v;
    bound += v;
    if (j >= costs.n) continue;
    const std::int32_t u = state.row_price[j] + shift;
    if (out.image_price != nullptr) out.image_price[j] = u;
    out.noise_of_image[j] = column_of_row[j];
    bound += u;
  }
  bound = block_reduce(bound, add(), 0LL, scratch);
  if (thread != 0 || out.summary == nullptr) return;
  *out.summary = {total == bound ? device_status::optimal : device_status::feasible,
                  0,
                  0,
                  rounds,
                  static_cast<double>(total),
                  static_cast<double>(bound),
                  1.0f};
}

template <class Team>
__global__ void __launch_bounds__(auction_policy::threads)
    auction_kernel(Team team, integer_costs costs, void* memory, float tolerance, std::int32_t most_rounds,
                   device_assignment out) {
  auto* const scratch = dynamic_shared<warm_start_scratch>();
  const solver_state state = state_at(memory, costs.m);
  auto* const bids = reinterpret_cast<unsigned long long*>(state.row_potential);
  const float deviation = deviation_of_costs(team, costs, state, scratch);
  for_each_index(team, costs.m, [&](std::int32_t j) {
    state.column_price[j] = 0;
    bids[j] = no_bid;
  });
  if (team.block() == 0 && threadIdx.x < counters_of_problem) state.counters[threadIdx.x] = 0;
  team.sync();  // prices are 0, and there are no bids
  std::int32_t rounds = 0, free = 0;
  bool complete = false;  // before the last phase all rows were matched
  for (float relative = fmaxf(auction_policy::first_epsilon, tolerance);;
       relative = fmaxf(0.25f * relative, tolerance)) {
    const float epsilon = fminf(fmaxf(relative * deviation, 1.0f), 65536.0f);  // the bound keeps prices within int32
    complete = rounds > 0;
    if (complete) {
      for_each_index(team, costs.m, [&](std::int32_t i) { state.claim[i] = state.column_of_row[i]; });
      team.sync();  // the matching is kept
    }
    free = bid_until_matched(team, costs, state, static_cast<std::int32_t>(epsilon), bids, most_rounds, rounds);
    if (relative <= tolerance || epsilon <= 1.0f || free > 0) break;  // free > 0: the bound on the rounds was met
  }
  for_rows_by_warp(team, costs.n, [&](std::int32_t i) {
    const std::int32_t least = choices_of_row(costs, state.column_price, i).least;
    if (lane_of_thread() == 0) state.row_price[i] = least;
  });
  team.sync();  // all rows have their prices
  if (team.block() == 0)
    write_auction(costs, state, free, complete, rounds, reinterpret_cast<long long*>(scratch), out);
}

/// `auction` with a bound of its own on the rounds; needs checked arguments and a row.
inline void enqueue_auction(const device_batch<std::int16_t>& cost, double tolerance, std::int32_t most_rounds,
                            const device_assignment& out, void* workspace, cudaStream_t stream) {
  launch_by_size<float, std::int32_t, device_assignment>(
      auction_kernel<block_team>, auction_kernel<grid_team>, auction_policy::threads, sizeof(warm_start_scratch),
      as_integer_costs(cost), workspace, stream, static_cast<float>(tolerance), most_rounds, out);
}

}  // namespace detail

inline std::size_t auction_workspace_bytes(std::size_t n, std::size_t m) {
  return jonker_volgenant_workspace_bytes(n, m);
}

inline void auction(const device_batch<std::int16_t>& cost, double tolerance, const device_assignment& out,
                    void* workspace, cudaStream_t stream) {
  if (!(tolerance > 0 && tolerance < 1e30)) {
    detail::fail("auction", "needs a tolerance above 0, got " + std::to_string(tolerance));
  }
  detail::check_solver_arguments("auction", cost.rows(), cost.columns(), out, workspace);
  if (cost.rows() == 0) return;
  detail::enqueue_auction(cost, tolerance, detail::auction_policy::most_rounds, out, workspace, stream);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

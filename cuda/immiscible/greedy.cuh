// Greedy assignments on the device: the nearest pair of all first, or row after row. The twins of greedy.hpp.
//
//   n rows, m columns, n <= m <= 4096; costs [n, m] in int16; pairs are ordered by cost, then row, then column
//
// `greedy`: a pair that is the first of its row and of its column, among what is free, is one that taking pairs in order would
// take too. All such pairs are matched at once, round after round; the first pair of all is always among them, so every round
// matches at least one, and n rounds bound everything. Rows and columns look again only when what they wanted is taken.
// `greedy_by_row`: one block, n steps.
//
// Reference: Preis, STACS 1999 (locally dominant pairs).
#pragma once

#include <immiscible/detail/augment.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/square_problem.cuh>
#include <immiscible/detail/team.cuh>
#include <immiscible/device_assignment.cuh>
#include <immiscible/device_batch.cuh>
#include <immiscible/jonker_volgenant.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `greedy` and `greedy_by_row` need; aligned to 256.
inline std::size_t greedy_workspace_bytes(std::size_t n, std::size_t m);

/// Pairs rows and columns, the cheapest pair of all first; enqueues on `stream`.
///
/// @param cost       [n, m] row-major, device, any stride; n <= m <= 4096.
/// @param out        device; prices are set to 0, for a greedy method has none; summary: status feasible, the exact total,
///                   lower_bound (the sum of each row's least cost), rounds.
/// @param workspace  greedy_workspace_bytes(n, m) bytes, device, aligned to 256.
/// @throws std::invalid_argument  n > m, m > 4096, or a null pointer (nothing is enqueued then).
/// @throws cuda_error             a launch was refused.
///
/// Cost:        one launch; each round reads the rows and columns that lost their first choice.
/// Determinism: of equal costs the lowest row, then the lowest column: index for index as the CPU's `greedy`.
inline void greedy(const device_batch<std::int16_t>& cost, const device_assignment& out, void* workspace,
                   cudaStream_t stream);

/// Gives each row in turn the cheapest column that is left; otherwise as `greedy`.
///
/// Cost:        one launch of one block; n steps, one barrier each.
/// Determinism: of equal costs the lowest column: index for index as the CPU's `greedy_by_row`.
inline void greedy_by_row(const device_batch<std::int16_t>& cost, const device_assignment& out, void* workspace,
                          cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Tuning numbers. Not measured on a GPU.
struct greedy_policy {
  static constexpr unsigned threads = 256;
  static constexpr unsigned by_row_threads = 1024;
};

/// The first free column of row i, or (with `of_column`) the first free row of column i. All lanes of the warp call.
__device__ inline std::int32_t first_choice(const integer_costs& costs, std::int32_t i, bool of_column,
                                            const std::int32_t* partner_of_other) {
  ranked<std::int32_t> first = {INT32_MAX, INT32_MAX};
  const std::int32_t others = of_column ? costs.n : costs.m;
  for (auto k = static_cast<std::int32_t>(lane_of_thread()); k < others; k += warp_lanes) {
    if (partner_of_other[k] >= 0) continue;
    const ranked<std::int32_t> candidate = {of_column ? costs(k, i) : costs(i, k), k};
    if (comes_before(candidate, first)) first = candidate;
  }
  return warp_reduce(first, first_ranked()).index;
}

/// Renews the choices of all that are free and have none, or one that is taken. The first choices of rows are their cheapest
/// columns: what these cost goes to `least_cost`, unless it is null.
template <class Team>
__device__ void choose(const Team& team, const integer_costs& costs, bool of_column, const std::int32_t* partner,
                       const std::int32_t* partner_of_other, std::int32_t* choice, std::int32_t* least_cost) {
  for_rows_by_warp(team, of_column ? costs.m : costs.n, [&](std::int32_t i) {
    if (partner[i] >= 0 || (choice[i] >= 0 && partner_of_other[choice[i]] < 0)) return;
    const std::int32_t first = first_choice(costs, i, of_column, partner_of_other);
    __syncwarp();  // all lanes have read the old choice
    if (lane_of_thread() != 0) return;
    if (least_cost != nullptr && choice[i] < 0) least_cost[i] = costs(i, first);  // nothing is taken yet
    choice[i] = first;
  });
}

/// The summary of a matching without prices; by one block, when the matching and the rows' least costs (`claim`) are complete.
__device__ inline void write_unpriced(const integer_costs& costs, const solver_state& state, std::int32_t rounds,
                                      long long* scratch, const device_assignment& out) {
  long long total = 0, bound = 0;
  for (auto j = static_cast<std::int32_t>(threadIdx.x); j < costs.m; j += static_cast<std::int32_t>(blockDim.x)) {
    if (out.noise_price != nullptr) out.noise_price[j] = 0;
    if (j >= costs.n) continue;
    if (out.image_price != nullptr) out.image_price[j] = 0;
    out.noise_of_image[j] = state.column_of_row[j];
    total += costs(j, state.column_of_row[j]);
    bound += state.claim[j];
  }
  total = block_reduce(total, add(), 0LL, scratch);
  bound = block_reduce(bound, add(), 0LL, scratch);
  if (threadIdx.x != 0 || out.summary == nullptr) return;
  *out.summary = {device_status::feasible, 0, 0, rounds, static_cast<double>(total), static_cast<double>(bound), 1.0f};
}

/// All rounds, by one team.
template <class Team>
__device__ void greedy_by_team(const Team& team, const integer_costs& costs, const solver_state& state,
                               const device_assignment& out) {
  std::int32_t* const row_choice = state.row_price;
  std::int32_t* const column_choice = state.column_price;
  for_each_index(team, costs.m, [&](std::int32_t j) {
    state.row_of_column[j] = state.column_of_row[j] = -1;
    row_choice[j] = column_choice[j] = -1;
    if (j < counters_of_problem) state.counters[j] = 0;
  });
  if (costs.m < counters_of_problem && team.block() == 0 && threadIdx.x < counters_of_problem) {
    state.counters[threadIdx.x] = 0;
  }
  team.sync();  // nobody is matched
  std::int32_t rounds = 0;
  for (std::int32_t matched = 0; matched < costs.n; ++rounds) {
    choose(team, costs, false, state.column_of_row, state.row_of_column, row_choice, state.claim);
    choose(team, costs, true, state.row_of_column, state.column_of_row, column_choice, nullptr);
    team.sync();  // all choices stand
    if (team.block() == 0 && threadIdx.x == 0) state.counters[(rounds + 1) % 3] = 0;
    for_each_index(team, costs.n, [&](std::int32_t i) {
      if (state.column_of_row[i] >= 0 || column_choice[row_choice[i]] != i) return;
      state.column_of_row[i] = row_choice[i];
      state.row_of_column[row_choice[i]] = i;
      atomicAdd(state.counters + rounds % 3, 1);
    });
    team.sync();  // the matching is known to all, and how much it grew
    matched += state.counters[rounds % 3];
  }
  if (team.block() == 0) write_unpriced(costs, state, rounds, dynamic_shared<long long>(), out);
}

template <class Team>
__global__ void __launch_bounds__(greedy_policy::threads)
    greedy_kernel(Team team, integer_costs costs, void* state, device_assignment out) {
  greedy_by_team(team, costs, state_at(state, costs.m), out);
}

/// One block: rows in turn; a thread remembers which of its columns are taken, a bit each.
template <class Policy>
__global__ void __launch_bounds__(Policy::by_row_threads)
    greedy_by_row_kernel(integer_costs costs, void* memory, device_assignment out) {
  const solver_state state = state_at(memory, costs.m);
  auto* const scratch = dynamic_shared<ranked<std::int32_t>>();
  const auto thread = static_cast<std::int32_t>(threadIdx.x), threads = static_cast<std::int32_t>(blockDim.x);
  for_rows_by_warp(block_team(), costs.n, [&](std::int32_t i) {
    std::int32_t least = INT32_MAX;
    for (auto j = static_cast<std::int32_t>(lane_of_thread()); j < costs.m; j += warp_lanes) {
      least = lesser()(least, costs(i, j));
    }
    least = warp_least(least);
    if (lane_of_thread() == 0) state.claim[i] = least;
  });
  std::uint32_t taken = 0;
  for (std::int32_t i = 0; i < costs.n; ++i) {
    ranked<std::int32_t> nearest = {INT32_MAX, INT32_MAX};
    for (std::int32_t j = thread, place = 0; j < costs.m; j += threads, ++place) {
      const ranked<std::int32_t> candidate = {costs(i, j), j};
      if ((taken >> place & 1u) == 0 && comes_before(candidate, nearest)) nearest = candidate;
    }
    nearest = first_of_block(nearest, scratch + (i % 2) * static_cast<std::int32_t>(most_warps));
    if (nearest.index % threads == thread) {
      taken |= 1u << (nearest.index / threads);
      state.column_of_row[i] = nearest.index;
    }
  }
  __syncthreads();  // the matching is complete
  write_unpriced(costs, state, costs.n, reinterpret_cast<long long*>(scratch), out);
}

/// Starts `by_block` as one block for small problems, otherwise `by_grid` on the whole device.
template <class... Arguments>
void launch_by_size(void (*by_block)(block_team, integer_costs, void*, Arguments...),
                    void (*by_grid)(grid_team, integer_costs, void*, Arguments...), unsigned most_threads,
                    std::size_t shared, const integer_costs& costs, void* state, cudaStream_t stream,
                    const Arguments&... arguments) {
  const auto m = static_cast<std::size_t>(costs.m);
  if (costs.m <= jonker_volgenant_policy::one_block_columns) {
    launch(by_block, 1, threads_for(m, most_threads), shared, stream, block_team(), costs, state, arguments...);
    return;
  }
  const unsigned warps = most_threads / warp_lanes;
  const unsigned wanted = static_cast<unsigned>((m + warps - 1) / warps);
  const unsigned blocks = std::min(wanted, resident_blocks(by_grid, most_threads, shared));
  launch_cooperative(by_grid, blocks, most_threads, shared, stream, grid_team(), costs, state, arguments...);
}

inline integer_costs as_integer_costs(const device_batch<std::int16_t>& cost) {
  return {cost.data(), cost.stride(), nullptr, static_cast<std::int32_t>(cost.rows()),
          static_cast<std::int32_t>(cost.columns())};
}

}  // namespace detail

inline std::size_t greedy_workspace_bytes(std::size_t n, std::size_t m) {
  return jonker_volgenant_workspace_bytes(n, m);
}

inline void greedy(const device_batch<std::int16_t>& cost, const device_assignment& out, void* workspace,
                   cudaStream_t stream) {
  detail::check_solver_arguments("greedy", cost.rows(), cost.columns(), out, workspace);
  if (cost.rows() == 0) return;
  detail::launch_by_size<device_assignment>(detail::greedy_kernel<detail::block_team>,
                                            detail::greedy_kernel<detail::grid_team>, detail::greedy_policy::threads,
                                            detail::most_warps * sizeof(long long), detail::as_integer_costs(cost),
                                            workspace, stream, out);
}

inline void greedy_by_row(const device_batch<std::int16_t>& cost, const device_assignment& out, void* workspace,
                          cudaStream_t stream) {
  detail::check_solver_arguments("greedy_by_row", cost.rows(), cost.columns(), out, workspace);
  if (cost.rows() == 0) return;
  const unsigned threads = detail::threads_for(cost.columns(), detail::greedy_policy::by_row_threads);
  const std::size_t shared = 2 * detail::most_warps * sizeof(detail::ranked<std::int32_t>);
  detail::launch(detail::greedy_by_row_kernel<detail::greedy_policy>, 1, threads, shared, stream,
                 detail::as_integer_costs(cost), workspace, out);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

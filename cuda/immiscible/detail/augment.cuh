// The exact finish: shortest augmenting paths for the rows that are still free, by one block, in integers.
//
//   u_i, v_j  prices, valid at all times: u_i + v_j <= c_ij, equality on the pairs
//   mu        length of the shortest path so far    distance_j  of the shortest path known to column j
//
// Each step of a search reads one row of costs, all threads together, and finds the nearest column not yet reached; of equal
// ones a free column first, then the lowest. One barrier a step. A search ends after at most m steps, so m^2 steps bound
// everything, whatever the costs are.
//
// Reference: Jonker, Volgenant, Computing 38 (1987), augmentation; Crouse, IEEE TAES 52 (2016).
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/square_problem.cuh>
#include <immiscible/device_assignment.cuh>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr std::int32_t most_columns_of_thread = 32;  ///< a bit each: blockDim.x * 32 >= m

/// What a block of the search shares; m columns.
struct search_memory {
  ranked<std::int32_t>* nearest;  // [2][most_warps], in turns
  long long* sums;                // [most_warps]
  std::int32_t* u;                // [m]
  std::int32_t* v;                // [m]
  std::int32_t* distance;         // [m]
  std::int16_t* before;           // [m] row from which the shortest path comes to a column
  std::int16_t* row_of_column;    // [m] -1: free
  std::int16_t* column_of_row;    // [m]
};

/// Bytes of `search_memory`.
inline std::size_t search_bytes(std::size_t m) {
  return 2 * most_warps * sizeof(ranked<std::int32_t>) + most_warps * sizeof(long long) +
         m * (3 * sizeof(std::int32_t) + 3 * sizeof(std::int16_t));
}

__device__ inline search_memory search_memory_at(unsigned char* memory, std::int32_t m) {
  const auto size = static_cast<std::size_t>(m);
  auto* const sums = reinterpret_cast<long long*>(memory);
  auto* const nearest = reinterpret_cast<ranked<std::int32_t>*>(sums + most_warps);
  auto* const words = reinterpret_cast<std::int32_t*>(nearest + 2 * most_warps);
  auto* const halves = reinterpret_cast<std::int16_t*>(words + 3 * size);
  return {nearest, sums, words, words + size, words + 2 * size, halves, halves + size, halves + 2 * size};
}

/// The first of the block's candidates; one barrier. `scratch` must not be the one of the call before.
__device__ inline ranked<std::int32_t> first_of_block(ranked<std::int32_t> own, ranked<std::int32_t>* scratch) {
  const auto first_of_warp = [](const ranked<std::int32_t>& mine) {
    const std::int32_t value = warp_least(mine.value);
    return ranked<std::int32_t>{value, warp_least(mine.value == value ? mine.index : INT32_MAX)};
  };
  own = first_of_warp(own);
  if (lane_of_thread() == 0) scratch[warp_of_thread()] = own;
  __syncthreads();  // every warp's candidate stands there
  const bool holds_one = lane_of_thread() < warps_of_block();
  return first_of_warp(holds_one ? scratch[lane_of_thread()] : ranked<std::int32_t>{INT32_MAX, INT32_MAX});
}

/// Gives free row `root` a column along a shortest augmenting path. @return steps: rows read
__device__ inline std::int32_t augment_row(const integer_costs& costs, const search_memory& memory, std::int32_t root) {
  const std::int32_t m = costs.m;
  const auto thread = static_cast<std::int32_t>(threadIdx.x), threads = static_cast<std::int32_t>(blockDim.x);
  for (std::int32_t j = thread; j < m; j += threads) memory.distance[j] = INT32_MAX;
  std::uint32_t reached = 0;  // bit k: this thread's column number k has its final distance
  std::int32_t row = root, mu = 0, end = -1, steps = 0;
  while (end < 0) {
    const std::int32_t base = mu - memory.u[row];
    ranked<std::int32_t> nearest = {INT32_MAX, INT32_MAX};
    for (std::int32_t j = thread, place = 0; j < m; j += threads, ++place) {
      if ((reached >> place & 1u) != 0) continue;
      const std::int32_t through_row = base + costs(row, j) - memory.v[j];
      if (through_row < memory.distance[j]) {
        memory.distance[j] = through_row;
        memory.before[j] = static_cast<std::int16_t>(row);
      }
      const ranked<std::int32_t> candidate = {memory.distance[j], memory.row_of_column[j] < 0 ? j : m + j};
      if (comes_before(candidate, nearest)) nearest = candidate;
    }
    nearest = first_of_block(nearest, memory.nearest + (steps % 2) * most_warps);
    ++steps;
    mu = nearest.value;
    if (nearest.index < m) {
      end = nearest.index;
    } else {
      const std::int32_t column = nearest.index - m;
      if (column % threads == thread) reached |= 1u << (column / threads);
      row = memory.row_of_column[column];
    }
  }
  __syncthreads();  // nobody reads prices any more
  for (std::int32_t j = thread, place = 0; j < m; j += threads, ++place) {
    if ((reached >> place & 1u) == 0) continue;
    const std::int32_t change = mu - memory.distance[j];
    memory.v[j] -= change;
    memory.u[memory.row_of_column[j]] += change;
  }
  __syncthreads();  // all prices are new, and no pair has changed yet
  if (thread == 0) {
    memory.u[root] += mu;
    for (std::int32_t column = end, i = -1; i != root;) {
      i = memory.before[column];
      const std::int16_t next = memory.column_of_row[i];
      memory.column_of_row[i] = static_cast<std::int16_t>(column);
      memory.row_of_column[column] = static_cast<std::int16_t>(i);
      column = next;
    }
  }
  __syncthreads();  // the path is the matching now
  return steps;
}

/// The price by which columns that no real row took exceed 0; 0 where there are none. The same in every thread.
__device__ inline std::int32_t price_of_unmatched(const integer_costs& costs, const search_memory& memory) {
  return costs.n < costs.m ? memory.v[memory.column_of_row[costs.n]] : 0;
}

/// Writes the matching and its prices, as `device_assignment` promises them, and the summary. A problem whose rows are members
/// of a larger matrix writes to their places there.
__device__ inline void write_exact(const integer_costs& costs, const search_memory& memory, std::int32_t free_rows,
                                   std::int32_t steps, const device_assignment& out) {
  const std::int32_t shift = price_of_unmatched(costs, memory);
  long long total = 0, bound = 0;
  for (auto j = static_cast<std::int32_t>(threadIdx.x); j < costs.m; j += static_cast<std::int32_t>(blockDim.x)) {
    const std::int32_t v = memory.v[j] - shift;
    if (out.noise_price != nullptr) out.noise_price[costs.member == nullptr ? j : costs.member[j]] = v;
    bound += v;
    if (j >= costs.n) continue;
    const std::int32_t i = j, column = memory.column_of_row[i], u = memory.u[i] + shift;
    const std::int32_t place = costs.member == nullptr ? i : costs.member[i];
    out.noise_of_image[place] = costs.member == nullptr ? column : costs.member[column];
    if (out.image_price != nullptr) out.image_price[place] = u;
    bound += u;
    total += costs(i, column);
  }
  total = block_reduce(total, add(), 0LL, memory.sums);
  bound = block_reduce(bound, add(), 0LL, memory.sums);
  if (threadIdx.x != 0 || out.summary == nullptr) return;
  *out.summary = {total == bound ? device_status::optimal : device_status::feasible,
                  free_rows,
                  steps,
                  0,
                  static_cast<double>(total),
                  static_cast<double>(bound),
                  1.0f};
}

/// Finishes what `warm_start` left in `state`. All threads of one block call; blockDim.x * 32 >= m.
__device__ inline void augment(const integer_costs& costs, const solver_state& state, unsigned char* shared,
                               const device_assignment& out) {
  const search_memory memory = search_memory_at(shared, costs.m);
  for (auto j = static_cast<std::int32_t>(threadIdx.x); j < costs.m; j += static_cast<std::int32_t>(blockDim.x)) {
    memory.u[j] = state.row_price[j];
    memory.v[j] = state.column_price[j];
    memory.row_of_column[j] = static_cast<std::int16_t>(state.row_of_column[j]);
    memory.column_of_row[j] = static_cast<std::int16_t>(state.column_of_row[j]);
  }
  __syncthreads();  // the state stands in shared memory
  std::int32_t free_rows = 0, steps = 0;
  for (std::int32_t i = 0; i < costs.m; ++i) {
    if (memory.column_of_row[i] >= 0) continue;
    ++free_rows;
    steps += augment_row(costs, memory, i);
  }
  write_exact(costs, memory, free_rows, steps, out);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

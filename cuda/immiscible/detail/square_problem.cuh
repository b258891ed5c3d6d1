// One assignment problem as the device's solvers see it: integer costs, made square, and their working memory.
//
//   n rows of costs, m columns, n <= m
//
// Rows n ... m - 1 do not exist: their costs are 0 everywhere, so whichever columns they take is free, and a problem with
// more columns than rows becomes a square one. `last_kind` rows are enough to look at all of them, since they are alike.
#pragma once

#include <immiscible/detail/block.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>
#include <immiscible/detail/launch.cuh>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr std::int32_t most_columns_of_solver = 4096;

/// Costs [n, m] in int16, device memory, perhaps only some rows and columns of a larger matrix.
struct integer_costs {
  const std::int16_t* cost;
  std::size_t stride;
  const std::int32_t*
      member;  ///< [n] the matrix's row and column of each of ours (then n == m); null: they are the same
  std::int32_t n, m;

  __device__ std::int32_t operator()(std::int32_t i, std::int32_t j) const {
    if (i >= n) return 0;
    if (member == nullptr) return cost[static_cast<std::size_t>(i) * stride + static_cast<std::size_t>(j)];
    return cost[static_cast<std::size_t>(member[i]) * stride + static_cast<std::size_t>(member[j])];
  }
  /// Rows that differ: the real ones and, where n < m, one for all the others.
  __device__ std::int32_t kinds_of_rows() const { return n < m ? n + 1 : n; }
};

/// What solvers keep of one problem, in global memory. Sizes are m (the square's).
struct solver_state {
  std::int32_t* row_price;      // u
  std::int32_t* column_price;   // v
  std::int32_t* column_of_row;  // -1: free
  std::int32_t* row_of_column;  // -1: free
  std::int32_t* claim;          // of a column: the row that wants it
  float* row_potential;
  float* column_potential;
  std::int32_t* counters;  // [counters_of_problem]
};

constexpr int counters_of_problem = 8;
constexpr int arrays_of_state = 7;

/// Words of the state of m columns; arrays have an even length, so that two of them can be one of 64-bit numbers.
IMMISCIBLE_HOST_DEVICE inline std::size_t state_words(std::size_t m) {
  return arrays_of_state * (m + m % 2) + counters_of_problem;
}

/// The state that lies at `memory`.
__device__ inline solver_state state_at(void* memory, std::int32_t m) {
  auto* const words = static_cast<std::int32_t*>(memory);
  const auto size = static_cast<std::size_t>(m + m % 2);
  auto* const potentials = reinterpret_cast<float*>(words + 5 * size);
  return {words,
          words + size,
          words + 2 * size,
          words + 3 * size,
          words + 4 * size,
          potentials,
          potentials + size,
          words + arrays_of_state * size};
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

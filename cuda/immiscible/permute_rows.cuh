// Moves rows in place on the device: after `assign`, noise row i belongs to image i. The twin of permute_rows in assignment.hpp.
//
//   rows [n, d] row-major; source_of_row [n], a permutation of 0 ... n - 1
//
// Rows move along the cycles of the permutation. One block finds where each cycle begins (its least row) by doubling: after
// t rounds every row knows the least of the next 2^t rows of its cycle. Then each thread carries one column around
// all cycles, reading and writing whole segments of rows together with its neighbours. Each value is read and written once.
#pragma once

#include <immiscible/detail/block.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/device_batch.cuh>
#include <immiscible/device_status.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `permute_rows` needs for n rows; aligned to 256.
inline std::size_t permute_rows_workspace_bytes(std::size_t n) { return (5 * n + 1) * sizeof(std::int32_t); }

/// Moves the rows of `rows` so that row i becomes what row `source_of_row[i]` was; enqueues on `stream`.
///
/// @param rows           [n, d] float, device; changed in place, bit for bit a permutation of what it was.
/// @param source_of_row  [n] device, such as the noise_of_image of `assign`.
/// @param status         one, device, may be null: not_a_permutation (and nothing moves) or optimal; not written where there
///                       are no values.
/// @param workspace      permute_rows_workspace_bytes(n) bytes, device, aligned to 256.
/// @throws std::invalid_argument  more than 2^31 - 1,025 rows or a null pointer (nothing is enqueued then).
/// @throws cuda_error             a launch was refused.
///
/// Cost:        two launches; every value is read once and written once.
/// Determinism: a permutation leaves no choice.
inline void permute_rows(const device_matrix<float>& rows, const std::int32_t* source_of_row, device_status* status,
                         void* workspace, cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Tuning numbers. Not measured on a GPU.
struct permute_policy {
  static constexpr unsigned cycle_threads = 1024;
  static constexpr unsigned move_threads = 64;
};

/// Memory of the search for cycles.
struct cycle_workspace {
  std::int32_t* is_valid;  // [1]
  std::int32_t* least[2];  // [n] each, in turns: least row of the next rows of the cycle
  std::int32_t* next[2];   // [n] each, in turns: the row 2^t further
  std::int32_t* marks;     // [n] how often a row is a source
};

inline cycle_workspace cycle_workspace_at(void* memory, std::size_t n) {
  auto* const words = static_cast<std::int32_t*>(memory);
  auto* const first = words + 1;
  return {words, {first, first + n}, {first + 2 * n, first + 3 * n}, first + 4 * n};
}

/// Which of the two arrays holds the result for n rows.
IMMISCIBLE_HOST_DEVICE inline int doublings_of(std::int32_t n) {
  int rounds = 0;
  while ((std::int64_t{1} << rounds) < n) ++rounds;
  return rounds;
}

/// One block: checks the permutation; then least[doublings_of(n) % 2][i] is the least row of the cycle of row i.
template <class Policy>
__global__ void __launch_bounds__(Policy::cycle_threads)
    cycles_kernel(const std::int32_t* source_of_row, std::int32_t n, cycle_workspace work, device_status* status) {
  const auto first = static_cast<std::int32_t>(threadIdx.x), step = static_cast<std::int32_t>(blockDim.x);
  for (std::int32_t i = first; i < n; i += step) work.marks[i] = 0;
  __syncthreads();  // no row is marked
  bool in_range = true;
  for (std::int32_t i = first; i < n; i += step) {
    const std::int32_t source = source_of_row[i];
    if (source < 0 || source >= n) {
      in_range = false;
    } else {
      atomicAdd(work.marks + source, 1);
      work.least[0][i] = i < source ? i : source;
      work.next[0][i] = source;
    }
  }
  bool is_valid = __syncthreads_and(in_range) != 0;  // and all marks are set
  for (std::int32_t i = first; i < n; i += step) is_valid = is_valid && work.marks[i] == 1;
  is_valid = __syncthreads_and(is_valid) != 0;
  if (threadIdx.x == 0) {
    *work.is_valid = is_valid ? 1 : 0;
    if (status != nullptr) *status = is_valid ? device_status::optimal : device_status::not_a_permutation;
  }
  if (!is_valid) return;  // all threads together
  for (int round = 0; round < doublings_of(n); ++round) {
    const int from = round % 2, to = 1 - from;
    for (std::int32_t i = first; i < n; i += step) {
      const std::int32_t next = work.next[from][i], own = work.least[from][i], other = work.least[from][next];
      work.least[to][i] = own < other ? own : other;
      work.next[to][i] = work.next[from][next];
    }
    __syncthreads();  // this round's numbers are complete
  }
}

/// Each thread carries one column around all cycles.
template <class Policy>
__global__ void __launch_bounds__(Policy::move_threads)
    move_rows_kernel(device_matrix<float> rows, const std::int32_t* source_of_row, cycle_workspace work) {
  const std::size_t column = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (*work.is_valid == 0 || column >= rows.columns()) return;
  const auto n = static_cast<std::int32_t>(rows.rows());
  const std::int32_t* const least = work.least[doublings_of(n) % 2];
  float* const values = rows.data() + column;
  for (std::int32_t start = 0; start < n; ++start) {
    if (least[start] != start || source_of_row[start] == start) continue;
    const float first = values[static_cast<std::size_t>(start) * rows.stride()];
    std::int32_t target = start;
    for (std::int32_t source = source_of_row[start]; source != start; source = source_of_row[target]) {
      values[static_cast<std::size_t>(target) * rows.stride()] =
          values[static_cast<std::size_t>(source) * rows.stride()];
      target = source;
    }
    values[static_cast<std::size_t>(target) * rows.stride()] = first;
  }
}

}  // namespace detail

inline void permute_rows(const device_matrix<float>& rows, const std::int32_t* source_of_row, device_status* status,
                         void* workspace, cudaStream_t stream) {
  using policy = detail::permute_policy;
  const std::size_t n = rows.rows();
  constexpr std::size_t most = static_cast<std::size_t>(INT32_MAX) - policy::cycle_threads;  // loops step beyond n
  if (n > most) {
    detail::fail("permute_rows", "needs at most " + std::to_string(most) + " rows, got " + std::to_string(n));
  }
  if (rows.empty()) return;
  if (source_of_row == nullptr || workspace == nullptr) {
    detail::fail("permute_rows", "needs indices and a workspace, got a null pointer");
  }
  const detail::cycle_workspace work = detail::cycle_workspace_at(workspace, n);
  detail::launch(detail::cycles_kernel<detail::permute_policy>, 1, policy::cycle_threads, 0, stream, source_of_row,
                 static_cast<std::int32_t>(n), work, status);
  const auto blocks = static_cast<unsigned>((rows.columns() + policy::move_threads - 1) / policy::move_threads);
  detail::launch(detail::move_rows_kernel<detail::permute_policy>, blocks, policy::move_threads, 0, stream, rows,
                 source_of_row, work);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

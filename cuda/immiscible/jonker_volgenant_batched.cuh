// Many exact assignments at once, a block each: batches of small problems, and groups within one batch.
//
//   P problems of n_p rows and m_p columns; costs in int16
//
// Blocks take problems from a queue (one counter in the workspace), so any number of problems of any sizes keeps the device
// busy. An answer depends on its problem alone, never on which block solved it, or when.
//
// Groups are problems whose rows and columns are scattered over one matrix of costs: image i and noise i carry the same label,
// and noise is exchanged within a label only (class-conditional training needs that).
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/jonker_volgenant.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `jonker_volgenant_batched` needs for `problems` of costs [n, m]; aligned to 256.
inline std::size_t jonker_volgenant_batched_workspace_bytes(std::size_t problems, std::size_t n, std::size_t m);

/// Solves problem p = 0 ... problems - 1, costs [problems, n, m], each as `jonker_volgenant` would; enqueues on `stream`.
///
/// @param cost       [problems, n, m] contiguous, device; n <= m <= 4096.
/// @param out        noise_of_image [problems, n], prices [problems, n] and [problems, m], summary [problems]; device.
/// @param workspace  jonker_volgenant_batched_workspace_bytes(problems, n, m) bytes, device, aligned to 256.
/// @throws std::invalid_argument  n > m, m > 4096, sizes that overflow, or a null pointer (nothing is enqueued then).
/// @throws cuda_error             a launch was refused.
///
/// Cost:        one launch. Best for m up to about 256; larger problems keep one block busy for long.
/// Determinism: each answer is that of its problem alone.
inline void jonker_volgenant_batched(const std::int16_t* cost, std::size_t problems, std::size_t n, std::size_t m,
                                     const device_assignment& out, void* workspace, cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Where the problems are. Either all of one shape, one after the other (`first_member` null); or groups of one matrix.
struct problem_list {
  const std::int16_t* cost;
  std::size_t stride;
  std::int32_t n, m;                 // of each problem; of groups: m is the rows of the whole matrix
  const std::int32_t* member;        // groups: [m] the matrix's rows, group after group
  const std::int32_t* first_member;  // groups: [problems + 1]
  std::int32_t problems;
};

/// The costs of problem p.
__device__ inline integer_costs costs_of_problem(const problem_list& list, std::int32_t p) {
  if (list.first_member == nullptr) {
    const std::size_t values = static_cast<std::size_t>(list.n) * static_cast<std::size_t>(list.m);
    return {list.cost + static_cast<std::size_t>(p) * values, list.stride, nullptr, list.n, list.m};
  }
  const std::int32_t first = list.first_member[p], size = list.first_member[p + 1] - first;
  return {list.cost, list.stride, list.member + first, size, size};
}

/// Bytes of the states of `problems`, of `columns_in_all` columns together.
inline std::size_t states_bytes(std::size_t problems, std::size_t columns_in_all) {
  const std::size_t words =
      problems * state_words(1) + columns_in_all * arrays_of_state;  // at least, one of odd length each
  return aligned_bytes(words * sizeof(std::int32_t));
}

/// The state of problem p within the memory of `states_bytes`.
__device__ inline solver_state state_of_problem(void* memory, const problem_list& list, std::int32_t p) {
  const std::size_t before = list.first_member == nullptr
                                 ? static_cast<std::size_t>(p) * static_cast<std::size_t>(list.m)
                                 : static_cast<std::size_t>(list.first_member[p]);
  const std::size_t words = static_cast<std::size_t>(p) * state_words(1) + before * arrays_of_state;
  return state_at(static_cast<std::int32_t*>(memory) + words, costs_of_problem(list, p).m);
}

/// Where the answer of problem p goes. Groups write through their members, each to the caller's own places.
__device__ inline device_assignment answer_of_problem(const problem_list& list, const device_assignment& out,
                                                      std::int32_t p) {
  device_assignment own = out;
  if (out.summary != nullptr) own.summary = out.summary + p;
  if (list.first_member != nullptr) return own;
  const std::size_t rows = static_cast<std::size_t>(p) * static_cast<std::size_t>(list.n);
  const std::size_t columns = static_cast<std::size_t>(p) * static_cast<std::size_t>(list.m);
  own.noise_of_image += rows;
  if (own.image_price != nullptr) own.image_price += rows;
  if (own.noise_price != nullptr) own.noise_price += columns;
  return own;
}

/// The next problem of the queue, the same in all threads of the block.
__device__ inline std::int32_t take_problem(std::int32_t* queue, std::int32_t* shared) {
  __syncthreads();  // the last problem is done: its shared memory is free
  if (threadIdx.x == 0) *shared = atomicAdd(queue, 1);
  __syncthreads();  // the number is there
  const std::int32_t problem = *shared;
  __syncthreads();  // all have read it: the memory is free again
  return problem;
}

template <class Policy>
__global__ void __launch_bounds__(Policy::batched_threads)
    solve_batched_kernel(problem_list list, std::int32_t* queue, void* states, device_assignment out) {
  auto* const shared = dynamic_shared<unsigned char>();
  for (;;) {
    const std::int32_t p = take_problem(queue, reinterpret_cast<std::int32_t*>(shared));
    if (p >= list.problems) return;
    const integer_costs costs = costs_of_problem(list, p);
    const device_assignment own = answer_of_problem(list, out, p);
    if (costs.n > 0) {
      solve_by_block(costs, state_of_problem(states, list, p), shared, own);
    } else if (own.summary != nullptr && threadIdx.x == 0) {
      *own.summary = {device_status::optimal, 0, 0, 0, 0.0, 0.0, 1.0f};
    }
  }
}

/// Solves all problems of the list; `workspace` holds the queue (256 bytes), then the states. `most_columns` of a problem.
inline void enqueue_batched(const problem_list& list, std::size_t most_columns, const device_assignment& out,
                            void* workspace, cudaStream_t stream) {
  auto* const queue = static_cast<std::int32_t*>(workspace);
  void* const states = static_cast<unsigned char*>(workspace) + aligned_bytes(sizeof(std::int32_t));
  check_cuda(cudaMemsetAsync(queue, 0, sizeof(std::int32_t), stream), "cudaMemsetAsync");
  const std::size_t shared = whole_solver_bytes(most_columns);
  const unsigned threads = threads_for(most_columns, jonker_volgenant_policy::batched_threads);
  allow_shared_bytes(solve_batched_kernel<jonker_volgenant_policy>, shared, whole_solver_bytes(most_columns_of_solver));
  const unsigned resident = resident_blocks(solve_batched_kernel<jonker_volgenant_policy>, threads, shared);
  const unsigned blocks = std::min(static_cast<unsigned>(list.problems), std::max(resident, 1u));
  launch(solve_batched_kernel<jonker_volgenant_policy>, blocks, threads, shared, stream, list, queue, states, out);
}

}  // namespace detail

inline std::size_t jonker_volgenant_batched_workspace_bytes(std::size_t problems, std::size_t n, std::size_t m) {
  if (problems == 0 || n == 0) return 0;
  return detail::aligned_bytes(sizeof(std::int32_t)) + detail::states_bytes(problems, problems * m);
}

inline void jonker_volgenant_batched(const std::int16_t* cost, std::size_t problems, std::size_t n, std::size_t m,
                                     const device_assignment& out, void* workspace, cudaStream_t stream) {
  const char* name = "jonker_volgenant_batched";
  detail::check_solver_arguments(name, problems == 0 ? 0 : n, m, out, workspace);
  if (problems == 0 || n == 0) return;
  if (problems > static_cast<std::size_t>(INT32_MAX)) {
    detail::fail(name, "needs at most 2^31 - 1 problems, got " + std::to_string(problems));
  }
  if (cost == nullptr) detail::fail(name, "needs costs, got a null pointer");
  const detail::problem_list list = {cost,    m,       static_cast<std::int32_t>(n),       static_cast<std::int32_t>(m),
                                     nullptr, nullptr, static_cast<std::int32_t>(problems)};
  detail::enqueue_batched(list, m, out, workspace, stream);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

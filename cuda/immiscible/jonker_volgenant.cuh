// Exact assignment on the device: least total cost, proved by integer prices. The twin of jonker_volgenant.hpp.
//
//   n images (rows), m noises (columns), n <= m <= 4096; costs [n, m] in int16
//
// Two parts: a parallel warm start (detail/warm_start.cuh) leaves about 2 % of the rows, and one block finishes them by shortest
// augmenting paths (detail/augment.cuh). Problems of at most 256 columns, and each problem of a batch, are solved by one block in
// one launch; a larger one by a cooperative grid, then one block: two launches. Nothing is ever read back by the host.
#pragma once

#include <immiscible/detail/augment.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/square_problem.cuh>
#include <immiscible/detail/warm_start.cuh>
#include <immiscible/device_assignment.cuh>
#include <immiscible/device_batch.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `jonker_volgenant` needs for costs [n, m]; the workspace must be aligned to 256 bytes.
inline std::size_t jonker_volgenant_workspace_bytes(std::size_t n, std::size_t m);

/// Assigns a column to every row at the least total cost; enqueues on `stream` and returns at once.
///
/// @param cost       [n, m] row-major, device, any stride; n <= m <= 4096.
/// @param out        device memory; see device_assignment.cuh. `summary` may be null. The total is exact, and
///                   status optimal means that the prices prove it.
/// @param workspace  jonker_volgenant_workspace_bytes(n, m) bytes, device, aligned to 256; not used any more when the stream
///                   has done the work.
/// @throws std::invalid_argument  n > m, m > 4096, or a null pointer (nothing is enqueued then).
/// @throws cuda_error             a launch was refused.
///
/// Cost:        one launch for m <= 256, else two. Warm start: 160 passes over the costs, all processors; then about m / 50
///              searches by one block. O(m) workspace.
/// Determinism: the same input gives the same answer, run to run on one kind of device, whatever the order of the blocks.
///              Constant costs give the identity.
inline void jonker_volgenant(const device_batch<std::int16_t>& cost, const device_assignment& out, void* workspace,
                             cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Tuning numbers. Not measured on a GPU.
struct jonker_volgenant_policy {
  static constexpr std::int32_t one_block_columns = 256;  ///< up to here one block does it all
  static constexpr unsigned warm_start_threads = 256;
  static constexpr unsigned search_threads = 1024;
  static constexpr unsigned batched_threads = 256;
};

static_assert(jonker_volgenant_policy::batched_threads * most_columns_of_thread >= most_columns_of_solver,
              "a thread of the search remembers 32 columns");

/// A multiple of 32 threads, no more than there are columns for, no more than `most`.
inline unsigned threads_for(std::size_t columns, unsigned most) {
  const std::size_t wanted = (columns + warp_lanes - 1) / warp_lanes * warp_lanes;
  return static_cast<unsigned>(std::min<std::size_t>(std::max<std::size_t>(wanted, warp_lanes), most));
}

/// Shared bytes of a block that does both parts: they use the same memory, one after the other.
inline std::size_t whole_solver_bytes(std::size_t m) { return std::max(search_bytes(m), sizeof(warm_start_scratch)); }

template <class Policy>
__global__ void __launch_bounds__(Policy::warm_start_threads) warm_start_kernel(integer_costs costs, void* state) {
  warm_start(grid_team(), costs, state_at(state, costs.m), dynamic_shared<warm_start_scratch>());
}

template <class Policy>
__global__ void __launch_bounds__(Policy::search_threads)
    augment_kernel(integer_costs costs, void* state, device_assignment out) {
  augment(costs, state_at(state, costs.m), dynamic_shared<unsigned char>(), out);
}

/// Both parts by one block.
__device__ inline void solve_by_block(const integer_costs& costs, const solver_state& state, unsigned char* shared,
                                      const device_assignment& out) {
  warm_start(block_team(), costs, state, reinterpret_cast<warm_start_scratch*>(shared));
  __syncthreads();  // the scratch becomes the search's memory
  augment(costs, state, shared, out);
}

template <class Policy>
__global__ void __launch_bounds__(Policy::batched_threads)
    solve_by_block_kernel(integer_costs costs, void* state, device_assignment out) {
  solve_by_block(costs, state_at(state, costs.m), dynamic_shared<unsigned char>(), out);
}

/// Throws unless n <= m <= 4096 and the pointers are there.
inline void check_solver_arguments(const char* function, std::size_t n, std::size_t m, const device_assignment& out,
                                   const void* workspace) {
  if (n > m) {
    fail(function,
         "needs at least as many columns as rows, got [" + std::to_string(n) + ", " + std::to_string(m) + "]");
  }
  if (m > static_cast<std::size_t>(most_columns_of_solver)) {
    fail(function, "needs at most 4096 columns, got " + std::to_string(m));
  }
  if (n > 0 && out.noise_of_image == nullptr) fail(function, "needs memory for noise_of_image, got a null pointer");
  if (n > 0 && workspace == nullptr) fail(function, "needs a workspace, got a null pointer");
}

}  // namespace detail

inline std::size_t jonker_volgenant_workspace_bytes(std::size_t n, std::size_t m) {
  return n == 0 ? 0 : detail::aligned_bytes(detail::state_words(m) * sizeof(std::int32_t));
}

inline void jonker_volgenant(const device_batch<std::int16_t>& cost, const device_assignment& out, void* workspace,
                             cudaStream_t stream) {
  using policy = detail::jonker_volgenant_policy;
  const std::size_t n = cost.rows(), m = cost.columns();
  detail::check_solver_arguments("jonker_volgenant", n, m, out, workspace);
  if (n == 0) return;
  const detail::integer_costs costs = {cost.data(), cost.stride(), nullptr, static_cast<std::int32_t>(n),
                                       static_cast<std::int32_t>(m)};
  if (costs.m <= policy::one_block_columns) {
    detail::launch(detail::solve_by_block_kernel<detail::jonker_volgenant_policy>, 1,
                   detail::threads_for(m, policy::batched_threads), detail::whole_solver_bytes(m), stream, costs,
                   workspace, out);
    return;
  }
  const std::size_t shared = detail::search_bytes(m);
  detail::allow_shared_bytes(detail::augment_kernel<detail::jonker_volgenant_policy>, shared,
                             detail::search_bytes(detail::most_columns_of_solver));
  const unsigned threads = policy::warm_start_threads;
  const std::size_t scratch = sizeof(detail::warm_start_scratch);
  const unsigned wanted =
      static_cast<unsigned>((m + threads / detail::warp_lanes - 1) / (threads / detail::warp_lanes));
  const unsigned blocks = std::min(
      wanted, detail::resident_blocks(detail::warm_start_kernel<detail::jonker_volgenant_policy>, threads, scratch));
  detail::launch_cooperative(detail::warm_start_kernel<detail::jonker_volgenant_policy>, blocks, threads, scratch,
                             stream, costs, workspace);
  detail::launch(detail::augment_kernel<detail::jonker_volgenant_policy>, 1,
                 detail::threads_for(m, policy::search_threads), shared, stream, costs, workspace, out);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

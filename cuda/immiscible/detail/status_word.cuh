// Writing the status word of device_status.cuh.
#pragma once

#include <cuda_runtime.h>
#include <immiscible/batch.hpp>
#include <immiscible/cuda_error.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/device_status.cuh>

#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

static_assert(static_cast<std::int32_t>(device_status::optimal) == 0, "begin_status writes zeros");

/// Enqueues the writing of `optimal`.
///
/// @throws std::invalid_argument  there is no word to write.
inline void begin_status(const char* function, device_status* status, cudaStream_t stream) {
  if (status == nullptr) fail(function, "needs a status word in device memory, got a null pointer");
  check_cuda(cudaMemsetAsync(status, 0, sizeof *status, stream), "cudaMemsetAsync");
}

/// Any thread of any block; of different reports the one with the greatest number stays.
__device__ inline void report_status(device_status* status, device_status found) {
  atomicMax(reinterpret_cast<std::int32_t*>(status), static_cast<std::int32_t>(found));
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

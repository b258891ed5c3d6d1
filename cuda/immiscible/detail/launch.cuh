// Launching kernels, without `<<<>>>`: the same source is compiled by nvcc for a GPU and by a host compiler for the
// emulation of tests/cuda_on_cpu, whose own <cuda_runtime.h> then takes the place of CUDA's.
//
// Two rules make that possible: kernels are started by the functions below, and all memory that a block shares is
// dynamic (`dynamic_shared`), never a static `__shared__` variable. A third lets several files of a program include the same
// header: every kernel is a template, if only of its policy.
#pragma once

#include <cuda_runtime.h>
#include <immiscible/cuda_error.cuh>
#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>
#include <tuple>
#include <utility>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr std::size_t shared_bytes_without_asking = 48 * 1024;  ///< a kernel that wants more says so before its launch

/// `bytes`, up to the next multiple of 256: parts of a workspace begin there.
inline std::size_t aligned_bytes(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

/// The block's dynamic shared memory, aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
#if defined(__CUDACC__)
  extern __shared__ __align__(16) unsigned char immiscible_shared_memory[];
  return reinterpret_cast<T*>(immiscible_shared_memory);
#else
  return static_cast<T*>(cuda_on_cpu::shared_memory());
#endif
}

/// Calls function(array of pointers to the arguments, converted to the kernel's parameters).
template <class... Parameters, class Function, std::size_t... Index>
cudaError_t with_arguments(std::tuple<Parameters...>& values, Function function, std::index_sequence<Index...>) {
  void* pointers[] = {static_cast<void*>(&std::get<Index>(values))..., nullptr};
  return function(pointers);
}

/// Starts `kernel` on `stream`; neither waits nor allocates.
///
/// @throws cuda_error  the launch was refused.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, std::size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  const auto start = [&](void** pointers) {
    return cudaLaunchKernel(kernel, blocks, threads, pointers, shared_bytes, stream);
  };
  check_cuda(with_arguments(values, start, std::index_sequence_for<Parameters...>()), "cudaLaunchKernel");
}

/// The same for a kernel whose blocks wait for each other: all of them must be resident (`resident_blocks`).
template <class... Parameters, class... Arguments>
void launch_cooperative(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, std::size_t shared_bytes,
                        cudaStream_t stream, const Arguments&... arguments) {
  std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  const auto start = [&](void** pointers) {
    return cudaLaunchCooperativeKernel(kernel, blocks, threads, pointers, shared_bytes, stream);
  };
  check_cuda(with_arguments(values, start, std::index_sequence_for<Parameters...>()), "cudaLaunchCooperativeKernel");
}

/// Lets `kernel` use `shared_bytes` of dynamic shared memory; does nothing for what every kernel may use.
///
/// @param most  the most that any call asks for: threads of the host that ask for less and more set the same limit.
template <class... Parameters>
void allow_shared_bytes(void (*kernel)(Parameters...), std::size_t shared_bytes, std::size_t most) {
  if (shared_bytes <= shared_bytes_without_asking) return;
  check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(most)),
             "cudaFuncSetAttribute");
}

/// How many blocks of `kernel` the current device holds at once; no synchronisation.
template <class... Parameters>
unsigned resident_blocks(void (*kernel)(Parameters...), unsigned threads, std::size_t shared_bytes) {
  int device = 0, processors = 0, blocks_each = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
  check_cuda(
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks_each, kernel, static_cast<int>(threads), shared_bytes),
      "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  return static_cast<unsigned>(processors) * static_cast<unsigned>(blocks_each);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

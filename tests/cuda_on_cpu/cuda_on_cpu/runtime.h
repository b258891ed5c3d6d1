// Memory, launches and properties of the device.
#pragma once

#include "streams.h"

#include <climits>
#include <tuple>
#include <type_traits>

// --------------------------------------------------------------------------------------------------------------- Memory

enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};

namespace cuda_on_cpu {

constexpr std::size_t device_bytes = std::size_t{64} << 30;

/// Full of poison and of the exact size; null when there is none.
inline void* new_device_memory(runtime_call& call, std::size_t bytes) {
  void* memory = nullptr;
  if (bytes > device_bytes || posix_memalign(&memory, 256, bytes) != 0) return nullptr;
  std::memset(memory, poison, bytes);
  call->allocations[static_cast<const char*>(memory)] = bytes;
  return memory;
}

/// Memory is where `kind` says, and large enough.
inline bool fits(const runtime_call& call, const void* to, std::size_t to_bytes, const void* from,
                 std::size_t from_bytes, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return true;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return call->holds(to, to_device ? to_bytes : 1) == to_device &&
         call->holds(from, from_device ? from_bytes : 1) == from_device;
}

inline cudaError_t copy_2d(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                           std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  runtime_call call;
  if (width > to_pitch || width > from_pitch) return remembered(cudaErrorInvalidValue);
  if (width == 0 || height == 0) return cudaSuccess;
  if (!fits(call, to, (height - 1) * to_pitch + width, from, (height - 1) * from_pitch + width, kind)) {
    return remembered(cudaErrorInvalidValue);
  }
  return remembered(call->enqueue(stream, [=] {
    for (std::size_t row = 0; row < height; ++row) {
      std::memmove(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
    }
  }));
}

}  // namespace cuda_on_cpu

template <class T>
cudaError_t cudaMalloc(T** memory, std::size_t bytes) {
  cuda_on_cpu::runtime_call call;
  *memory = nullptr;
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  if (bytes == 0) return cudaSuccess;
  *memory = static_cast<T*>(cuda_on_cpu::new_device_memory(call, bytes));
  return cuda_on_cpu::remembered(*memory ? cudaSuccess : cudaErrorMemoryAllocation);
}

/// Waits for the device, like CUDA's.
inline cudaError_t cudaFree(void* memory) {
  const cuda_on_cpu::runtime_call call;
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  if (!memory) return cudaSuccess;
  call->run_everything();
  if (call->allocations.erase(static_cast<const char*>(memory)) == 0)
    return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  std::free(memory);
  return cudaSuccess;
}

template <class T>
cudaError_t cudaMallocAsync(T** memory, std::size_t bytes, cudaStream_t stream) {
  {
    const cuda_on_cpu::runtime_call call;
    const auto found = call->find(stream);
    if (!found) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
    if (found->capture) return cuda_on_cpu::remembered(call->spoil(*found->capture, cudaErrorStreamCaptureUnsupported));
  }
  return cudaMalloc(memory, bytes);
}

inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  const cuda_on_cpu::runtime_call call;
  if (!memory) return cudaSuccess;
  const auto found = call->find(stream);
  if (!found || !call->allocations.count(static_cast<const char*>(memory))) {
    return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  }
  if (found->capture) return cuda_on_cpu::remembered(call->spoil(*found->capture, cudaErrorStreamCaptureUnsupported));
  return cuda_on_cpu::remembered(call->enqueue(stream, [memory] {
    cuda_on_cpu::the_device().allocations.erase(static_cast<const char*>(memory));
    std::free(memory);
  }));
}

template <class T>
cudaError_t cudaMallocHost(T** memory, std::size_t bytes) {
  const cuda_on_cpu::runtime_call call;
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  *memory = static_cast<T*>(std::malloc(bytes));
  return cuda_on_cpu::remembered(*memory || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation);
}

inline cudaError_t cudaFreeHost(void* memory) {
  const cuda_on_cpu::runtime_call call;
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  call->run_everything();
  std::free(memory);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                                   cudaStream_t stream = nullptr) {
  return cuda_on_cpu::copy_2d(to, bytes, from, bytes, bytes, 1, kind, stream);
}
inline cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                                     std::size_t width, std::size_t height, cudaMemcpyKind kind,
                                     cudaStream_t stream = nullptr) {
  return cuda_on_cpu::copy_2d(to, to_pitch, from, from_pitch, width, height, kind, stream);
}
inline cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                                std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  const cudaError_t error = cuda_on_cpu::copy_2d(to, to_pitch, from, from_pitch, width, height, kind, nullptr);
  return error != cudaSuccess ? error : cudaStreamSynchronize(nullptr);
}
inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpy2D(to, bytes, from, bytes, bytes, 1, kind);
}

inline cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream = nullptr) {
  const cuda_on_cpu::runtime_call call;
  if (bytes == 0) return cudaSuccess;
  if (!call->holds(memory, bytes)) return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  return cuda_on_cpu::remembered(call->enqueue(stream, [=] { std::memset(memory, value, bytes); }));
}
inline cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes);
}

inline cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  const cuda_on_cpu::runtime_call call;
  *free_bytes = *total_bytes = cuda_on_cpu::device_bytes;
  for (const auto& allocation : call->allocations) *free_bytes -= std::min(*free_bytes, allocation.second);
  return cudaSuccess;
}

// ----------------------------------------------------------------------------------------------------------- The device

enum cudaDeviceAttr {
  cudaDevAttrMaxThreadsPerBlock = 1,
  cudaDevAttrMaxSharedMemoryPerBlock = 8,
  cudaDevAttrWarpSize = 10,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrMaxThreadsPerMultiProcessor = 39,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrCooperativeLaunch = 95,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
};

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor;
  int warpSize, maxThreadsPerBlock, maxThreadsPerMultiProcessor, multiProcessorCount, major, minor, cooperativeLaunch;
  int maxThreadsDim[3], maxGridSize[3];
};

namespace cuda_on_cpu {

constexpr int processors = 4, threads_of_processor = 2048, blocks_of_processor = 32;
constexpr std::size_t shared_of_processor = 228 * 1024, shared_of_block = 48 * 1024, shared_allowed = 227 * 1024;
constexpr std::size_t shared_reserved = 1024;  // of each block, by the system

inline std::size_t shared_bytes_allowed(runtime_call& call, const void* kernel) {
  const auto found = call->shared_bytes_allowed.find(kernel);
  return found == call->shared_bytes_allowed.end() ? shared_of_block : found->second;
}

inline int resident_blocks_of_processor(std::size_t threads, std::size_t shared_bytes) {
  const std::size_t rounded_threads = (threads + warp_lanes - 1) / warp_lanes * warp_lanes;
  return static_cast<int>(
      std::min({threads_of_processor / rounded_threads, shared_of_processor / (shared_bytes + shared_reserved),
                std::size_t{blocks_of_processor}}));
}

inline cudaError_t check(runtime_call& call, const launch_request& request) {
  const dim3 b = request.blocks, t = request.threads;
  if (!request.kernel) return cudaErrorInvalidDeviceFunction;
  if (b.x == 0 || b.y == 0 || b.z == 0 || t.x == 0 || t.y == 0 || t.z == 0) return cudaErrorInvalidConfiguration;
  if (b.x > INT_MAX || b.y > 65535 || b.z > 65535 || t.x > 1024 || t.y > 1024 || t.z > 64)
    return cudaErrorInvalidConfiguration;
  const std::size_t threads = std::size_t{t.x} * t.y * t.z, blocks = std::size_t{b.x} * b.y * b.z;
  if (threads > 1024) return cudaErrorInvalidConfiguration;
  if (request.shared_bytes > shared_bytes_allowed(call, request.kernel)) return cudaErrorInvalidValue;
  const int resident = processors * resident_blocks_of_processor(threads, request.shared_bytes);
  if (request.cooperative && blocks > static_cast<std::size_t>(resident)) return cudaErrorCooperativeLaunchTooLarge;
  return cudaSuccess;
}

template <class... Parameters, std::size_t... Index>
cudaError_t launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, void** arguments, std::size_t shared_bytes,
                   cudaStream_t stream, bool cooperative, std::index_sequence<Index...>) {
  runtime_call call;
  launch_request request{reinterpret_cast<const void*>(kernel), blocks, threads, shared_bytes, cooperative, nullptr};
  if (const cudaError_t error = check(call, request)) return remembered(error);
  const std::tuple<std::decay_t<Parameters>...> values(*static_cast<std::decay_t<Parameters>*>(arguments[Index])...);
  request.body = [kernel, values] { std::apply(kernel, values); };
  return remembered(call->enqueue(stream, [request = std::move(request)] { run(request); }));
}

}  // namespace cuda_on_cpu

template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, void** arguments,
                             std::size_t shared_bytes = 0, cudaStream_t stream = nullptr) {
  return cuda_on_cpu::launch(kernel, blocks, threads, arguments, shared_bytes, stream, false,
                             std::index_sequence_for<Parameters...>());
}

template <class... Parameters>
cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, void** arguments,
                                        std::size_t shared_bytes = 0, cudaStream_t stream = nullptr) {
  return cuda_on_cpu::launch(kernel, blocks, threads, arguments, shared_bytes, stream, true,
                             std::index_sequence_for<Parameters...>());
}

enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9
};

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  const cuda_on_cpu::runtime_call call;
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<std::size_t>(value) > cuda_on_cpu::shared_allowed) {
    return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  }
  call->shared_bytes_allowed[reinterpret_cast<const void*>(kernel)] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

template <class... Parameters>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*kernel)(Parameters...), int threads,
                                                          std::size_t shared_bytes) {
  cuda_on_cpu::runtime_call call;
  *blocks = 0;
  if (threads <= 0) return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  const std::size_t allowed = cuda_on_cpu::shared_bytes_allowed(call, reinterpret_cast<const void*>(kernel));
  if (threads <= 1024 && shared_bytes <= allowed) {
    *blocks = cuda_on_cpu::resident_blocks_of_processor(static_cast<std::size_t>(threads), shared_bytes);
  }
  return cudaSuccess;
}

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  return cuda_on_cpu::remembered(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cuda_on_cpu::remembered(cudaErrorInvalidDevice);
  *properties = {"cuda_on_cpu",
                 cuda_on_cpu::device_bytes,
                 cuda_on_cpu::shared_of_block,
                 cuda_on_cpu::shared_allowed,
                 cuda_on_cpu::shared_of_processor,
                 static_cast<int>(cuda_on_cpu::warp_lanes),
                 1024,
                 cuda_on_cpu::threads_of_processor,
                 cuda_on_cpu::processors,
                 9,
                 0,
                 1,
                 {1024, 1024, 64},
                 {INT_MAX, 65535, 65535}};
  return cudaSuccess;
}

inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = properties.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(properties.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = properties.warpSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = properties.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(properties.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = properties.cooperativeLaunch;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(properties.sharedMemPerBlockOptin);
      break;
    default:
      return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

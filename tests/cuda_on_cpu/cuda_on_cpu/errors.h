// Errors: the codes of CUDA that the emulation returns, and their texts.
#pragma once

#define CUDA_ON_CPU_ERRORS(ENTRY)                                                                          \
  ENTRY(cudaSuccess, 0, "no error")                                                                        \
  ENTRY(cudaErrorInvalidValue, 1, "invalid argument")                                                      \
  ENTRY(cudaErrorMemoryAllocation, 2, "out of memory")                                                     \
  ENTRY(cudaErrorInvalidConfiguration, 9, "invalid configuration argument")                                \
  ENTRY(cudaErrorInvalidDeviceFunction, 98, "invalid device function")                                     \
  ENTRY(cudaErrorInvalidDevice, 101, "invalid device ordinal")                                             \
  ENTRY(cudaErrorInvalidResourceHandle, 400, "invalid resource handle")                                    \
  ENTRY(cudaErrorNotReady, 600, "device not ready")                                                        \
  ENTRY(cudaErrorCooperativeLaunchTooLarge, 720, "too many blocks in cooperative launch")                  \
  ENTRY(cudaErrorNotSupported, 801, "operation not supported")                                             \
  ENTRY(cudaErrorStreamCaptureUnsupported, 900, "operation not permitted when stream is capturing")        \
  ENTRY(cudaErrorStreamCaptureInvalidated, 901, "operation failed due to a previous error during capture") \
  ENTRY(cudaErrorStreamCaptureUnmatched, 903, "capture was not ended in the same stream as it began")      \
  ENTRY(cudaErrorStreamCaptureUnjoined, 904, "capturing stream has unjoined work")                         \
  ENTRY(cudaErrorStreamCaptureImplicit, 906,                                                               \
        "operation would make the legacy stream depend on a capturing blocking stream")                    \
  ENTRY(cudaErrorCapturedEvent, 907, "operation not permitted on an event last recorded in a capturing stream")

enum cudaError {
#define CUDA_ON_CPU_CODE(NAME, CODE, TEXT) NAME = CODE,
  CUDA_ON_CPU_ERRORS(CUDA_ON_CPU_CODE)
#undef CUDA_ON_CPU_CODE
};
using cudaError_t = cudaError;

inline const char* cudaGetErrorName(cudaError_t code) {
#define CUDA_ON_CPU_NAME(NAME, CODE, TEXT) \
  if (code == NAME) return #NAME;
  CUDA_ON_CPU_ERRORS(CUDA_ON_CPU_NAME)
#undef CUDA_ON_CPU_NAME
  return "unrecognized error code";
}

inline const char* cudaGetErrorString(cudaError_t code) {
#define CUDA_ON_CPU_TEXT(NAME, CODE, TEXT) \
  if (code == NAME) return TEXT;
  CUDA_ON_CPU_ERRORS(CUDA_ON_CPU_TEXT)
#undef CUDA_ON_CPU_TEXT
  return "unrecognized error code";
}

namespace cuda_on_cpu {

inline cudaError_t& last_error() {
  static thread_local cudaError_t last = cudaSuccess;
  return last;
}

/// Every function of the runtime returns through this.
inline cudaError_t remembered(cudaError_t code) {
  if (code != cudaSuccess) last_error() = code;
  return code;
}

}  // namespace cuda_on_cpu

inline cudaError_t cudaPeekAtLastError() { return cuda_on_cpu::last_error(); }
inline cudaError_t cudaGetLastError() {
  const cudaError_t last = cuda_on_cpu::last_error();
  cuda_on_cpu::last_error() = cudaSuccess;
  return last;
}

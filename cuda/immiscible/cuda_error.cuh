// What a failed CUDA call throws.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace immiscible {

/// A call of the CUDA runtime, or a launch, that failed.
class cuda_error : public std::runtime_error {
 public:
  /// @param code  what the call returned.
  /// @param call  the call, for the message.
  cuda_error(cudaError_t code, const char* call)
      : std::runtime_error(std::string("immiscible: ") + call + " failed: " + cudaGetErrorString(code) + " (" +
                           std::to_string(static_cast<int>(code)) + ")"),
        code_(code) {}

  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

inline namespace IMMISCIBLE_BUILD {

namespace detail {

/// Throws cuda_error unless `code` is success. The runtime forgets the error, lest the next library finds it and blames itself.
inline void check_cuda(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();
  throw cuda_error(code, call);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

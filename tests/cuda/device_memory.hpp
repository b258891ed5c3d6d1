// Arrays in device memory, for tests.
#pragma once

#include <cuda_runtime.h>
#include <immiscible/cuda_error.cuh>

#include <cstddef>
#include <vector>

namespace tests {

/// `size` values in device memory, freed at the end of their scope.
template <class T>
class device_array {
 public:
  /// Not initialised.
  explicit device_array(std::size_t size) : size_(size) {
    if (size > 0) immiscible::detail::check_cuda(cudaMalloc(&data_, size * sizeof(T)), "cudaMalloc");
  }
  explicit device_array(const std::vector<T>& values) : device_array(values.size()) {
    copy(data_, values.data(), cudaMemcpyHostToDevice);
  }
  device_array(const device_array&) = delete;
  device_array& operator=(const device_array&) = delete;
  ~device_array() { cudaFree(data_); }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }

  /// A copy on the host; waits for all work that was enqueued.
  std::vector<T> host() const {
    std::vector<T> values(size_);
    immiscible::detail::check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    copy(values.data(), data_, cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  void copy(T* to, const T* from, cudaMemcpyKind kind) const {
    if (size_ > 0) immiscible::detail::check_cuda(cudaMemcpy(to, from, size_ * sizeof(T), kind), "cudaMemcpy");
  }

  std::size_t size_;
  T* data_ = nullptr;
};

}  // namespace tests

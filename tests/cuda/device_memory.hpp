// Device memory for the tests of kernels.
#pragma once

#include <cuda_runtime.h>
#include <immiscible/cuda_error.cuh>

#include <cstddef>
#include <utility>
#include <vector>

namespace tests {

/// An array in device memory that frees itself; copies to and from the host wait for the null stream.
template <class T>
class device_array {
 public:
  device_array() = default;
  explicit device_array(std::size_t size) : size_(size) {
    immiscible::detail::check_cuda(cudaMalloc(&data_, size * sizeof(T)), "cudaMalloc");
  }
  explicit device_array(const std::vector<T>& values) : device_array(values.size()) { assign(values); }
  ~device_array() { cudaFree(data_); }

  device_array(device_array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  device_array& operator=(device_array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() const { return data_; }  // the handle may be const; what it leads to is the device's
  std::size_t size() const { return size_; }

  /// Writes the first values.size() elements. They are there when it returns: a copy from memory like the host's here may still be on
  /// its way, and streams that do not wait for the null stream would not see it.
  void assign(const std::vector<T>& values) {
    immiscible::detail::check_cuda(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
                                   "cudaMemcpy");
    immiscible::detail::check_cuda(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
  }

  std::vector<T> host() const {
    std::vector<T> values(size_);
    immiscible::detail::check_cuda(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost),
                                   "cudaMemcpy");
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tests

// Pairs one batch of images with noise on a GPU: all of it in device memory, enqueued on one stream.
//
//   nvcc -std=c++17 -arch=native -DEIGEN_NO_CUDA -Icuda -Iinclude -I/usr/include/eigen3 examples/quickstart_cuda.cu
#include <immiscible/assign.cuh>
#include <immiscible/cost.hpp>
#include <immiscible/permute_rows.cuh>
#include <immiscible/philox.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

namespace {

/// Every call of CUDA is checked.
void check(cudaError_t code, const char* call) {
  if (code != cudaSuccess) throw immiscible::cuda_error(code, call);
}

/// Device memory that frees itself.
template <class T>
class device_memory {
 public:
  explicit device_memory(std::size_t count) { check(cudaMalloc(&data_, count * sizeof(T)), "cudaMalloc"); }
  ~device_memory() { cudaFree(data_); }
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;
  T* data() const { return static_cast<T*>(data_); }

 private:
  void* data_ = nullptr;
};

/// A stream that destroys itself.
class stream {
 public:
  stream() { check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
  ~stream() { cudaStreamDestroy(handle_); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  cudaStream_t get() const { return handle_; }

 private:
  cudaStream_t handle_ = nullptr;
};

template <class T>
void copy(T* to, const T* from, std::size_t count, cudaMemcpyKind direction, const stream& on) {
  check(cudaMemcpyAsync(to, from, count * sizeof(T), direction, on.get()), "cudaMemcpyAsync");
}

/// Images [n, d], a stand-in for yours, scaled to [-1, 1]: bright discs on black, 28 x 28 pixels.
std::vector<float> make_images(std::size_t n, std::size_t d) {
  std::vector<float> images(n * d);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < d; ++k) {
      const double x = static_cast<double>(k % 28) - 10 - static_cast<double>(i % 8);
      const double y = static_cast<double>(k / 28) - 10 - static_cast<double>(i / 8 % 8);
      images[i * d + k] = x * x + y * y < 20.0 + 10 * static_cast<double>(i / 64) ? 1.0f : -1.0f;
    }
  }
  return images;
}

int pair_one_batch() {
  const std::size_t n = 256, d = 784;
  const std::vector<float> images = make_images(n, d);
  std::vector<float> noise(n * d);  // row r is the noise of (seed, step, r): the same on every machine
  immiscible::normal_rows(/*seed*/ 42, /*step*/ 0, /*first row*/ 0, immiscible::matrix_view<float>(noise.data(), n, d));
  const immiscible::batch<float> image_rows(images.data(), n, d), noise_rows(noise.data(), n, d);
  const double before = immiscible::mean_distance(image_rows, noise_rows);

  // What a trainer allocates once, before its first step.
  const stream work;
  const device_memory<float> device_images(n * d), device_noise(n * d);
  const device_memory<std::int32_t> noise_of_image(n);
  const device_memory<immiscible::device_summary> device_summary(1);
  const device_memory<immiscible::device_status> device_moved(1);
  const device_memory<unsigned char> workspace(immiscible::assign_workspace_bytes(n, n, d));
  const device_memory<unsigned char> permute_workspace(immiscible::permute_rows_workspace_bytes(n));
  copy(device_images.data(), images.data(), n * d, cudaMemcpyHostToDevice, work);
  copy(device_noise.data(), noise.data(), n * d, cudaMemcpyHostToDevice, work);

  // Every step: two calls that only enqueue.
  immiscible::device_assignment paired;
  paired.noise_of_image = noise_of_image.data();
  paired.summary = device_summary.data();
  immiscible::assign(immiscible::device_batch<float>(device_images.data(), n, d),
                     immiscible::device_batch<float>(device_noise.data(), n, d), paired, workspace.data(), work.get());
  immiscible::permute_rows(immiscible::device_matrix<float>(device_noise.data(), n, d), noise_of_image.data(),
                           device_moved.data(), permute_workspace.data(), work.get());

  // Noise row i now belongs to image i. What follows is for this report only.
  immiscible::device_summary summary = {};
  immiscible::device_status moved = {};
  copy(&summary, device_summary.data(), 1, cudaMemcpyDeviceToHost, work);
  copy(&moved, device_moved.data(), 1, cudaMemcpyDeviceToHost, work);
  copy(noise.data(), device_noise.data(), n * d, cudaMemcpyDeviceToHost, work);
  check(cudaStreamSynchronize(work.get()), "cudaStreamSynchronize");
  const double after = immiscible::mean_distance(image_rows, noise_rows);

  std::printf("mean distance of image and noise: %.3f at random, %.3f paired (%+.2f %%)\n", before, after,
              100 * (after / before - 1));
  std::printf("total squared distance %.2f; no pairing has less than %.2f (gap %.4f %%)\n", summary.total_cost,
              summary.lower_bound, 100 * (summary.total_cost - summary.lower_bound) / summary.total_cost);
  return summary.status == immiscible::device_status::optimal && moved == summary.status && after < before ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return pair_one_batch();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quickstart_cuda: %s\n", error.what());
    return 2;
  }
}

// What LibTorch needs for the same work, as a shared library that peers.py calls: seconds of processor time of its thread.
#include <ATen/Parallel.h>
#include <ATen/ops/cdist.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>

#include <time.h>

#include <cstring>

namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

extern "C" {

/// images [n, d], noise [n, d] -> distances [n, n], by cdist on one thread.
double torch_peer_cdist(float* images, float* noise, std::size_t n, std::size_t d, float* out) {
  at::set_num_threads(1);
  const auto rows = static_cast<std::int64_t>(n), columns = static_cast<std::int64_t>(d);
  const at::Tensor x = at::from_blob(images, {rows, columns}), e = at::from_blob(noise, {rows, columns});
  const double start = thread_seconds();
  const at::Tensor distances = at::cdist(x, e);
  const double seconds = thread_seconds() - start;
  std::memcpy(out, distances.const_data_ptr<float>(), n * n * sizeof(float));
  return seconds;
}

/// randn of [n, d] on one thread: what unpaired noise costs.
double torch_peer_randn(std::size_t n, std::size_t d) {
  at::set_num_threads(1);
  const double start = thread_seconds();
  const at::Tensor noise = at::randn({static_cast<std::int64_t>(n), static_cast<std::int64_t>(d)});
  return thread_seconds() - start;
}

/// Nearest of k as published trainers do it: images [n, d] -> [n, k, d] noises and differences, norms, argmin, gather -> out [n, d].
double torch_peer_nearest(float* images, std::size_t n, std::size_t d, std::size_t k, float* out) {
  at::set_num_threads(1);
  const auto rows = static_cast<std::int64_t>(n), columns = static_cast<std::int64_t>(d);
  const at::Tensor x = at::from_blob(images, {rows, columns});
  const double start = thread_seconds();
  const at::Tensor noise = at::randn({rows, static_cast<std::int64_t>(k), columns});
  const at::Tensor distances = at::linalg_vector_norm(x.unsqueeze(1).sub(noise), 2, at::IntArrayRef({-1}));
  const at::Tensor index = distances.argmin(1).view({rows, 1, 1}).expand({rows, 1, columns});
  const at::Tensor nearest = noise.gather(1, index).squeeze(1);
  const double seconds = thread_seconds() - start;
  std::memcpy(out, nearest.const_data_ptr<float>(), n * d * sizeof(float));
  return seconds;
}

}  // extern "C"

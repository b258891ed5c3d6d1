// What is around a product of matrices that a library computes: the centred samples before it, the costs after it.
#pragma once

#include <immiscible/cost.cuh>
#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// The samples less their mean (null: as they are), contiguous [n, d], as `Value`.
template <class Value>
__global__ void __launch_bounds__(cost_policy::streaming_threads)
    centred_copy_kernel(device_batch<float> samples, const float* mean, Value* out) {
  const std::size_t d = samples.columns(), values = samples.rows() * d;
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t at = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < values; at += step) {
    const float value = samples.data()[at / d * samples.stride() + at % d];
    out[at] = static_cast<Value>(mean == nullptr ? value : value - mean[at % d]);
  }
}

/// Turns products x_i . e_j, contiguous [n, m], into costs, in place, and notes their range.
template <class Policy>
__global__ void __launch_bounds__(Policy::streaming_threads)
    costs_of_products_kernel(device_matrix<float> cost, cost_form form, cost_workspace work) {
  auto* const scratch = dynamic_shared<float>();
  const bool takes_norms = needs_norms(form);
  const std::size_t m = cost.columns(), values = cost.rows() * m;
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  float least = INFINITY, greatest = -INFINITY;
  bool all_finite = true;
  for (std::size_t at = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < values; at += step) {
    const float own = cost_of_product(form, cost.data()[at], takes_norms ? work.image_norms[at / m] : 0.0f,
                                      takes_norms ? work.noise_norms[at % m] : 0.0f);
    cost.data()[at] = own;
    all_finite = all_finite && is_finite(own);
    if (!is_finite(own)) continue;
    least = own < least ? own : least;
    greatest = own > greatest ? own : greatest;
  }
  note_range(least, greatest, all_finite, work.range, scratch);
}

/// Costs in the form asked for, and their range: product(images, noise, out) computes out = images noise^T, contiguous [n, m],
/// of centred copies of the samples as `Value` ([n, d] and [m, d], the caller's memory).
template <class Value, class Product>
void enqueue_costs_by_library(const device_batch<float>& images, const device_batch<float>& noise,
                              const cost_form& form, const device_matrix<float>& out, const cost_workspace& work,
                              Value* image_copy, Value* noise_copy, cudaStream_t stream, const Product& product) {
  const unsigned threads = cost_policy::streaming_threads;
  constexpr std::size_t most_blocks = 4096;
  enqueue_cost_terms(images, noise, form, work, stream);
  launch(centred_copy_kernel<Value>, blocks_for(images.rows() * images.columns(), threads, most_blocks), threads, 0,
         stream, images, form.centre_images ? work.image_mean : nullptr, image_copy);
  launch(centred_copy_kernel<Value>, blocks_for(noise.rows() * noise.columns(), threads, most_blocks), threads, 0,
         stream, noise, form.centre_noise ? work.noise_mean : nullptr, noise_copy);
  product(image_copy, noise_copy, out.data());
  launch(costs_of_products_kernel<cost_policy>, blocks_for(out.rows() * out.columns(), threads, most_blocks), threads,
         most_warps * sizeof(float), stream, out, form, work);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// Nearest of k given candidates, in device memory: the twin of nearest_noise.hpp.
//
//   images [n, d], candidates [n k, d] row-major; rows i k ... i k + k - 1 belong to image i
//   noise_of_image [n], cost [n]
//
// One block for each image; its warps take candidates in turn, the lanes of a warp the columns 32 apart. Bound by the
// bytes of the candidates, each of which is read once; the image comes from the cache.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost_function.hpp>
#include <immiscible/detail/block.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/normal_transform.hpp>
#include <immiscible/detail/status_word.cuh>
#include <immiscible/device_batch.cuh>
#include <immiscible/device_status.cuh>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// For each image the cheapest of its own k candidates.
///
/// @param images          [n, d] row-major, device.
/// @param candidates      [n k, d], device; rows i k ... i k + k - 1 belong to image i.
/// @param k               candidates per image, at least 1; n k below 2^31.
/// @param noise_of_image  [n], device; overwritten with rows of `candidates`.
/// @param cost            [n], device, or null: what the chosen candidate costs, summed in float.
/// @param status          device. Becomes `optimal`; or `not_finite` where a value is NaN or infinite or a cost does not
///                        fit float: such an image keeps its first candidate, row i k, and gets a NaN in `cost`, while the
///                        others choose.
/// @param stream          where the work is enqueued.
/// @param function        squared_l2, l2 (which chooses alike) or inner_product.
/// @throws std::invalid_argument  k < 1, candidates that are not [n k, d], another cost, or no place for the answer.
/// @throws cuda_error             a call or the launch was refused.
///
/// Cost:        4 n k d bytes read, one launch and the setting of one word, no other memory; n = 0 sets the word alone.
/// Determinism: sums are made in an order that d alone decides, so copies of a candidate cost the same; of equal costs the
///              lowest row is taken. Where sums are exact (small integers) the rows are the CPU's; elsewhere costs differ
///              from the CPU's by their rounding.
inline void nearest_noise(const device_batch<float>& images, const device_batch<float>& candidates, std::size_t k,
                          std::int32_t* noise_of_image, float* cost, device_status* status, cudaStream_t stream,
                          cost_function function = cost_function::squared_l2);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Not measured on a GPU.
struct nearest_noise_policy {
  static constexpr unsigned most_threads = 256;  ///< a warp for each candidate, if they are fewer
};

constexpr float unknown_cost = std::numeric_limits<float>::quiet_NaN();
constexpr float cost_of_nothing = std::numeric_limits<float>::infinity();
constexpr std::int32_t number_of_nothing = std::numeric_limits<std::int32_t>::max();

/// Rows of d values in device memory, as kernels take them.
struct device_rows {
  const float* data;
  std::size_t stride;
};

struct nearest_noise_shared {
  ranked<float> nearest[most_warps];
  std::int32_t is_bad[most_warps];
};

/// The cost of an image and a candidate: |x - e|^2, or -x.e. The whole warp calls, and every lane gets it.
template <bool ByProduct>
__device__ float warp_cost(const float* image, const float* candidate, std::size_t d) {
  float sum = 0;
  for (std::size_t j = lane_of_thread(); j < d; j += warp_lanes) {
    const float x = image[j], e = candidate[j], difference = x - e;
    sum = ByProduct ? fmaf(-x, e, sum) : fmaf(difference, difference, sum);
  }
  return warp_reduce(sum, add());
}

template <class Policy, bool ByProduct>
__global__ void __launch_bounds__(Policy::most_threads)
    nearest_noise_kernel(device_rows images, device_rows candidates, std::size_t d, std::size_t k, bool is_root,
                         std::int32_t* __restrict__ noise_of_image, float* __restrict__ cost, device_status* status) {
  nearest_noise_shared& shared = *dynamic_shared<nearest_noise_shared>();
  const std::size_t i = blockIdx.x;
  const float* const image = images.data + i * images.stride;
  const ranked<float> nothing = {cost_of_nothing, number_of_nothing};
  ranked<float> nearest = nothing;
  std::int32_t is_bad = 0;  // a value that is not finite makes its cost so
  for (std::size_t c = warp_of_thread(); c < k; c += warps_of_block()) {
    const float own = warp_cost<ByProduct>(image, candidates.data + (i * k + c) * candidates.stride, d);
    if (!is_finite_value(own)) is_bad = 1;
    nearest = first_ranked()(nearest, ranked<float>{own, static_cast<std::int32_t>(c)});
  }
  is_bad = block_reduce(is_bad, greater(), 0, shared.is_bad);
  nearest = block_reduce(nearest, first_ranked(), nothing, shared.nearest);
  if (threadIdx.x != 0) return;
  if (is_bad != 0) {
    nearest = {unknown_cost, 0};
    report_status(status, device_status::not_finite);
  }
  noise_of_image[i] = static_cast<std::int32_t>(i * k) + nearest.index;
  if (cost != nullptr) cost[i] = is_root ? sqrtf(nearest.value) : nearest.value;
}

inline void check_nearest_noise(const device_batch<float>& images, const device_batch<float>& candidates, std::size_t k,
                                const std::int32_t* noise_of_image, cost_function function) {
  const char* name = "nearest_noise";
  if (k < 1) fail(name, "needs k >= 1 candidates per image, got 0");
  if (images.rows() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / k ||
      candidates.rows() != images.rows() * k) {
    fail(name, "needs candidates [n k, d] with n = " + std::to_string(images.rows()) + " and k = " + std::to_string(k) +
                   ", got " + shape_text(candidates));
  }
  if (images.columns() != candidates.columns()) {
    fail(name, "needs images and noise with the same number of values per sample, got images " + shape_text(images) +
                   " and noise " + shape_text(candidates));
  }
  if (function != cost_function::squared_l2 && function != cost_function::l2 &&
      function != cost_function::inner_product) {
    fail(name, "needs cost_function::squared_l2, l2 or inner_product, got another");
  }
  if (images.rows() > 0 && noise_of_image == nullptr) {
    fail(name, "needs noise_of_image [n] in device memory, got a null pointer");
  }
}

}  // namespace detail

inline void nearest_noise(const device_batch<float>& images, const device_batch<float>& candidates, std::size_t k,
                          std::int32_t* noise_of_image, float* cost, device_status* status, cudaStream_t stream,
                          cost_function function) {
  using policy = detail::nearest_noise_policy;
  detail::check_nearest_noise(images, candidates, k, noise_of_image, function);
  detail::begin_status("nearest_noise", status, stream);
  if (images.rows() == 0) return;
  const auto warps = static_cast<unsigned>(std::min<std::size_t>(k, policy::most_threads / detail::warp_lanes));
  const auto kernel = function == cost_function::inner_product ? &detail::nearest_noise_kernel<policy, true>
                                                               : &detail::nearest_noise_kernel<policy, false>;
  detail::launch(kernel, dim3(static_cast<unsigned>(images.rows())), dim3(warps * detail::warp_lanes),
                 sizeof(detail::nearest_noise_shared), stream, detail::device_rows{images.data(), images.stride()},
                 detail::device_rows{candidates.data(), candidates.stride()}, images.columns(), k,
                 function == cost_function::l2, noise_of_image, cost, status);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

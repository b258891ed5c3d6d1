// Nearest of k, drawn in device memory: the twin of drawn_nearest.hpp, and the same bits.
//
//   images [n, d], out [n, d] row-major; k candidates, of which the plain row is number 0
//
// One block for each image. It draws the plain row into `out` and looks whether the image is finite; sums the products of
// the two; draws the candidates, a thread for each in turn, as pairs of numbers; and turns the plain row into the nearest.
// The sums are made in the order of the CPU, 16 partial sums of columns 16 apart, by as many threads: chains of d / 16
// additions, so that one row takes a few microseconds, whatever the device, and many blocks at once hide that.
// Bound by that latency for small n, else by arithmetic: about 300 instructions for 4 values, and as many for a candidate.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost_function.hpp>
#include <immiscible/detail/block.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/drawn_candidate.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/noise_arguments.hpp>
#include <immiscible/detail/statistics_lanes.hpp>
#include <immiscible/detail/status_word.cuh>
#include <immiscible/device_batch.cuh>
#include <immiscible/device_status.cuh>
#include <immiscible/philox.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Fills row i of `out` with noise for image i that has the law of the nearest of k rows of N(0, I).
///
/// See the function of this name for host memory (drawn_nearest.hpp): the rows are the same. k = 1 gives the rows of
/// `normal_rows`, bit for bit.
///
/// @param seed         any 64 bits.
/// @param step         below 2^48.
/// @param first_index  first_index + n at most 2^48: the place of image 0 in the (global) batch.
/// @param images       [n, d] row-major, device; of any size; in the units of the noise.
/// @param k            candidates. squared_l2 and l2: a whole number, 1 to 2^24. inner_product: any finite number >= 1.
/// @param out          [n, d], device; overwritten; must not overlap `images`.
/// @param status       device. Becomes `optimal`; or `not_finite` where an image has a NaN or an infinity: its row stays
///                     plain noise, while the others are drawn.
/// @param stream       where the work is enqueued.
/// @param function     what is least: squared_l2 (or l2, the same) or inner_product.
/// @throws std::invalid_argument  k, step, first_index or d out of range, shapes that differ, n >= 2^31, another cost, or no
///                                status word.
/// @throws cuda_error             a call or the launch was refused.
///
/// Cost:        O(d + k) work for each image, one launch and the setting of one word, no other memory; an empty `out` sets
///              the word alone.
/// Determinism: the bits of the CPU, on every device (with -use_fast_math but for subnormal values). Of equal distances the
///              lowest number.
inline void nearest_normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                                const device_batch<float>& images, double k, const device_matrix<float>& out,
                                device_status* status, cudaStream_t stream,
                                cost_function function = cost_function::squared_l2);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Not measured on a GPU.
struct drawn_nearest_policy {
  static constexpr unsigned most_threads = 256;  ///< fewer where there are fewer Philox blocks in a row and candidates
};

/// What the blocks of one launch share.
struct drawn_nearest_problem {
  noise_row first;  ///< of image 0
  std::size_t d, image_stride, out_stride;
  double k;
  bool is_by_product;
  chi_square_law law;
};

struct drawn_nearest_shared {
  ranked<double> nearest[most_warps];
  std::int32_t is_bad[most_warps];
  row_products sums;
  noise_mixture mixture;
};

/// Threads for `work` pieces that can be done at once: whole warps.
template <class Policy>
unsigned threads_for(std::size_t work) {
  const std::size_t warps = (std::min<std::size_t>(work, Policy::most_threads) + warp_lanes - 1) / warp_lanes;
  return static_cast<unsigned>(std::max<std::size_t>(warps, 1)) * warp_lanes;
}

/// Draws the plain row into `out`; true if the image is finite. Ends behind a barrier: the row stands there for everyone.
__device__ inline bool draw_plain_row(const noise_row& row, const float* image, std::size_t d, float* out,
                                      std::int32_t* scratch) {
  const auto blocks = static_cast<std::uint32_t>(blocks_of_row(d));
  for (std::uint32_t block = threadIdx.x; block < blocks; block += blockDim.x) store_normal_block(row, block, d, out);
  std::int32_t is_bad = 0;
  for (std::size_t j = threadIdx.x; j < d; j += blockDim.x) {
    if (!is_finite_value(image[j])) is_bad = 1;
  }
  return block_reduce(is_bad, greater(), 0, scratch) == 0;
}

/// Sums over a row, by one warp, in the order of products_of_row_portable; the lower half of the lanes gets them.
__device__ inline row_products warp_products(const float* image, const float* noise, std::size_t d) {
  row_products sums = {0, 0, 0};
  const std::size_t first = lane_of_thread();
  for (std::size_t j = first < statistics_lanes ? first : d; j < d; j += statistics_lanes) {
    const double x = image[j], g = noise[j];  // their products are exact: fused or not, the same sums
    sums.image_squares += x * x;
    sums.noise_squares += g * g;
    sums.product += x * g;
  }
  for (int mask = statistics_lanes / 2; mask > 0; mask /= 2) {  // as sum_of_lanes
    sums.image_squares += from_lane_across(sums.image_squares, mask);
    sums.noise_squares += from_lane_across(sums.noise_squares, mask);
    sums.product += from_lane_across(sums.product, mask);
  }
  return sums;
}

/// The number of the nearest of k candidates, of which number 0 costs `plain`. The whole block calls.
__device__ inline std::int32_t nearest_candidate_of_block(const candidate_row& row, std::int32_t k, double plain,
                                                          ranked<double>* scratch) {
  ranked<double> nearest = {plain, 0};
  for (std::int32_t c = 1 + static_cast<std::int32_t>(threadIdx.x); c < k; c += static_cast<std::int32_t>(blockDim.x)) {
    const double cost = candidate_cost(row.twice_norm, draw_candidate(row, static_cast<std::uint32_t>(c)));
    nearest = first_ranked()(nearest, ranked<double>{cost, c});
  }
  return block_reduce(nearest, first_ranked(), ranked<double>{plain, 0}, scratch).index;
}

/// noise = of_noise noise + of_image image, by the whole block.
__device__ inline void mix_row_of_block(const noise_mixture& mixture, const float* image, std::size_t d, float* noise) {
  const bool in_float = is_mixed_in_float(mixture);
  const auto of_noise = static_cast<float>(mixture.of_noise), of_image = static_cast<float>(mixture.of_image);
  for (std::size_t j = threadIdx.x; j < d; j += blockDim.x) {
    noise[j] = in_float ? mixed_in_float(of_noise, of_image, image[j], noise[j])
                        : mixed_in_double(mixture, image[j], noise[j]);
  }
}

template <class Policy>
__global__ void __launch_bounds__(Policy::most_threads)
    nearest_normal_rows_kernel(drawn_nearest_problem problem, const float* __restrict__ images, float* out,
                               device_status* status) {
  drawn_nearest_shared& shared = *dynamic_shared<drawn_nearest_shared>();
  const std::size_t i = blockIdx.x, d = problem.d;
  const float* const image = images + i * problem.image_stride;
  float* const noise = out + i * problem.out_stride;
  const noise_row row = {problem.first.seed, problem.first.step, problem.first.index + i};
  if (!draw_plain_row(row, image, d, noise, shared.is_bad)) {
    if (threadIdx.x == 0) report_status(status, device_status::not_finite);
    return;
  }
  if (problem.k == 1) return;
  if (warp_of_thread() == 0) {
    const row_products of_warp = warp_products(image, noise, d);
    if (threadIdx.x == 0) shared.sums = of_warp;
  }
  __syncthreads();  // the sums stand there
  const row_products sums = shared.sums;
  if (problem.is_by_product) {
    if (!(sums.image_squares > 0)) return;
    if (threadIdx.x == 0) shared.mixture = mixture_by_product(sums, problem.k);
  } else {
    const candidate_row candidates = {row.seed, row.step, row.index,
                                      rounded_product(2.0, rounded_sqrt(sums.image_squares)), problem.law};
    const std::int32_t nearest = nearest_candidate_of_block(candidates, static_cast<std::int32_t>(problem.k),
                                                            cost_of_plain(sums), shared.nearest);
    if (nearest == 0) return;
    if (threadIdx.x == 0) {  // alone also where the sum is made anew, which is rare
      shared.mixture = mixture_by_distance(sums, squares_across(sums, image, noise, d),
                                           draw_candidate(candidates, static_cast<std::uint32_t>(nearest)));
    }
  }
  __syncthreads();  // the mixture stands there, and nobody reads the plain row of others any more
  mix_row_of_block(shared.mixture, image, d, noise);
}

/// Throws where nearest_normal_rows, or its brute force, cannot be asked so.
inline void check_drawn_nearest(const char* name, std::uint64_t step, std::uint64_t first_index,
                                const device_batch<float>& images, double k, const device_matrix<float>& out,
                                cost_function function) {
  check_drawn_candidates(name, k, function);
  check_noise_identity(name, step, first_index, images.rows(), images.columns());
  check_same_shape(name, images, out);
  if (images.rows() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    fail(name, "needs fewer than 2^31 images, got " + std::to_string(images.rows()));
  }
}

}  // namespace detail

inline void nearest_normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                                const device_batch<float>& images, double k, const device_matrix<float>& out,
                                device_status* status, cudaStream_t stream, cost_function function) {
  using policy = detail::drawn_nearest_policy;
  detail::check_drawn_nearest("nearest_normal_rows", step, first_index, images, k, out, function);
  detail::begin_status("nearest_normal_rows", status, stream);
  if (images.empty()) return;
  const bool is_by_product = function == cost_function::inner_product;
  const std::size_t d = images.columns(), candidates = is_by_product ? 1 : static_cast<std::size_t>(k);
  const detail::drawn_nearest_problem problem = {
      {seed, step, first_index}, d, images.stride(), out.stride(), k, is_by_product, detail::chi_square_of(d - 1)};
  detail::launch(detail::nearest_normal_rows_kernel<policy>, dim3(static_cast<unsigned>(images.rows())),
                 dim3(detail::threads_for<policy>(std::max(detail::blocks_of_row(d), candidates))),
                 sizeof(detail::drawn_nearest_shared), stream, problem, images.data(), out.data(), status);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

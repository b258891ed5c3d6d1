// The nearest of k by drawing all k rows: O(k d), the oracle of drawn_nearest.cuh. No candidate but the nearest is stored.
//
// Candidate 0 of row (seed, step, index) is the plain row. Candidate c >= 1 is the row (s_c, step, index), whose seed s_c
// is drawn from block c of stream `row_seeds` of (seed, step, index): its blocks have a key of their own, so they are
// independent of the other candidates' and of every row of `seed`. On the host: normal_row_portable with that seed.
//
// One block for each image; its warps take candidates in turn, a lane draws the Philox blocks 32 apart and adds up their
// part of the cost in registers; in the end the block draws the nearest once more, into `out`.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/drawn_nearest.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// The name of candidate `number` of a row.
IMMISCIBLE_HOST_DEVICE inline noise_row candidate_as_row(const noise_row& row, std::uint32_t number) {
  if (number == 0) return row;
  const philox_words words =
      philox_block(philox_counter(philox_stream::row_seeds, row.step, row.index, number),
                   static_cast<std::uint32_t>(row.seed), static_cast<std::uint32_t>(row.seed >> 32));
  return {words.word[0] | std::uint64_t{words.word[1]} << 32, row.step, row.index};
}

/// |x - n|^2 - |x|^2 of a row of noise n, or -x.n. The whole warp calls, and every lane gets it.
template <bool ByProduct>
__device__ double warp_cost_of_row(const noise_row& row, const float* image, std::size_t d) {
  const auto blocks = static_cast<std::uint32_t>(blocks_of_row(d));
  double cost = 0;
  for (std::uint32_t block = lane_of_thread(); block < blocks; block += warp_lanes) {
    const normal_block drawn = draw_normal_block(row, block);
    for (int place = 0; place < 4; ++place) {
      const std::size_t column = drawn.column + static_cast<std::size_t>(place) * normal_group_blocks;
      if (column >= d) break;
      const double g = drawn.value[place], x = image[column];
      cost = ByProduct ? fma(-x, g, cost) : fma(g, g - 2 * x, cost);
    }
  }
  return warp_reduce(cost, add());
}

constexpr double highest_cost = std::numeric_limits<double>::infinity();
constexpr std::int32_t highest_number = std::numeric_limits<std::int32_t>::max();

template <class Policy, bool ByProduct>
__global__ void __launch_bounds__(Policy::most_threads)
    brute_force_kernel(drawn_nearest_problem problem, const float* __restrict__ images, float* __restrict__ out,
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
  const auto k = static_cast<std::uint32_t>(problem.k);
  ranked<double> nearest = {highest_cost, highest_number};
  for (std::uint32_t c = warp_of_thread(); c < k; c += warps_of_block()) {
    const double cost = warp_cost_of_row<ByProduct>(candidate_as_row(row, c), image, d);
    nearest = first_ranked()(nearest, ranked<double>{cost, static_cast<std::int32_t>(c)});
  }
  nearest = block_reduce(nearest, first_ranked(), ranked<double>{highest_cost, highest_number}, shared.nearest);
  if (nearest.index == 0) return;
  const noise_row chosen = candidate_as_row(row, static_cast<std::uint32_t>(nearest.index));
  const auto blocks = static_cast<std::uint32_t>(blocks_of_row(d));
  for (std::uint32_t block = threadIdx.x; block < blocks; block += blockDim.x) {
    store_normal_block(chosen, block, d, noise);
  }
}

/// Fills row i of `out` with the nearest to image i of k rows of N(0, I): the law of `nearest_normal_rows`, other rows.
///
/// Arguments and errors are those of `nearest_normal_rows`, but that k is a whole number by inner product too. k = 1 gives
/// the plain rows.
///
/// Cost: O(k d) for each image, one launch and the setting of one word, no other memory.
inline void nearest_normal_rows_brute_force(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                                            const device_batch<float>& images, double k,
                                            const device_matrix<float>& out, device_status* status, cudaStream_t stream,
                                            cost_function function = cost_function::squared_l2) {
  using policy = drawn_nearest_policy;
  const char* name = "nearest_normal_rows_brute_force";
  check_drawn_nearest(name, step, first_index, images, k, out, function);
  check_drawn_candidates(name, k, cost_function::squared_l2);
  begin_status(name, status, stream);
  if (images.empty()) return;
  const bool is_by_product = function == cost_function::inner_product;
  const auto kernel = is_by_product ? &brute_force_kernel<policy, true> : &brute_force_kernel<policy, false>;
  const drawn_nearest_problem problem = {
      {seed, step, first_index}, images.columns(), images.stride(), out.stride(), k, is_by_product, chi_square_law{}};
  detail::launch(kernel, dim3(static_cast<unsigned>(images.rows())),
                 dim3(threads_for<policy>(static_cast<std::size_t>(k) * warp_lanes)), sizeof(drawn_nearest_shared),
                 stream, problem, images.data(), out.data(), status);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

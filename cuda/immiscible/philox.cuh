// Noise that can be drawn again, in device memory: the twin of philox.hpp, and the same bits.
//
//   out [n, d] row-major; row r is the noise (seed, step, first_index + r)
//
// One thread draws one Philox block: four words, two pairs of normals. Block b of a group of 64 values holds the values
// b, b + 16, b + 32 and b + 48 of the group, so each half of a warp stores 64 adjacent bytes at a time. Bound by
// arithmetic: about 300 instructions for 16 bytes.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/noise_arguments.hpp>
#include <immiscible/detail/normal_transform.hpp>
#include <immiscible/detail/philox_block.hpp>
#include <immiscible/device_batch.cuh>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Fills row r of `out` with the standard normal noise (seed, step, first_index + r).
///
/// See the function of this name for host memory (philox.hpp): the rows are the same.
///
/// @param seed         any 64 bits.
/// @param step         below 2^48.
/// @param first_index  first_index + rows at most 2^48: the place of row 0 in the (global) batch.
/// @param out          [n, d] row-major, device; at most 2^30 columns; overwritten. What lies between rows stays as it is.
/// @param stream       where the work is enqueued.
/// @throws std::invalid_argument  step, first_index + n or d above those limits, or 2^39 blocks of four values or more.
/// @throws cuda_error             the launch was refused.
///
/// Cost:        one launch, 4 n d bytes written, no other memory; an empty `out` launches nothing.
/// Determinism: the bits of the CPU, on every device.
inline void normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                        const device_matrix<float>& out, cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Not measured on a GPU.
struct normal_rows_policy {
  static constexpr unsigned threads = 256;
};

/// Names a row of noise.
struct noise_row {
  std::uint64_t seed, step, index;
};

/// How many Philox blocks hold the values of a row of d.
IMMISCIBLE_HOST_DEVICE inline std::size_t blocks_of_row(std::size_t d) {
  const std::size_t rest = d % normal_group;
  return d / normal_group * normal_group_blocks + (rest < normal_group_blocks ? rest : normal_group_blocks);
}

/// The four values of a block, and the column of the first; each of the others stands normal_group_blocks further.
struct normal_block {
  float value[4];
  std::size_t column;
};

__device__ inline normal_block draw_normal_block(const noise_row& row, std::uint32_t block) {
  const philox_words words =
      philox_block(philox_counter(philox_stream::rows, row.step, row.index, block),
                   static_cast<std::uint32_t>(row.seed), static_cast<std::uint32_t>(row.seed >> 32));
  const normal_pair low = normal_of_words(words.word[0], words.word[1]);
  const normal_pair high = normal_of_words(words.word[2], words.word[3]);
  return {{low.first, low.second, high.first, high.second},
          static_cast<std::size_t>(block / normal_group_blocks) * normal_group + block % normal_group_blocks};
}

/// Block `block` of a row of d values to `out`, which is where the row begins.
__device__ inline void store_normal_block(const noise_row& row, std::uint32_t block, std::size_t d, float* out) {
  const normal_block drawn = draw_normal_block(row, block);
  for (int place = 0; place < 4; ++place) {
    const std::size_t column = drawn.column + static_cast<std::size_t>(place) * normal_group_blocks;
    if (column < d) out[column] = drawn.value[place];
  }
}

template <class Policy>
__global__ void __launch_bounds__(Policy::threads)
    normal_rows_kernel(noise_row first, std::size_t rows, std::size_t d, std::size_t stride, float* __restrict__ out) {
  const std::size_t blocks = blocks_of_row(d), thread = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::size_t r = thread / blocks;
  if (r >= rows) return;
  store_normal_block({first.seed, first.step, first.index + r}, static_cast<std::uint32_t>(thread - r * blocks), d,
                     out + r * stride);
}

}  // namespace detail

inline void normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                        const device_matrix<float>& out, cudaStream_t stream) {
  constexpr unsigned threads = detail::normal_rows_policy::threads;
  detail::check_noise_identity("normal_rows", step, first_index, out.rows(), out.columns());
  if (out.empty()) return;
  const std::size_t grid = (out.rows() * detail::blocks_of_row(out.columns()) + threads - 1) / threads;
  if (grid > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    detail::fail("normal_rows", "needs fewer than 2^39 blocks of four values, got shape " + detail::shape_text(out));
  }
  detail::launch(detail::normal_rows_kernel<detail::normal_rows_policy>, dim3(static_cast<unsigned>(grid)),
                 dim3(threads), 0, stream, detail::noise_row{seed, step, first_index}, out.rows(), out.columns(),
                 out.stride(), out.data());
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

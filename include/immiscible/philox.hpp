// Noise that can be drawn again: row (seed, step, index) of N(0, I) is the same wherever, whenever and however it is drawn.
//
//   d values per row; column c of a row depends on (seed, step, index, c) alone: not on d, the batch, the thread, the
//   processor or the compiler's flags. Bit for bit.
//
// The random bits come from Philox4x32-10, a keyed bijection of counters: nothing is kept between calls, and any part is
// drawn alone. detail/philox_block.hpp holds the layout of the counter, detail/normal_transform.hpp the transform to normal
// values and their order in a row; both are frozen with the first release.
//
// Reference: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/noise_arguments.hpp>
#include <immiscible/detail/normal_transform.hpp>
#include <immiscible/detail/philox_block.hpp>
#include <immiscible/detail/simd_dispatch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/normal-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// The four random words of `counter` under `key`: Philox4x32-10, ten rounds.
///
/// Cost: about 20 multiplications.
/// Reference: Salmon et al. (SC 2011), section 3.3; equal to philox4x32 with 10 rounds of Random123.
inline std::array<std::uint32_t, 4> philox4x32_10(const std::array<std::uint32_t, 4>& counter,
                                                  const std::array<std::uint32_t, 2>& key) {
  const detail::philox_words block =
      detail::philox_block({{counter[0], counter[1], counter[2], counter[3]}}, key[0], key[1]);
  return {block.word[0], block.word[1], block.word[2], block.word[3]};
}

/// Fills row r of `out` with the standard normal noise (seed, step, first_index + r).
///
/// Different seeds, steps and indices give independent rows. To draw one row again, ask for it alone.
///
/// @param seed         any 64 bits.
/// @param step         below 2^48: the training step, or whatever counts the batches.
/// @param first_index  first_index + rows at most 2^48: the place of row 0 in the (global) batch.
/// @param out          [n, d] row-major, host; at most 2^30 columns; overwritten. What lies between rows stays as it is.
/// @throws std::invalid_argument  step, first_index + n or d above those limits (nothing is written then).
///
/// Cost:        one pass over `out`, no other memory; rows are drawn in groups of 64 values, so d = 64 costs as much as 1.
/// Determinism: the same bits on every processor, with every compiler and its flags, -ffast-math included. Each value is
///              within 4 units in the last place (0.6 in the mean square) of the exact transform of its uniforms, and |value| <= 6.66.
inline void normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                        const matrix_view<float>& out);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

using normal_row_function = void(std::uint64_t seed, std::uint64_t step, std::uint64_t index, std::size_t d,
                                 float* out);

/// The version of `normal_row` compiled for `target`; the bits do not depend on it.
inline normal_row_function* normal_row_for(simd_target target) {
  return IMMISCIBLE_SIMD_CHOOSE(target, normal_row, normal_row_portable);
}

}  // namespace detail

inline void normal_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                        const matrix_view<float>& out) {
  detail::check_noise_identity("normal_rows", step, first_index, out.rows(), out.columns());
  if (out.empty()) return;
  detail::normal_row_function* const normal_row = detail::normal_row_for(detail::best_target());
  for (std::size_t r = 0; r < out.rows(); ++r) normal_row(seed, step, first_index + r, out.columns(), out.row(r));
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

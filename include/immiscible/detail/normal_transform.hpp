// Two standard normal values from two random words, the same bits on every processor: the reference that the SIMD and CUDA
// versions copy operation by operation.
//
//   radius: u = float(float(word_0 >> 1) + 1/2) / 2^31 in (0, 1],  r = sqrt(-2 ln u)
//   angle:  t = float of the low 31 bits of word_1, a signed fraction in [-1, 1]
//   pair:   r sin(pi/2 t)  and  +- r sin(pi/2 (1 - |t|)), the sign in the top bit of word_1
//
// This is Box and Muller's transform: sin(pi/2 (1 - |t|)) = cos(pi/2 t), and the sign makes the half circle a whole one.
// Largest radius: sqrt(64 ln 2) = 6.66. Smallest: 0, then 3.5e-4, since u has 24 bits near 1.
//
// Same bits everywhere: only operations that IEEE 754 rounds correctly (+ - * sqrt, integer to float), each kept apart by a
// barrier, so that no compiler flag can fuse (multiply-add), reorder or approximate them. The logarithm and the sine are
// polynomials, minimax in relative error (2^-25 and 2^-26) with coefficients rounded to float one after the other.
// The order of operations is part of the format, as is every constant: changing one changes everybody's noise.
//
// Reference: Box, Muller, "A note on the generation of random normal deviates", Ann. Math. Statist. 29 (1958).
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>
#include <immiscible/detail/philox_block.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Values in a group of a row, and blocks that make it: value 64 g + 16 w + b is normal w of block 16 g + b, so that vectors
/// of 4, 8 or 16 blocks are stored without moving lanes.
constexpr std::uint32_t normal_group = 64;
constexpr std::uint32_t normal_group_blocks = 16;

/// The constants of the transform. x = m - 1, -2 ln m = g + g^2 R(g) with g = -2 x, on sqrt(1/2) <= m < sqrt(2);
/// sin(pi/2 t) = t + t S(t^2) on |t| <= 1.
struct normal_constants {
  static constexpr float to_unit = 0x1p-31f;
  static constexpr float minus_two_ln_2 = -0x1.62e43p0f;
  static constexpr float log_0 = 0x1.fffffap-3f, log_1 = 0x1.5556f2p-4f, log_2 = 0x1.0004aep-5f, log_3 = 0x1.98d33p-7f;
  static constexpr float log_4 = 0x1.535ac6p-8f, log_5 = 0x1.317f18p-9f, log_6 = 0x1.250fdap-10f,
                         log_7 = 0x1.65fda2p-12f;
  static constexpr float sin_0 = 0x1.243f6ap-1f, sin_1 = -0x1.4abbb8p-1f, sin_2 = 0x1.46671cp-4f;
  static constexpr float sin_3 = -0x1.32225ep-8f, sin_4 = 0x1.3aede2p-13f;
  // Bits of sqrt(1/2) with the exponent of 2^31 added: subtracting it leaves the exponent of u, relative to [sqrt(1/2), sqrt(2)).
  static constexpr std::uint32_t split = 0x3f3504f3u + (31u << 23);
  static constexpr std::uint32_t mantissa = 0x007fffffu;
  static constexpr std::uint32_t minus_two_m = 0x3f3504f3u + 0x00800000u + 0x80000000u;  // makes -2 m of the mantissa
};

/// `x`, rounded to float and hidden from the optimiser, which can fuse or reorder nothing across it. Costs no instruction.
IMMISCIBLE_HOST_DEVICE inline float kept(float x) {
#if defined(__CUDA_ARCH__)
  return x;
#elif (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__SSE2_MATH__))
  asm("" : "+x"(x));
  return x;
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
  asm("" : "+w"(x));
  return x;
#else
  volatile float stored = x;
  return stored;
#endif
}

IMMISCIBLE_HOST_DEVICE inline float rounded_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return kept(a * b);
#endif
}

IMMISCIBLE_HOST_DEVICE inline float rounded_sum(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(a, b);
#else
  return kept(a + b);
#endif
}

/// The square root that IEEE 754 asks for, also where flags such as -ffast-math would estimate it.
IMMISCIBLE_HOST_DEVICE inline float rounded_sqrt(float x) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(x);
#elif (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__SSE2_MATH__))
  float root;
  asm("{sqrtss %1, %0|sqrtss %0, %1}" : "=x"(root) : "x"(x));
  return root;
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
  float root;
  asm("fsqrt %s0, %s1" : "=w"(root) : "w"(x));
  return root;
#else
  return kept(std::sqrt(x));
#endif
}

IMMISCIBLE_HOST_DEVICE inline std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

IMMISCIBLE_HOST_DEVICE inline float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

constexpr std::int32_t bits_of_infinity = 0x7f800000;

/// True unless x is infinite or NaN; by its bits, so under -ffast-math too.
IMMISCIBLE_HOST_DEVICE inline bool is_finite_value(float x) {
  return static_cast<std::int32_t>(bits_of(x) & 0x7fffffffu) < bits_of_infinity;
}

/// sqrt(-2 ln u) for the u of `word`.
IMMISCIBLE_HOST_DEVICE inline float normal_radius(std::uint32_t word) {
  using c = normal_constants;
  const float scaled = rounded_sum(kept(static_cast<float>(static_cast<std::int32_t>(word >> 1))), 0.5f);  // 2^31 u
  const std::uint32_t split = bits_of(scaled) - c::split;                                                  // u = 2^e m
  const float e = kept(static_cast<float>(static_cast<std::int32_t>(split) >> 23));     // rounds down; -32 ... 0
  const float g = rounded_sum(float_of((split & c::mantissa) + c::minus_two_m), 2.0f);  // -2 (m - 1)
  const float g2 = rounded_product(g, g);
  float even = rounded_sum(rounded_product(c::log_6, g2), c::log_4);
  float odd = rounded_sum(rounded_product(c::log_7, g2), c::log_5);
  even = rounded_sum(rounded_product(even, g2), c::log_2);
  odd = rounded_sum(rounded_product(odd, g2), c::log_3);
  even = rounded_sum(rounded_product(even, g2), c::log_0);
  odd = rounded_sum(rounded_product(odd, g2), c::log_1);
  const float r = rounded_sum(rounded_product(odd, g), even);
  const float minus_two_ln_m = rounded_sum(rounded_product(r, g2), g);
  return rounded_sqrt(rounded_sum(rounded_product(e, c::minus_two_ln_2), minus_two_ln_m));
}

/// sin(pi/2 t), |t| <= 1.
IMMISCIBLE_HOST_DEVICE inline float sine_of_quarter_turns(float t) {
  using c = normal_constants;
  const float t2 = rounded_product(t, t);
  float s = rounded_sum(rounded_product(c::sin_4, t2), c::sin_3);
  s = rounded_sum(rounded_product(s, t2), c::sin_2);
  s = rounded_sum(rounded_product(s, t2), c::sin_1);
  s = rounded_sum(rounded_product(s, t2), c::sin_0);
  return rounded_sum(rounded_product(s, t), t);
}

/// A pair of independent standard normal values.
struct normal_pair {
  float first, second;
};

/// The pair of two random words.
IMMISCIBLE_HOST_DEVICE inline normal_pair normal_of_words(std::uint32_t word_0, std::uint32_t word_1) {
  const float radius = normal_radius(word_0);
  const float t =
      rounded_product(kept(static_cast<float>(static_cast<std::int32_t>(word_1 << 1 | 1u))), normal_constants::to_unit);
  const float rest = rounded_sum(1.0f, -float_of(bits_of(t) & 0x7fffffffu));
  const float cosine = float_of(bits_of(sine_of_quarter_turns(rest)) ^ (word_1 & 0x80000000u));
  return {rounded_product(radius, sine_of_quarter_turns(t)), rounded_product(radius, cosine)};
}

/// Value `column` of row (step, index): any value of any row alone, on the CPU or in a CUDA kernel.
IMMISCIBLE_HOST_DEVICE inline float normal_at(std::uint64_t seed, std::uint64_t step, std::uint64_t index,
                                              std::uint32_t column) {
  const std::uint32_t block = column / normal_group * normal_group_blocks + column % normal_group_blocks;
  const std::uint32_t place = column % normal_group / normal_group_blocks;  // which of the block's four normals
  const philox_words words = philox_block(philox_counter(philox_stream::rows, step, index, block),
                                          static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  const normal_pair pair =
      place < 2 ? normal_of_words(words.word[0], words.word[1]) : normal_of_words(words.word[2], words.word[3]);
  return place % 2 == 0 ? pair.first : pair.second;
}

/// Row (step, index): columns 0 ... d - 1 to `out`.
inline void normal_row_portable(std::uint64_t seed, std::uint64_t step, std::uint64_t index, std::size_t d,
                                float* out) {
  const auto key_0 = static_cast<std::uint32_t>(seed), key_1 = static_cast<std::uint32_t>(seed >> 32);
  for (std::size_t group = 0; group * normal_group < d; ++group) {
    for (std::uint32_t b = 0; b < normal_group_blocks; ++b) {
      const std::size_t column = group * normal_group + b;
      if (column >= d) return;
      const auto block = static_cast<std::uint32_t>(group * normal_group_blocks + b);
      const philox_words words = philox_block(philox_counter(philox_stream::rows, step, index, block), key_0, key_1);
      const normal_pair low = normal_of_words(words.word[0], words.word[1]);
      out[column] = low.first;
      if (column + 16 < d) out[column + 16] = low.second;
      if (column + 32 >= d) continue;
      const normal_pair high = normal_of_words(words.word[2], words.word[3]);
      out[column + 32] = high.first;
      if (column + 48 < d) out[column + 48] = high.second;
    }
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

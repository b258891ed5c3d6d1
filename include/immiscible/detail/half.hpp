// Rounding to half precision (IEEE binary16) in float arithmetic, for the cost that repeats published fp16 code.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cstdint>
#include <cstring>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr float largest_half = 65504.0f;

/// `value` rounded to the nearest binary16 number, ties to even; larger magnitudes than `largest_half` may stay finite.
inline float round_to_half(float value) {
  const float magnitude = value < 0 ? -value : value;
  if (magnitude < 6.103515625e-05f) {        // below 2^-14 binary16 is a fixed-point format with 2^-24 units,
    const float shifted = magnitude + 0.5f;  // which is the spacing of floats from 0.5 on
    volatile float rounded = shifted;        // keeps the sum from being simplified away
    const float result = rounded - 0.5f;
    return value < 0 ? -result : result;
  }
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits += 0x0fffu + ((bits >> 13) & 1u);  // 13 of 23 mantissa bits go; a carry into the exponent is right
  bits &= ~std::uint32_t{0x1fff};
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

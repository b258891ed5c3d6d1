// Samples rounded to bytes, for products of matrices in integers.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/simd_dispatch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// byte = round((value - zero) scale), cut to lowest ... 127.
struct byte_rounding {
  float scale, zero;
  float lowest;  // 0 or -127
};

/// One value; halves to the even side.
inline std::int8_t rounded_byte(float value, const byte_rounding& rounding) {
  const float scaled = (value - rounding.zero) * rounding.scale;
  return static_cast<std::int8_t>(std::lrint(std::min(std::max(scaled, rounding.lowest), 127.0f)));
}

/// Rounds d values; returns the sum of the bytes. In ordinary C++.
inline std::int32_t round_row_to_bytes_portable(const float* row, std::size_t d, const byte_rounding& rounding,
                                                std::int8_t* out) {
  std::int32_t sum = 0;
  for (std::size_t j = 0; j < d; ++j) sum += out[j] = rounded_byte(row[j], rounding);
  return sum;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/round_to_bytes-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

using round_row_function = std::int32_t(const float* row, std::size_t d, const byte_rounding& rounding,
                                        std::int8_t* out);

/// The version compiled for `target`; the bytes do not depend on it.
inline round_row_function* round_row_to_bytes_for(simd_target target) {
  return IMMISCIBLE_SIMD_CHOOSE(target, round_row_to_bytes, round_row_to_bytes_portable);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// Rows of costs as floats, which is how the fast solvers look at samples of them: for a scale, and for start prices.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/sampled_row.hpp>
#include <immiscible/detail/simd_dispatch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr std::size_t float_block = 16;  // floats in a vector, at most

/// A float of 1.5 2^23 + x, for -2^22 <= x < 2^22, has x, rounded to an integer (half to even), in its lowest bits: as an int32 it is
/// `integer_bits` + x. No other float has the upper nine bits that all of these have.
constexpr float float_with_integer = 12582912.0f;
constexpr std::int32_t integer_bits = 0x4b400000;

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#include <hwy/cache_control.h>

#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/float_rows-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

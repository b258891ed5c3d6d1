// Which rows of costs stand for all, where a solver needs to know what they are like.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// The r-th of `rows` sampled rows of n >= rows: one from each of `rows` equal parts, not always at the same place in it, for in some
/// data every tenth image is of the same class.
///
/// Reference: the place is SplitMix64's (Steele, Lea and Flood, OOPSLA 2014) r-th number, modulo the part's length.
inline std::size_t sampled_row(std::size_t r, std::size_t rows, std::size_t n) {
  const std::size_t first = r * n / rows, length = (r + 1) * n / rows - first;
  std::uint64_t x = (static_cast<std::uint64_t>(r) + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return first + static_cast<std::size_t>((x ^ (x >> 31)) % length);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

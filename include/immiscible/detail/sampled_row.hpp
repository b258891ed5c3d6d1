// Which rows of costs the solvers look at to know what all are like.
#pragma once

#include <cstddef>

namespace immiscible {
namespace detail {

/// The r-th of `rows` sampled rows of n >= rows: evenly spread, but with no period, for in some data every tenth image is of the same
/// class.
inline std::size_t sampled_row(std::size_t r, std::size_t rows, std::size_t n) {
  const std::size_t step = n / rows;
  return r * step + r % step;
}

}  // namespace detail
}  // namespace immiscible

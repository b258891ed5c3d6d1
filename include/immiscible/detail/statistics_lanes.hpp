// The order in which sums over a row are made, by the CPU and by kernels: 16 partial sums, of the columns 16 apart.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr std::size_t statistics_lanes = 16;  // partial sums, whatever the vectors: the same bits from all of them

/// 16 partial sums, added up in an order that does not depend on the processor.
inline double sum_of_lanes(double* lane) {
  for (std::size_t width = statistics_lanes / 2; width > 0; width /= 2) {
    for (std::size_t k = 0; k < width; ++k) lane[k] += lane[k + width];
  }
  return lane[0];
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

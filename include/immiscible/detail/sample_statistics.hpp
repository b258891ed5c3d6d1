// One pass over samples: the squared norm of each row, in double, and the least and greatest value.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/simd_dispatch.hpp>
#include <immiscible/detail/statistics_lanes.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// The least and the greatest of all values of a batch, and their mean square.
struct sample_range {
  float least = 0, most = 0;
  double mean_square = 0;
};

/// Of one row.
struct row_statistics {
  double squares;  ///< sum of squares; not finite where a value is not
  float least, most;
};

/// Gathers the statistics of rows into a range, from several threads.
class shared_range {
 public:
  void add(const row_statistics& row) {
    lower(least_, row.least);
    lower(minus_most_, -row.most);
  }

  /// The range of rows of d values with these squared norms.
  sample_range of(const std::vector<double>& squares, std::size_t d) const {
    double sum = 0;
    for (const double square : squares) sum += square;
    return {least_, -minus_most_, sum / (static_cast<double>(squares.size()) * static_cast<double>(d))};
  }

 private:
  static void lower(std::atomic<float>& value, float to) {
    float old = value.load(std::memory_order_relaxed);
    while (to < old && !value.compare_exchange_weak(old, to, std::memory_order_relaxed)) {
    }
  }

  std::atomic<float> least_{std::numeric_limits<float>::infinity()};
  std::atomic<float> minus_most_{std::numeric_limits<float>::infinity()};
};

/// Adds the values behind the last whole group of 16. The product of two floats is exact in double: no rounding to differ.
inline void finish_statistics(const float* rest, std::size_t count, double* lane, row_statistics& out) {
  for (std::size_t k = 0; k < count; ++k) {
    lane[k] += static_cast<double>(rest[k]) * static_cast<double>(rest[k]);
    out.least = std::min(out.least, rest[k]);
    out.most = std::max(out.most, rest[k]);
  }
  out.squares = sum_of_lanes(lane);
}

/// Statistics of d >= 1 values, in ordinary C++.
inline row_statistics statistics_of_row_portable(const float* row, std::size_t d) {
  double lane[statistics_lanes] = {};
  row_statistics out{0, row[0], row[0]};
  const std::size_t whole = d / statistics_lanes * statistics_lanes;
  for (std::size_t j = 0; j < whole; ++j) {
    lane[j % statistics_lanes] += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    out.least = std::min(out.least, row[j]);
    out.most = std::max(out.most, row[j]);
  }
  finish_statistics(row + whole, d - whole, lane, out);
  return out;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/sample_statistics-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

using statistics_function = row_statistics(const float* row, std::size_t d);

/// The version compiled for `target`; the bits do not depend on it.
inline statistics_function* statistics_of_row_for(simd_target target) {
  return IMMISCIBLE_SIMD_CHOOSE(target, statistics_of_row, statistics_of_row_portable);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

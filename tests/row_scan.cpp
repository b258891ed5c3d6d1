// Scans of rows in 16 bits (detail/row_scan-inl.hpp) beside a plain loop, instruction set by instruction set. The solver's
// answers would stay right with some mistakes in them: it would only take longer.
#include "support/matrix.hpp"

#include <immiscible/detail/row_solver.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tests {

struct row_scan_results {
  std::int32_t best, second, column, least, column_of_best;
};

}  // namespace tests

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE "support/row_scan_results-inl.hpp"
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace {

using immiscible::detail::simd_target;

tests::row_scan_results row_scan_results_portable(const std::int16_t* row, std::size_t length) {
  tests::row_scan_results r{32767, 32767, 0, 32767, 0};
  for (std::size_t j = 0; j < length; ++j) {
    if (row[j] < r.best) {
      r.second = r.best;
      r.best = row[j];
      r.column = static_cast<std::int32_t>(j);
    } else if (row[j] < r.second) {
      r.second = row[j];
    }
  }
  r.least = r.best;
  r.column_of_best = r.column;
  return r;
}

}  // namespace

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

auto row_scan_results_on(simd_target target) {
  return IMMISCIBLE_SIMD_CHOOSE(target, row_scan_results_simd, row_scan_results_portable);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

namespace row_scan_tests {

TEST_CASE("the two least values of a row and the lowest column of the least, as a plain loop finds them") {
  tests::random_source draw(3);
  for (const simd_target target : {simd_target::unasked, simd_target::avx2, simd_target::avx512}) {
    if (!immiscible::detail::has_target(target)) continue;
    const auto scan = immiscible::detail::row_scan_results_on(target);
    for (const std::size_t length : {32u, 64u, 96u, 640u}) {
      for (const std::int64_t values : {2, 5, 50, 65536}) {  // few values: many ties
        for (int repetition = 0; repetition < 100; ++repetition) {
          std::vector<std::int16_t> row(length);
          for (std::int16_t& x : row) x = static_cast<std::int16_t>(draw.below(values) - 32768);
          if (repetition % 2 == 1)
            row[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(length)))] = -32768;
          const auto expected = row_scan_results_portable(row.data(), length), found = scan(row.data(), length);
          INFO("target " << static_cast<int>(target) << ", " << length << " columns, " << values << " values");
          CHECK(found.best == expected.best);
          CHECK(found.second == expected.second);
          CHECK(found.column == expected.column);
          CHECK(found.least == expected.least);
          CHECK(found.column_of_best == expected.column_of_best);
        }
      }
    }
  }
}

}  // namespace row_scan_tests

// One pass over samples: every instruction set gives the bits of the ordinary version, and those are right.
#include "support/matrix.hpp"

#include <immiscible/detail/round_to_bytes.hpp>
#include <immiscible/detail/sample_statistics.hpp>
#include <immiscible/philox.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace samples_tests {

namespace detail = immiscible::detail;
using detail::simd_target;

namespace {

constexpr simd_target targets[] = {simd_target::portable, simd_target::unasked, simd_target::avx2, simd_target::avx512};

std::vector<float> normal(std::size_t count) {
  std::vector<float> values(count);
  immiscible::normal_rows(1, 0, count, immiscible::matrix_view<float>(values.data(), 1, count));
  return values;
}

}  // namespace

TEST_CASE("norm, least and greatest value of a row") {
  for (std::size_t d = 1; d < 70; ++d) {
    const std::vector<float> row = normal(d);
    double squares = 0;
    for (const float x : row) squares += static_cast<double>(x) * static_cast<double>(x);
    const auto ordinary = detail::statistics_of_row_portable(row.data(), d);
    CHECK(ordinary.squares == Approx(squares).epsilon(1e-14));
    CHECK(ordinary.least == *std::min_element(row.begin(), row.end()));
    CHECK(ordinary.most == *std::max_element(row.begin(), row.end()));
    for (const simd_target target : targets) {
      if (!detail::has_target(target)) continue;
      const auto found = detail::statistics_of_row_for(target)(row.data(), d);
      CHECK(found.squares == ordinary.squares);
      CHECK(found.least == ordinary.least);
      CHECK(found.most == ordinary.most);
    }
  }
}

TEST_CASE("a value that is not finite shows in the norm, wherever it stands") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (std::size_t place = 0; place < 37; ++place) {
      std::vector<float> row = normal(37);
      row[place] = bad;
      for (const simd_target target : targets) {
        if (!detail::has_target(target)) continue;
        CHECK_FALSE(std::isfinite(detail::statistics_of_row_for(target)(row.data(), row.size()).squares));
      }
    }
  }
}

TEST_CASE("rounding to bytes, with halves, ends and everything beyond") {
  const detail::byte_rounding shapes[] = {{30.0f, -4.0f, 0.0f}, {-31.75f, 0.0f, -127.0f}, {1.0f, 0.0f, -127.0f}};
  for (const detail::byte_rounding& rounding : shapes) {
    for (std::size_t d = 0; d < 70; ++d) {
      std::vector<float> row = normal(d);
      for (std::size_t k = 0; k < d; k += 5) row[k] = 0.5f + static_cast<float>(k);
      for (std::size_t k = 3; k < d; k += 9) row[k] = k % 2 == 0 ? 1e30f : -1e30f;
      std::vector<std::int8_t> expected(d);
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < d; ++k) {
        const float scaled = (row[k] - rounding.zero) * rounding.scale;
        const float inside = std::min(127.0f, std::max(rounding.lowest, scaled));
        expected[k] = static_cast<std::int8_t>(std::nearbyint(inside));
        sum += expected[k];
      }
      for (const simd_target target : targets) {
        if (!detail::has_target(target)) continue;
        std::vector<std::int8_t> bytes(d + 1, 99);
        CHECK(detail::round_row_to_bytes_for(target)(row.data(), d, rounding, bytes.data()) == sum);
        CHECK(bytes.back() == 99);
        bytes.pop_back();
        CHECK(bytes == expected);
      }
    }
  }
}

}  // namespace samples_tests

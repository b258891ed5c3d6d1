// Noise that can be drawn again: the generator, the format of a row, the same bits on every instruction set.
#include "noise_builds/golden.hpp"

#include <immiscible/philox.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <vector>

namespace tests {
void rows_plain(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                const immiscible::matrix_view<float>& out);
void rows_native(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                 const immiscible::matrix_view<float>& out);
}  // namespace tests

namespace philox_tests {

namespace detail = immiscible::detail;
using immiscible::matrix_view;
using immiscible::normal_rows;
using immiscible::philox4x32_10;

namespace {

using block = std::array<std::uint32_t, 4>;
constexpr std::uint64_t most = (std::uint64_t{1} << 48) - 1;  // the largest step and index
const double pi = std::acos(-1.0);

std::vector<float> rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index, std::size_t n,
                        std::size_t d) {
  std::vector<float> values(n * d);
  normal_rows(seed, step, first_index, {values.data(), n, d});
  return values;
}

bool same_bits(const float* a, const float* b, std::size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

/// The distance of `x` from `exact` in units in the last place of `exact`.
double units_apart(float x, double exact) {
  int exponent;
  std::frexp(exact, &exponent);
  return std::abs(x - exact) / std::ldexp(1.0, exponent - 24);
}

/// The uniform number of a word, exactly as documented: both steps are rounded to float.
double uniform_of(std::uint32_t word) {
  const float scaled = static_cast<float>(word >> 1) + 0.5f;
  return static_cast<double>(scaled) / 0x1p31;
}

/// The format as documented, written again in double: the words of the column's block, and their exact transform.
double exact_value(std::uint64_t seed, std::uint64_t step, std::uint64_t index, std::uint32_t column) {
  const std::uint32_t group = column / 64, w = column % 64 / 16, b = column % 16;
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const block words = philox4x32_10({16 * group + b, low(index), low(step), low(index >> 32) | low(step >> 32) << 16},
                                    {low(seed), low(seed >> 32)});
  const std::uint32_t for_radius = words[w < 2 ? 0 : 2], for_angle = words[w < 2 ? 1 : 3];
  const double u = uniform_of(for_radius);
  const std::uint32_t low_bits = (for_angle & 0x7fffffffu) << 1 | 1u;
  const double t = static_cast<float>(static_cast<std::int32_t>(low_bits)) / 0x1p31;
  const double radius = std::sqrt(-2 * std::log(u));
  if (w % 2 == 0) return radius * std::sin(pi / 2 * t);
  return (for_angle >> 31 ? -1 : 1) * radius * std::cos(pi / 2 * t);
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the published known answers of Random123") {
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32_10({ones, ones, ones, ones}, {ones, ones}) == block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the frozen rows come out bit for bit, from every instruction set of this machine") {
  int versions = 0;
  for (const auto target : {detail::simd_target::portable, detail::simd_target::unasked, detail::simd_target::avx2,
                            detail::simd_target::avx512}) {
    if (!detail::has_target(target)) continue;
    ++versions;
    CAPTURE(static_cast<int>(target));
    for (const tests::golden_rows& golden : tests::golden) {
      CHECK(tests::checksum_of_rows(golden, detail::normal_row_for(target)) == golden.checksum);
    }
  }
  CHECK(versions >= 1);
  CHECK(detail::has_target(detail::best_target()));
  const std::vector<float> first = rows(42, 7, 5, 1, 8);
  CHECK(same_bits(first.data(), tests::golden_values, 8));
}

TEST_CASE("files of one program built with different flags draw the same rows") {
  for (const tests::golden_rows& golden : tests::golden) {
    std::vector<float> values(golden.n * golden.d);
    const matrix_view<float> out(values.data(), golden.n, golden.d);
    tests::rows_plain(golden.seed, golden.step, golden.first_index, out);
    CHECK(tests::checksum_of(values) == golden.checksum);
    values.assign(values.size(), 0.0f);
    tests::rows_native(golden.seed, golden.step, golden.first_index, out);
    CHECK(tests::checksum_of(values) == golden.checksum);
  }
}

TEST_CASE("every value is the documented transform of the documented counter, to 4 units in the last place") {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{42}, ~std::uint64_t{0}}) {
    for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{0x123456789}, most}) {
      for (const std::uint64_t index : {std::uint64_t{1}, std::uint64_t{0xfedcba987654}, most}) {
        const std::vector<float> row = rows(seed, step, index, 1, 1000);
        double worst = 0;
        for (std::uint32_t c = 0; c < 1000; ++c) {
          worst = std::max(worst, units_apart(row[c], exact_value(seed, step, index, c)));
          REQUIRE(row[c] == detail::normal_at(seed, step, index, c));
        }
        CHECK(worst < 4);
      }
    }
  }
}

TEST_CASE("radius and sine are accurate over their whole range, and finite at its ends") {
  double worst = 0;
  for (std::uint64_t k = 0; k < std::uint64_t{1} << 32; k += 1 + k / 4096) {
    const auto word = static_cast<std::uint32_t>(k);
    const double u = uniform_of(word);
    if (u < 1) worst = std::max(worst, units_apart(detail::normal_radius(word), std::sqrt(-2 * std::log(u))));
  }
  CHECK(worst < 1.3);
  CHECK(detail::normal_radius(0) == Approx(std::sqrt(64 * std::log(2.0))));
  CHECK(detail::normal_radius(0xffffffffu) == 0);

  worst = 0;
  for (int k = 1; k <= 100000; ++k) {
    const float t = static_cast<float>(k) / 100000;
    worst = std::max(worst, units_apart(detail::sine_of_quarter_turns(t), std::sin(pi / 2 * t)));
    REQUIRE(detail::sine_of_quarter_turns(-t) == -detail::sine_of_quarter_turns(t));
  }
  CHECK(worst < 2);
  CHECK(detail::sine_of_quarter_turns(1) == 1);
  CHECK(detail::sine_of_quarter_turns(0) == 0);
}

TEST_CASE("a value depends on its column, not on how long the row is") {
  const std::vector<float> longest = rows(3, 1, 4, 1, 3072);
  for (const std::size_t d : {1, 2, 15, 16, 17, 32, 33, 48, 49, 63, 64, 65, 127, 784}) {
    CAPTURE(d);
    const std::vector<float> row = rows(3, 1, 4, 1, d);
    CHECK(same_bits(row.data(), longest.data(), d));
    std::vector<float> portable(d);
    detail::normal_row_portable(3, 1, 4, d, portable.data());
    CHECK(same_bits(portable.data(), longest.data(), d));
  }
}

TEST_CASE("any row of any batch can be drawn again alone") {
  const std::size_t n = 20, d = 784;
  const std::vector<float> batch = rows(1, 2, 100, n, d);
  for (std::size_t r = 0; r < n; ++r) {
    const std::vector<float> alone = rows(1, 2, 100 + r, 1, d);
    CHECK(same_bits(alone.data(), batch.data() + r * d, d));
  }
}

TEST_CASE("rows of a wider matrix are filled and nothing between or after them is touched") {
  const std::size_t n = 3, stride = 70;
  for (const std::size_t d : {1, 63, 64, 65, 69}) {
    std::vector<float> memory(n * stride, -100.0f);
    normal_rows(1, 2, 3, {memory.data(), n, d, stride});
    const std::vector<float> expected = rows(1, 2, 3, n, d);
    for (std::size_t r = 0; r < n; ++r) {
      CHECK(same_bits(memory.data() + r * stride, expected.data() + r * d, d));
      for (std::size_t c = d; c < stride; ++c) REQUIRE(memory[r * stride + c] == -100.0f);
    }
  }
}

TEST_CASE("no rows or no columns is nothing to do") {
  CHECK_NOTHROW(normal_rows(1, 2, 3, {}));
  float untouched = 5;
  normal_rows(1, 2, 3, {&untouched, 0, 1});
  normal_rows(1, 2, 3, {&untouched, 1, 0, 1});
  CHECK(untouched == 5);
}

TEST_CASE("no two blocks of noise share a counter, up to the limits") {
  std::set<block> counters;
  std::size_t drawn = 0;
  const std::uint64_t numbers[] = {0,          1,           2,           0xffff,         0x10000,
                                   0xffffffff, 0x100000000, 0x100000001, 0xffff00000000, most};
  for (const std::uint64_t step : numbers) {
    for (const std::uint64_t index : numbers) {
      for (const std::uint32_t b : {0u, 1u, 0xffffu, (1u << 28) - 1}) {
        const detail::philox_words c = detail::philox_counter(detail::philox_stream::rows, step, index, b);
        counters.insert({c.word[0], c.word[1], c.word[2], c.word[3]});
        CHECK(c.word[0] >> 28 == 0);  // the stream of rows; the others are kept for other draws
        ++drawn;
      }
    }
  }
  CHECK(counters.size() == drawn);
}

TEST_CASE("steps, indices and columns beyond the counter are refused before anything is written") {
  float value = 7;
  const matrix_view<float> one(&value, 1, 1);
  using Catch::Contains;
  CHECK_THROWS_AS(normal_rows(0, most + 1, 0, one), std::invalid_argument);
  CHECK_THROWS_WITH(normal_rows(0, most + 1, 0, one),
                    "immiscible::normal_rows: needs step < 2^48, got 281474976710656");
  CHECK_THROWS_WITH(normal_rows(0, 0, most + 1, one),
                    Contains("needs first_index + rows <= 2^48, got 281474976710656 + 1"));
  CHECK_THROWS_WITH(normal_rows(0, 0, most, {&value, 2, 0, 1}), Contains("first_index + rows"));
  CHECK_THROWS_WITH(normal_rows(0, 0, std::numeric_limits<std::uint64_t>::max(), one), Contains("first_index + rows"));
  CHECK_THROWS_WITH(normal_rows(0, 0, 0, {&value, 1, (std::size_t{1} << 30) + 1}), Contains("at most 2^30 columns"));
  CHECK(value == 7);
  CHECK_NOTHROW(normal_rows(0, most, most, one));
}

}  // namespace philox_tests

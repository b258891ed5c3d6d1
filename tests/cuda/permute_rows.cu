// Rows moved in place on the device: the multiset of rows stays, bit for bit.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/permute_rows.cuh>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace permute_rows_tests {

using immiscible::device_matrix;
using immiscible::device_status;
using tests::device_array;

namespace {

struct moved {
  std::vector<float> values;
  device_status status;
};

moved permuted(const std::vector<float>& values, std::size_t n, std::size_t d, std::size_t stride,
               const std::vector<std::int32_t>& source_of_row) {
  const device_array<float> memory(values);
  const device_array<std::int32_t> source(source_of_row);
  const device_array<device_status> status(1);
  const device_array<unsigned char> workspace(immiscible::permute_rows_workspace_bytes(n));
  immiscible::permute_rows(device_matrix<float>(memory.data(), n, d, stride), source.data(), status.data(),
                           workspace.data(), nullptr);
  return {memory.host(), status.host()[0]};
}

std::vector<float> counted(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

}  // namespace

TEST_CASE("row i becomes what its source was, and what lies between rows stays") {
  for (const std::size_t n : {1u, 2u, 31u, 33u, 257u, 1000u}) {
    for (const std::size_t d : {1u, 3u, 70u}) {
      CAPTURE(n, d);
      tests::random_source draw(n);
      std::vector<std::int32_t> source(n);
      std::iota(source.begin(), source.end(), 0);
      for (std::size_t i = n; i > 1; --i) {
        std::swap(source[i - 1], source[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(i)))]);
      }
      const std::size_t stride = d + 2;
      const std::vector<float> before = counted(n * stride);
      std::vector<float> expected = before;
      for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(before.begin() + source[i] * static_cast<std::ptrdiff_t>(stride), d,
                    expected.begin() + static_cast<std::ptrdiff_t>(i * stride));
      }
      const moved result = permuted(before, n, d, stride, source);
      CHECK(result.values == expected);
      CHECK(result.status == device_status::optimal);
    }
  }
}

TEST_CASE("one long cycle, many short ones and the identity move as they should") {
  const std::size_t n = 300;
  const std::vector<float> before = counted(n);
  std::vector<std::int32_t> cycle(n), swaps(n), identity(n);
  for (std::size_t i = 0; i < n; ++i) {
    cycle[i] = static_cast<std::int32_t>((i + 1) % n);
    swaps[i] = static_cast<std::int32_t>(i ^ 1u);
    identity[i] = static_cast<std::int32_t>(i);
  }
  for (const auto& source : {cycle, swaps, identity}) {
    std::vector<float> expected(n);
    for (std::size_t i = 0; i < n; ++i) expected[i] = before[static_cast<std::size_t>(source[i])];
    CHECK(permuted(before, n, 1, 1, source).values == expected);
  }
}

TEST_CASE("indices that are no permutation move nothing and end in a status") {
  const std::vector<float> before = counted(8);
  for (const auto& source : {std::vector<std::int32_t>{0, 0, 1, 2}, {0, 1, 2, 4}, {-1, 1, 2, 3}, {3, 3, 3, 3}}) {
    const moved result = permuted(before, 4, 2, 2, source);
    CHECK(result.values == before);
    CHECK(result.status == device_status::not_a_permutation);
  }
}

TEST_CASE("no rows are nothing to move, and null pointers are refused") {
  const device_array<float> rows(4);
  CHECK_NOTHROW(immiscible::permute_rows({}, nullptr, nullptr, nullptr, nullptr));
  CHECK_THROWS_AS(immiscible::permute_rows({rows.data(), 2, 2}, nullptr, nullptr, rows.data(), nullptr),
                  std::invalid_argument);
}

}  // namespace permute_rows_tests

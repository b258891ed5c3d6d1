// Noise drawn in device memory: the generator and the rows of the CPU, bit for bit.
#include "cuda/device_memory.hpp"

#include <immiscible/philox.cuh>
#include <immiscible/philox.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace philox_tests {

namespace detail = immiscible::detail;
using immiscible::device_matrix;

namespace {

constexpr std::uint64_t most = (std::uint64_t{1} << 48) - 1;  // the largest step and index
constexpr float untouched = -100;

std::vector<float> host_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index, std::size_t n,
                             std::size_t d, std::size_t stride) {
  std::vector<float> values(n * stride, untouched);
  immiscible::normal_rows(seed, step, first_index, {values.data(), n, d, stride});
  return values;
}

std::vector<float> device_rows(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index, std::size_t n,
                               std::size_t d, std::size_t stride) {
  tests::device_array<float> values(std::vector<float>(n * stride, untouched));
  immiscible::normal_rows(seed, step, first_index, device_matrix<float>(values.data(), n, d, stride), nullptr);
  return values.host();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

__global__ void draw_blocks(std::uint32_t count, std::uint32_t* words) {
  const std::uint32_t k = blockIdx.x * blockDim.x + threadIdx.x;
  if (k >= count) return;
  const detail::philox_words block = detail::philox_block({{k, ~k, k * k, 7}}, k * 31, 0xffffffffu - k);
  for (std::uint32_t w = 0; w < 4; ++w) words[4 * k + w] = block.word[w];
}

}  // namespace

TEST_CASE("a kernel draws the words of the CPU's generator") {
  constexpr std::uint32_t count = 1000;
  tests::device_array<std::uint32_t> words(4 * count);
  detail::launch(draw_blocks, dim3((count + 127) / 128), dim3(128), 0, nullptr, count, words.data());
  const std::vector<std::uint32_t> drawn = words.host();
  for (std::uint32_t k = 0; k < count; ++k) {
    const auto expected = immiscible::philox4x32_10({k, ~k, k * k, 7}, {k * 31, 0xffffffffu - k});
    for (std::uint32_t w = 0; w < 4; ++w) REQUIRE(drawn[4 * k + w] == expected[w]);
  }
}

TEST_CASE("rows in device memory are the CPU's, bit for bit, whatever the shape") {
  for (const std::size_t d : {1u, 2u, 3u, 15u, 16u, 17u, 31u, 48u, 49u, 63u, 64u, 65u, 100u, 128u, 784u, 3072u}) {
    for (const std::size_t n : {1u, 2u, 31u, 32u, 33u, 127u, 129u}) {
      if (n * d > 30000) continue;
      CAPTURE(n, d);
      CHECK(same_bits(device_rows(5, 6, 7, n, d, d), host_rows(5, 6, 7, n, d, d)));
    }
  }
}

TEST_CASE("what lies between the rows stays as it is") {
  for (const std::size_t d : {1u, 3u, 64u, 70u}) {
    for (const std::size_t more : {1u, 2u, 61u}) {
      CAPTURE(d, more);
      CHECK(same_bits(device_rows(1, 2, 3, 9, d, d + more), host_rows(1, 2, 3, 9, d, d + more)));
    }
  }
}

TEST_CASE("every bit of seed, step and index names another row, on the device as on the CPU") {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1} << 33, ~std::uint64_t{0}}) {
    for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{1} << 40, most}) {
      for (const std::uint64_t index : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 2, most - 3}) {
        CAPTURE(seed, step, index);
        CHECK(same_bits(device_rows(seed, step, index, 4, 20, 20), host_rows(seed, step, index, 4, 20, 20)));
      }
    }
  }
}

TEST_CASE("no rows or no values is nothing to do") {
  CHECK_NOTHROW(immiscible::normal_rows(1, 2, 3, device_matrix<float>(), nullptr));
  CHECK_NOTHROW(immiscible::normal_rows(1, 2, 3, device_matrix<float>(nullptr, 0, 5), nullptr));
  CHECK_NOTHROW(immiscible::normal_rows(1, 2, 3, device_matrix<float>(nullptr, 5, 0), nullptr));
}

TEST_CASE("rows that have no counter are refused before anything is written") {
  tests::device_array<float> values(std::vector<float>(12, untouched));
  const device_matrix<float> out(values.data(), 3, 4);
  using Catch::Contains;
  CHECK_THROWS_AS(immiscible::normal_rows(1, most + 1, 0, out, nullptr), std::invalid_argument);
  CHECK_THROWS_WITH(immiscible::normal_rows(1, most + 1, 0, out, nullptr), Contains("normal_rows: needs step < 2^48"));
  CHECK_THROWS_WITH(immiscible::normal_rows(1, 0, most - 1, out, nullptr), Contains("first_index + rows <= 2^48"));
  const device_matrix<float> wide(values.data(), 1, (std::size_t{1} << 30) + 1);
  CHECK_THROWS_WITH(immiscible::normal_rows(1, 0, 0, wide, nullptr), Contains("at most 2^30 columns"));
  CHECK(values.host() == std::vector<float>(12, untouched));
}

}  // namespace philox_tests

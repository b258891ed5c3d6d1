#include <immiscible/detail/block.cuh>
#include <immiscible/detail/launch.cuh>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "cuda/device_memory.hpp"

namespace block_tests {

namespace detail = immiscible::detail;

namespace {

/// What block_reduce gave to each thread of each block.
template <class Combine>
__global__ void reduce_blocks(const int* values, int identity, int* results) {
  int* scratch = detail::dynamic_shared<int>();
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const int once = detail::block_reduce(values[i], Combine(), identity, scratch);
  const int again = detail::block_reduce(values[i], Combine(), identity, scratch);  // the scratch is free at once
  results[i] = once == again ? once : -1;
}

__global__ void first_of_blocks(const float* values, std::int32_t* results) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  detail::ranked<float>* scratch = detail::dynamic_shared<detail::ranked<float>>();
  const detail::ranked<float> nothing{1e30f, -1}, own{values[i], static_cast<std::int32_t>(i)};
  results[i] = detail::block_reduce(own, detail::first_ranked(), nothing, scratch).index;
}

__global__ void least_of_warps(const std::int32_t* values, std::int32_t* results) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  results[i] = detail::warp_least(values[i]);
}

__global__ void write_one(int* result, int value, std::int64_t wide) { *result = value + static_cast<int>(wide); }

std::vector<int> random_integers(std::size_t count) {
  std::mt19937 engine(11);
  std::vector<int> values(count);
  for (int& value : values) value = static_cast<int>(engine() % 2001) - 1000;
  return values;
}

template <class Combine>
std::vector<int> reduced(const std::vector<int>& values, unsigned threads, int identity) {
  const tests::device_array<int> given(values);
  tests::device_array<int> results(values.size());
  detail::launch(reduce_blocks<Combine>, static_cast<unsigned>(values.size()) / threads, threads,
                 detail::most_warps * sizeof(int), nullptr, given.data(), identity, results.data());
  return results.host();
}

}  // namespace

TEST_CASE("every thread of a block gets the sum, the least and the greatest value of the block") {
  const unsigned threads = GENERATE(32u, 64u, 96u, 256u, 1024u);
  const std::size_t blocks = 3;
  const std::vector<int> values = random_integers(blocks * threads);
  const std::vector<int> sums = reduced<detail::add>(values, threads, 0);
  const std::vector<int> least = reduced<detail::lesser>(values, threads, 5000);
  const std::vector<int> greatest = reduced<detail::greater>(values, threads, -5000);
  CAPTURE(threads);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(i / threads * threads), last = first + threads;
    REQUIRE(sums[i] == std::accumulate(first, last, 0));
    REQUIRE(least[i] == *std::min_element(first, last));
    REQUIRE(greatest[i] == *std::max_element(first, last));
  }
}

TEST_CASE("of equal values the one with the lesser index comes first") {
  std::vector<float> values(128, 2.0f);
  values[37] = values[38] = values[101] = 1.0f;
  const tests::device_array<float> given(values);
  tests::device_array<std::int32_t> results(values.size());
  detail::launch(first_of_blocks, 1, 128, detail::most_warps * sizeof(detail::ranked<float>), nullptr, given.data(),
                 results.data());
  for (const std::int32_t index : results.host()) REQUIRE(index == 37);
}

TEST_CASE("the least value of a warp does not depend on other warps") {
  const std::vector<int> values = random_integers(256);
  const tests::device_array<std::int32_t> given(values);
  tests::device_array<std::int32_t> results(values.size());
  detail::launch(least_of_warps, 2, 128, 0, nullptr, given.data(), results.data());
  const std::vector<std::int32_t> least = results.host();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(i / 32 * 32);
    REQUIRE(least[i] == *std::min_element(first, first + 32));
  }
}

TEST_CASE("a launch converts its arguments to the kernel's parameters, and reports a refusal") {
  tests::device_array<int> result(1);
  detail::launch(write_one, 1, 1, 0, nullptr, result.data(), short{40}, 2);
  REQUIRE(result.host() == std::vector<int>{42});
  REQUIRE_THROWS_AS(detail::launch(write_one, 1, 2048, 0, nullptr, result.data(), 0, 0), immiscible::cuda_error);
  REQUIRE_THROWS_AS(detail::launch(write_one, 1, 32, 96 * 1024, nullptr, result.data(), 0, 0), immiscible::cuda_error);
  REQUIRE(cudaGetLastError() == cudaSuccess);  // the refusals are not left to others
  detail::allow_shared_bytes(write_one, 96 * 1024, 96 * 1024);
  detail::launch(write_one, 1, 32, 96 * 1024, nullptr, result.data(), 7, 0);
  REQUIRE(result.host() == std::vector<int>{7});
  REQUIRE(detail::resident_blocks(write_one, 1024, 0) >= 1);
}

}  // namespace block_tests

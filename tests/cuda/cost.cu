// Costs on the device, against the CPU's.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/cost.cuh>
#include <immiscible/cost.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace cost_tests {

using immiscible::cost_function;
using immiscible::device_batch;
using immiscible::device_matrix;
using tests::device_array;
using tests::matrix;

namespace {

constexpr cost_function costs[] = {cost_function::squared_l2, cost_function::l2, cost_function::inner_product,
                                   cost_function::cosine};

/// The device's costs [n, m], samples lying `between` values apart with NaN in between.
std::vector<float> on_device(const matrix<float>& images, const matrix<float>& noise, cost_function function,
                             std::size_t between) {
  const std::size_t n = images.rows, m = noise.rows, d = images.columns;
  const tests::padded<float> x(images, 0, between, tests::not_a_number<float>),
      e(noise, 0, between, tests::not_a_number<float>);
  const device_array<float> x_memory(x.memory), e_memory(e.memory), out(n * m);
  const device_array<unsigned char> workspace(immiscible::pairwise_cost_workspace_bytes(n, m, d));
  immiscible::pairwise_cost(device_batch<float>(x_memory.data(), n, d, d + between),
                            device_batch<float>(e_memory.data(), m, d, d + between), function,
                            device_matrix<float>(out.data(), n, m), workspace.data(), nullptr);
  return out.host();
}

}  // namespace

TEST_CASE("costs of small integers are the CPU's, exactly") {
  for (const std::size_t n : {1u, 2u, 31u, 64u, 65u, 129u}) {
    for (const std::size_t d : {1u, 3u, 16u, 31u, 64u}) {
      CAPTURE(n, d);
      const auto images = tests::integer_samples<float>(n, d, 1), noise = tests::integer_samples<float>(n + 3, d, 2);
      for (const cost_function function : {cost_function::squared_l2, cost_function::inner_product}) {
        matrix<float> expected(n, n + 3);
        immiscible::pairwise_cost(images, noise, function, expected.view());
        CHECK(on_device(images, noise, function, d % 2 * 5) == expected.values);
      }
    }
  }
}

TEST_CASE("costs of real samples are the CPU's but for rounding") {
  for (const std::size_t d : {3u, 784u, 3072u}) {
    const auto images = tests::bell_samples<float>(20, d, 1, 0.5), noise = tests::bell_samples<float>(33, d, 2);
    for (const cost_function function : costs) {
      CAPTURE(d, static_cast<int>(function));
      matrix<float> expected(20, 33);
      immiscible::pairwise_cost(images, noise, function, expected.view());
      const std::vector<float> here = on_device(images, noise, function, 0);
      const double size = function == cost_function::cosine ? 1.0 : static_cast<double>(d);
      double worst = 0;
      for (std::size_t at = 0; at < here.size(); ++at) {
        worst = std::max(worst, std::abs(double{here[at]} - double{expected.values[at]}));
      }
      CHECK(worst <= 1e-5 * size);
    }
  }
}

TEST_CASE("the cosine of samples whose squared lengths are beyond float is that of short ones") {
  const float scale = 0x1p64f;  // lengths of about 2^66
  const auto images = tests::bell_samples<float>(9, 17, 1, 0.5), noise = tests::bell_samples<float>(12, 17, 2);
  auto long_images = images, long_noise = noise;
  for (float& x : long_images.values) x *= scale;
  for (float& x : long_noise.values) x *= 0.25f;
  const auto expected = on_device(images, noise, cost_function::cosine, 0);
  const auto here = on_device(long_images, long_noise, cost_function::cosine, 0);
  for (std::size_t at = 0; at < here.size(); ++at) CHECK(here[at] == Approx(expected[at]).margin(1e-5));
}

TEST_CASE("rounded costs lie within half a step of the costs and use the whole range") {
  const std::vector<float> values = {-3.0f, 0.25f, 1.5f, 7.0f, 2.0f, -2.999f};
  const device_array<float> cost(values);
  const device_array<std::uint32_t> range(immiscible::detail::range_words);
  const device_array<std::int16_t> rounded(6);
  const auto ordered = [](float x) { return immiscible::detail::ordered_bits(x); };
  const std::vector<std::uint32_t> known = {~ordered(-3.0f), ordered(7.0f), 0, 0};
  cudaMemcpy(range.data(), known.data(), sizeof(std::uint32_t) * known.size(), cudaMemcpyHostToDevice);
  immiscible::detail::enqueue_rounding(device_batch<float>(cost.data(), 2, 3), range.data(), rounded.data(), nullptr);
  const double unit = 10.0 / 65534.0, middle = 2.0;
  const auto steps = rounded.host();
  for (std::size_t at = 0; at < 6; ++at) {
    CHECK(std::abs(middle + unit * steps[at] - double{values[at]}) <= 0.501 * unit);
  }
  CHECK(steps[0] == -32767);
  CHECK(steps[3] == 32767);
}

TEST_CASE("mistakes are refused before any work") {
  const device_array<float> memory(12);
  float* const at = memory.data();
  const auto cost = [&](std::size_t images_d, std::size_t noise_d, std::size_t m, cost_function function,
                        void* workspace) {
    immiscible::pairwise_cost(device_batch<float>(at, 2, images_d), device_batch<float>(at, 2, noise_d), function,
                              device_matrix<float>(at, 2, m), workspace, nullptr);
  };
  CHECK_THROWS_AS(cost(2, 3, 2, cost_function::l2, at), std::invalid_argument);
  CHECK_THROWS_AS(cost(2, 2, 3, cost_function::l2, at), std::invalid_argument);
  CHECK_THROWS_AS(cost(2, 2, 2, cost_function::published, at), std::invalid_argument);
  CHECK_THROWS_AS(cost(2, 2, 2, cost_function::l2, nullptr), std::invalid_argument);
}

}  // namespace cost_tests

// Orthonormal average pooling.
#include "support/matrix.hpp"

#include <immiscible/assign.hpp>
#include <immiscible/philox.hpp>
#include <immiscible/pooling.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

namespace pooling_tests {

using Catch::Matchers::Contains;
using immiscible::average_pool;
using tests::matrix;

TEST_CASE("each square becomes its sum over f, channel by channel") {
  const std::size_t channels = 3, height = 4, width = 8;
  const auto samples = tests::make_matrix<double>(
      2, channels * height * width, [](std::size_t i, std::size_t k) { return static_cast<double>(100 * i + k * k); });
  for (const std::size_t f : {1u, 2u, 4u}) {
    matrix<double> out(2, channels * height * width / (f * f));
    average_pool(samples, {channels, height, width}, f, out.view());
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t c = 0; c < channels; ++c) {
        for (std::size_t y = 0; y < height / f; ++y) {
          for (std::size_t x = 0; x < width / f; ++x) {
            double sum = 0;
            for (std::size_t v = 0; v < f; ++v) {
              for (std::size_t u = 0; u < f; ++u) sum += samples(i, (c * height + y * f + v) * width + x * f + u);
            }
            CHECK(out(i, (c * height / f + y) * (width / f) + x) == Approx(sum / static_cast<double>(f)));
          }
        }
      }
    }
  }
}

TEST_CASE("pooled normal noise is normal, and a constant image keeps its norm") {
  matrix<float> noise(400, 3 * 16 * 16), coarse(400, 3 * 4 * 4);
  immiscible::normal_rows(3, 0, 0, noise.view());
  average_pool(noise, {3, 16, 16}, 4, coarse.view());
  double sum = 0, squares = 0;
  for (const float e : coarse.values) {
    sum += static_cast<double>(e);
    squares += static_cast<double>(e) * static_cast<double>(e);
  }
  const double count = static_cast<double>(coarse.values.size());
  CHECK(std::abs(sum) < 4 * std::sqrt(count));
  CHECK(std::abs(squares - count) < 4 * std::sqrt(2 * count));
  const auto flat = tests::make_matrix<float>(1, 64, [](auto, auto) { return 3.0f; });
  matrix<float> one(1, 1);
  average_pool(flat, {1, 8, 8}, 8, one.view());
  CHECK(one(0, 0) == 24.0f);  // |flat| = sqrt(64) * 3
}

TEST_CASE("pooling: what is refused") {
  matrix<float> samples(2, 48), out(2, 12);
  CHECK_THROWS_WITH(average_pool(samples, {3, 4, 4}, 0, out.view()), Contains("factor >= 1"));
  CHECK_THROWS_WITH(average_pool(samples, {3, 4, 5}, 2, out.view()), Contains("[3, 4, 5] values, got 48"));
  CHECK_THROWS_WITH(average_pool(samples, {1, 3, 16}, 2, out.view()), Contains("multiples of 2, got [1, 3, 16]"));
  matrix<float> nothing(2, 0), out_of_nothing(2, 0);
  CHECK_NOTHROW(average_pool(nothing, {1, 0, 0}, std::size_t{1} << 32, out_of_nothing.view()));
  CHECK_NOTHROW(average_pool(nothing, {std::size_t{1} << 40, 1024, 0}, 2, out_of_nothing.view()));  // and at once
  CHECK_THROWS_WITH(average_pool(samples, {3, 4, 4}, 4, out.view()), Contains("out [2, 3], got [2, 12]"));
  volatile std::size_t huge = std::numeric_limits<std::size_t>::max() / 2;
  CHECK_THROWS_WITH(average_pool(samples, {huge, 48, 2}, 1, out.view()), Contains("got 48"));
}

}  // namespace pooling_tests

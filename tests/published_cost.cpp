// The cost that repeats published half-precision code, against the half type of Eigen, rounding by rounding.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/assign.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/half.hpp>

#include <catch2/catch.hpp>

#include <Eigen/Core>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace published_cost_tests {

using immiscible::cost_function;
using immiscible::detail::round_to_half;
using tests::matrix;

namespace {

float through_half(float value) { return static_cast<float>(Eigen::half(value)); }

/// |0.10 x - 0.10 e| as published: halves throughout, the norm summed in `Sum` and rounded to half at the end.
template <class Sum, class Scalar>
float emulated(const Scalar* x, const Scalar* e, std::size_t d) {
  Sum squares = 0;
  for (std::size_t k = 0; k < d; ++k) {
    const Eigen::half a(0.10f * static_cast<float>(Eigen::half(static_cast<float>(x[k]))));
    const Eigen::half b(0.10f * static_cast<float>(Eigen::half(static_cast<float>(e[k]))));
    const auto difference =
        static_cast<Sum>(static_cast<float>(Eigen::half(static_cast<float>(a) - static_cast<float>(b))));
    squares += difference * difference;
  }
  return through_half(static_cast<float>(std::sqrt(squares)));
}

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Images as samples: smooth, alike, in -1 ... 1.
matrix<float> smooth_images(std::size_t n, std::size_t side, std::uint64_t seed) {
  tests::random_source draw(seed);
  matrix<float> images(n, side * side);
  for (std::size_t i = 0; i < n; ++i) {
    const double x = draw.uniform(), y = draw.uniform(), width = 0.1 + draw.uniform(), level = draw.uniform();
    for (std::size_t k = 0; k < side * side; ++k) {
      const double dx = static_cast<double>(k % side) / static_cast<double>(side) - x;
      const double dy = static_cast<double>(k / side) / static_cast<double>(side) - y;
      images(i, k) = static_cast<float>(2 * level * std::exp(-(dx * dx + dy * dy) / width) - 0.7);
    }
  }
  return images;
}

}  // namespace

TEST_CASE("rounding to half is the nearest half, ties to even, below and above the smallest normal one") {
  std::size_t wrong = 0;
  for (std::uint32_t half = 0; half < 0x7bff; ++half) {  // every half but infinity, and what lies up to the next
    const float low = static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(static_cast<std::uint16_t>(half)));
    const float high = static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(static_cast<std::uint16_t>(half + 1)));
    const float middle = 0.5f * (low + high);
    for (const float value : {low, middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f),
                              0.75f * low + 0.25f * high, std::nextafter(high, 0.0f)}) {
      if (round_to_half(value) != through_half(value)) ++wrong;
      if (round_to_half(-value) != through_half(-value)) ++wrong;
    }
  }
  CHECK(wrong == 0);
  CHECK(round_to_half(65504.0f) == 65504.0f);
  CHECK(round_to_half(65519.0f) == 65504.0f);
  CHECK(round_to_half(from_bits(1)) == 0);
}

TEST_CASE("rounding to half agrees with Eigen on floats of every kind") {
  tests::random_source draw(4);
  std::size_t wrong = 0;
  for (int repeat = 0; repeat < 300000; ++repeat) {
    const float value = from_bits(static_cast<std::uint32_t>(draw.below(std::int64_t{1} << 32)));
    if (!(std::abs(value) < 65520.0f)) continue;  // infinity in half, and not a number
    if (round_to_half(value) != through_half(value)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("the published cost repeats every rounding to half", "", float, double) {
  for (const std::size_t d : {0u, 1u, 3u, 64u, 784u}) {
    const auto images = tests::bell_samples<TestType>(12, d, 1, 0.2, 0.6),
               noise = tests::bell_samples<TestType>(14, d, 2);
    matrix<TestType> out(12, 14);
    immiscible::pairwise_cost(images, noise, cost_function::published, out.view());
    std::size_t off_in_float = 0;
    for (std::size_t i = 0; i < 12; ++i) {
      for (std::size_t j = 0; j < 14; ++j) {
        const TestType *x = images.view().row(i), *e = noise.view().row(j);
        CHECK(static_cast<float>(out(i, j)) == emulated<double>(x, e, d));
        const float in_float = emulated<float>(x, e, d);  // the order of the sum shows in the last bit at most
        off_in_float += static_cast<float>(out(i, j)) != in_float;
        CHECK(static_cast<float>(out(i, j)) == Approx(in_float).epsilon(0x1p-10));
      }
    }
    CHECK(off_in_float <= 2);
  }
}

TEST_CASE("the published cost takes the largest half and very small values, and refuses what half cannot hold") {
  auto images = tests::make_matrix<float>(3, 2, [](auto, auto) { return 1; });
  const auto noise = tests::make_matrix<float>(3, 2, [](auto, auto) { return 1e-6; });
  images(0, 0) = 65519.0f;  // rounds to the largest half
  images(1, 1) = -65504.0f;
  matrix<float> out(3, 3);
  immiscible::pairwise_cost(images, noise, cost_function::published, out.view());
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(out(i, 1) == emulated<double>(images.view().row(i), noise.view().row(1), 2));
  }
  const auto before = out.values;
  images(2, 0) = 65520.0f;
  CHECK_THROWS_WITH(immiscible::pairwise_cost(images, noise, cost_function::published, out.view()),
                    Catch::Contains("immiscible::pairwise_cost: needs images within the range of fp16") &&
                        Catch::Contains("got 65520") && Catch::EndsWith("in row 2"));
  CHECK_THROWS_WITH(immiscible::pairwise_cost(noise, images, cost_function::published, out.view()),
                    Catch::Contains("needs noise within the range of fp16"));
  CHECK(out.values == before);
}

TEST_CASE("distances that half cannot hold are refused, for the published cost alone") {
  const auto images = tests::make_matrix<float>(2, 500, [](auto, auto) { return 30'000; });  // 670,820 from 0
  const auto noise = tests::make_matrix<float>(2, 500, [](auto, auto) { return 0; });
  matrix<float> out(2, 2);
  CHECK_THROWS_WITH(immiscible::pairwise_cost(images, noise, cost_function::published, out.view()),
                    Catch::Contains("immiscible::pairwise_cost: needs samples whose distances fit fp16"));
  CHECK_NOTHROW(immiscible::pairwise_cost(images, noise, cost_function::squared_l2, out.view()));
  const auto nearer = tests::make_matrix<float>(2, 500, [](auto, auto) { return 29'000; });  // 648,459
  immiscible::pairwise_cost(nearer, noise, cost_function::published, out.view());
  CHECK(out(0, 0) == Approx(64'846).epsilon(1e-3));
}

TEST_CASE("the published cost pairs as well as the exact squared distance, to 0.05 percentage points") {
  for (const std::size_t n : {64u, 256u}) {
    const auto images = smooth_images(n, 16, 3);
    const auto noise = tests::bell_samples<float>(n, 256, 4);
    immiscible::assign_options published;
    published.cost = cost_function::published;
    const auto ours = immiscible::assign(images, noise), theirs = immiscible::assign(images, noise, published);
    const double before = immiscible::mean_distance(images, noise);
    const double our_change = 100 * immiscible::mean_distance(images, noise, ours.noise_of_image) / before - 100;
    const double their_change = 100 * immiscible::mean_distance(images, noise, theirs.noise_of_image) / before - 100;
    CHECK(our_change < -1);
    CHECK(std::abs(our_change - their_change) < 0.05);
  }
}

}  // namespace published_cost_tests

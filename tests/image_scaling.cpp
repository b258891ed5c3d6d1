// Scaled images, and the schedule that does the same.
#include "support/matrix.hpp"

#include <immiscible/image_scaling.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

namespace image_scaling_tests {

using Catch::Matchers::Contains;
using immiscible::image_scaling;
using immiscible::scale_images;
using immiscible::unscale_images;
using tests::matrix;

namespace {

matrix<double> normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  tests::random_source random(seed);
  return tests::make_matrix<double>(rows, columns, [&](auto, auto) { return random.bell(); });
}

}  // namespace

TEST_CASE("variance-preserving: scaled images in one schedule are plain images in the shifted one") {
  const auto x = normal(5, 6, 1), e = normal(5, 6, 2);
  for (const double c : {0.5, 1.0, 2.0, 4.0}) {
    auto scaled = x;
    scale_images(scaled, {c});
    for (const double ab : {0.0, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6, 1.0}) {
      const double shifted = immiscible::shifted_alpha_bar(ab, c), size = immiscible::scaled_magnitude(ab, c);
      REQUIRE((shifted >= 0 && shifted <= 1));
      for (std::size_t k = 0; k < x.values.size(); ++k) {
        const double left = std::sqrt(ab) * scaled.values[k] + std::sqrt(1 - ab) * e.values[k];
        const double right = size * (std::sqrt(shifted) * x.values[k] + std::sqrt(1 - shifted) * e.values[k]);
        REQUIRE(left == Approx(right).epsilon(1e-9).margin(1e-9));
      }
      if (ab == 0 || ab == 1) continue;
      const double shift = std::log(shifted / (1 - shifted)) - std::log(ab / (1 - ab));
      CHECK(shift == Approx(immiscible::log_snr_shift(c)).epsilon(1e-6).margin(1e-6));
    }
  }
}

TEST_CASE("flow matching: the same with the shifted time") {
  const auto x = normal(5, 6, 1), e = normal(5, 6, 2);
  for (const double c : {0.5, 1.0, 2.0, 4.0}) {
    for (const double t : {0.0, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6, 1.0}) {
      const double shifted = immiscible::shifted_time(t, c), size = immiscible::scaled_flow_magnitude(t, c);
      REQUIRE((shifted >= 0 && shifted <= 1));
      for (std::size_t k = 0; k < x.values.size(); ++k) {
        const double left = (1 - t) * c * x.values[k] + t * e.values[k];
        const double right = size * ((1 - shifted) * x.values[k] + shifted * e.values[k]);
        REQUIRE(left == Approx(right).epsilon(1e-9).margin(1e-9));
      }
      if (t == 0 || t == 1) continue;
      const double shift = 2 * (std::log((1 - shifted) / shifted) - std::log((1 - t) / t));
      CHECK(shift == Approx(immiscible::log_snr_shift(c)).epsilon(1e-6).margin(1e-6));
    }
  }
  CHECK(immiscible::shifted_time(0.75, 2) == Approx(0.6));  // t is 0 for an image and 1 for noise, as everywhere here
}

TEST_CASE("the ends of a schedule stay where they are, however large the factor") {
  for (const double c : {1e-300, 1e-170, 1e170, 1e300}) {
    CHECK(immiscible::shifted_alpha_bar(0, c) == 0);
    CHECK(immiscible::shifted_alpha_bar(1, c) == 1);
    CHECK(immiscible::shifted_time(0, c) == 0);
    CHECK(immiscible::shifted_time(1, c) == 1);
  }
}

TEMPLATE_TEST_CASE("scaling and its way back, with and without clipping", "", float, double) {
  matrix<TestType> x(1, 4);
  x.values = {TestType(-1), TestType(0.25), TestType(0.5), TestType(1)};
  const auto before = x.values;
  const image_scaling scaling{4, 1};
  CHECK(scaling.clip_bound() == 4);
  scale_images(x, scaling);
  CHECK(x.values == std::vector<TestType>{-4, 1, 2, 4});
  unscale_images(x, scaling);
  CHECK(x.values == before);
  x.values = {TestType(-9), TestType(1), TestType(2), TestType(6)};  // a sampler overshoots
  auto clipped = x;
  unscale_images(clipped, scaling);
  CHECK(clipped.values == std::vector<TestType>{-1, TestType(0.25), TestType(0.5), 1});
  unscale_images(x.view(), scaling, false);
  CHECK(x.values == std::vector<TestType>{TestType(-2.25), TestType(0.25), TestType(0.5), TestType(1.5)});
}

TEST_CASE("scaling: what is refused, and nothing is changed then") {
  matrix<float> x(1, 1);
  x(0, 0) = 3;
  for (const double bad : {0.0, -2.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    CHECK_THROWS_WITH(scale_images(x, {bad}), Contains("finite factor above 0"));
    CHECK_THROWS_WITH(unscale_images(x, {2, bad}), Contains("finite range above 0"));
    CHECK_THROWS_WITH(immiscible::log_snr_shift(bad), Contains("finite factor above 0"));
    CHECK_THROWS_WITH(immiscible::shifted_time(0.5, bad), Contains("finite factor above 0"));
  }
  for (const double bad : {1e-60, 1e60}) {  // 0 and infinity in float
    CHECK_THROWS_WITH(scale_images(x, {bad}), Contains("finite factor above 0 in the samples' type, got 1e"));
    CHECK_THROWS_WITH(unscale_images(x, {2, bad}, false), Contains("finite range above 0"));
  }
  CHECK(x(0, 0) == 3);
  CHECK_THROWS_WITH(immiscible::shifted_alpha_bar(1.5, 2), Contains("alpha_bar from 0 to 1, got 1.5"));
  CHECK_THROWS_WITH(immiscible::scaled_magnitude(-0.1, 2), Contains("alpha_bar from 0 to 1"));
  CHECK_THROWS_WITH(immiscible::shifted_time(std::nan(""), 2), Contains("t from 0 to 1"));
  CHECK_THROWS_WITH(immiscible::scaled_flow_magnitude(2, 2), Contains("t from 0 to 1"));
}

}  // namespace image_scaling_tests

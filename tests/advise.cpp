// The advice is what the matcher does, and says so in words.
#include "support/matrix.hpp"

#include <immiscible/advise.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <limits>
#include <stdexcept>

namespace advise_tests {

using Catch::Matchers::Contains;
using immiscible::advice;
using immiscible::advise;
using immiscible::advise_options;
using immiscible::method;
using tests::matrix;

namespace {

/// Rows that differ in a few directions, as images do.
matrix<float> pictures(std::size_t n, std::size_t d, float size = 1) {
  tests::random_source random(n);
  const auto common = tests::make_matrix<float>(4, d, [&](auto, auto) { return static_cast<float>(random.bell()); });
  return tests::make_matrix<float>(n, d, [&](std::size_t i, std::size_t k) {
    return size * (0.7f * common(i % 4, k) + 0.2f * static_cast<float>(random.bell()));
  });
}

advise_options small() {
  advise_options options;
  options.batch = 16;
  options.windows = {64, 100000};
  options.candidates = {4, 32};
  return options;
}

}  // namespace

TEST_CASE("a line for each way that there are images for; larger windows and more candidates come nearer") {
  advise_options options = small();
  options.repetitions = 20;
  const advice found = advise(pictures(200, 24), options);
  REQUIRE(found.lines.size() == 1 + 2 + 4);
  const auto& lines = found.lines;
  CHECK(lines[0].how == method::none);
  CHECK(lines[0].distance_change == 0);
  CHECK(lines[0].noise_squares == Approx(1).margin(0.1));
  CHECK(lines[1].together == 16);
  CHECK(lines[2].together == 64);
  CHECK(lines[1].distance_change < -0.02);
  CHECK(lines[2].distance_change < lines[1].distance_change);
  CHECK(lines[2].noise_squares == Approx(1).margin(0.1));
  CHECK(lines[2].bytes == 4 * (2 * 64 * 24 + 64 * 64));
  CHECK(lines[4].distance_change < lines[3].distance_change);
  CHECK(lines[4].noise_squares < 0.95);  // by distance: shorter
  CHECK(lines[6].alignment > 1.5);       // by inner product: the mean of the greatest of 32 is 2.07
  CHECK(lines[6].alignment > lines[5].alignment);
  for (const auto& line : lines) CHECK(line.seconds > 0);
  CHECK(found.image_squares == Approx(0.53).margin(0.15));
}

TEST_CASE("the same but for the times; the first line of exact is what the matcher does") {
  const auto images = pictures(64, 24);
  advise_options options = small();
  options.batch = 64;
  options.windows = {};
  options.repetitions = 1;
  options.seed = 5;
  const advice found = advise(images, options), again = advise(images, options);
  for (std::size_t l = 0; l < found.lines.size(); ++l) {
    CHECK(found.lines[l].distance_change == again.lines[l].distance_change);
  }
  immiscible::noise_matcher match({5, {}});
  matrix<float> plain(64, 24);
  immiscible::normal_rows(5, 0, 0, plain.view());
  const double expected =
      immiscible::mean_distance(images, match(images, 0).noise) / immiscible::mean_distance(images, plain) - 1;
  CHECK(found.lines[1].distance_change == Approx(expected));
}

TEST_CASE("in words: wrong units, and images that pairing does nothing for") {
  CHECK_THAT(advice_text(advise(pictures(64, 24), small())),
             Contains("window of 64") && Contains("nearest of 32, by distance") && Contains("For comparison") &&
                 Contains("shortens the noise"));
  CHECK_THAT(advice_text(advise(pictures(64, 24, 100), small())), Contains("are these the units"));
  CHECK_THAT(advice_text(advise(pictures(64, 24, 1e-4f), small())), Contains("do not expect much"));
}

TEST_CASE("advice: what is refused") {
  advise_options options = small();
  CHECK_THROWS_WITH(advise(pictures(15, 24), options), Contains("n >= 16") && Contains("[15, 24]"));
  options.batch = 0;
  CHECK_THROWS_WITH(advise(pictures(20, 24), options), Contains("batch of at least 1"));
  options = small();
  options.repetitions = 0;
  CHECK_THROWS_WITH(advise(pictures(20, 24), options), Contains("repetitions >= 1"));
  options = small();
  options.candidates = {0};
  CHECK_THROWS_WITH(advise(pictures(20, 24), options), Contains("candidates >= 1"));
  options.candidates = {4, (std::size_t{1} << 24) + 1};
  CHECK_THROWS_WITH(advise(pictures(20, 24), options), Contains("immiscible::advise: needs a whole number k"));
  auto bad = pictures(20, 24);
  bad(19, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(advise(bad, small()), Contains("NaN in row 19"));
}

}  // namespace advise_tests

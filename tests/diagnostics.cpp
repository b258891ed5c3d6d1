// Plain noise passes every test; noise that is wrong in one way is caught by the test for it.
#include "support/matrix.hpp"

#include <immiscible/diagnostics.hpp>
#include <immiscible/noise_matcher.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace diagnostics_tests {

using Catch::Matchers::Contains;
using immiscible::centroid_accumulator;
using immiscible::examine_noise;
using immiscible::noise_report;
using tests::matrix;

namespace {

matrix<float> plain_noise(std::size_t n, std::size_t d, std::uint64_t seed) {
  matrix<float> noise(n, d);
  immiscible::normal_rows(seed, 0, 0, noise.view());
  return noise;
}

/// Images that vary along one direction above all: the first third of the values together.
matrix<float> pictures(std::size_t n, std::size_t d) {
  tests::random_source random(n + d);
  matrix<float> x(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    const double level = random.bell();
    for (std::size_t k = 0; k < d; ++k) {
      x(i, k) = static_cast<float>(0.3 + (k < d / 3 ? level : 0) + 0.2 * random.bell());
    }
  }
  return x;
}

/// True if no test objects to the noise.
bool passes(const noise_report& r) {
  const double worst = std::max({std::abs(r.mean_z), std::abs(r.squares_z), std::abs(r.largest_z)});
  for (const auto& along : r.directions) {
    if (std::abs(along.mean_z) > 4 || std::abs(along.variance_z) > 4) return false;
  }
  return worst < 4 && r.ks_values_p > 1e-4 && r.ks_lengths_p > 1e-4;
}

}  // namespace

TEST_CASE("plain noise passes, with more rows than values and with fewer", "[slow]") {
  for (const auto& [n, d] : {std::pair(300, 40), {60, 700}, {200, 200}, {2, 1}, {700, 30}}) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      const auto rows = static_cast<std::size_t>(n), columns = static_cast<std::size_t>(d);
      const noise_report r = examine_noise(plain_noise(rows, columns, seed), pictures(rows, columns));
      INFO(n << " x " << d << ", seed " << seed);
      if (rows > 2) CHECK(passes(r));
      CHECK(std::abs(r.alignment) < 4 / std::sqrt(static_cast<double>(n)));
    }
  }
}

TEST_CASE("each fault is caught by the test for it", "[slow]") {
  const std::size_t n = 400, d = 90;
  const auto images = pictures(n, d);
  const auto good = plain_noise(n, d, 4);
  const auto report_of = [&](const auto& change) {
    auto noise = good;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < d; ++k) noise(i, k) = static_cast<float>(change(i, k, good(i, k)));
    }
    return examine_noise(noise, images);
  };
  const noise_report shortened = report_of([](auto, auto, double e) { return 0.97 * e; });
  CHECK(shortened.squares == Approx(0.97 * 0.97).epsilon(0.02));
  CHECK(shortened.squares_z < -5);
  CHECK(shortened.ks_lengths_p < 1e-4);
  CHECK(report_of([](auto, auto, double e) { return e + 0.05; }).mean_z > 5);
  CHECK(report_of([](std::size_t i, auto, double e) { return i % 2 ? 0.5 * e : std::sqrt(1.75) * e; }).ks_lengths_p <
        1e-6);
  const noise_report uniform = report_of(
      [](auto, auto, double e) { return std::sqrt(3.0) * std::erf(e / std::sqrt(2.0)); });  // the same variance
  CHECK(uniform.ks_values_p < 1e-6);
  const noise_report correlated =
      report_of([&](std::size_t i, auto, double e) { return (e + 0.5 * good(i, 0)) / std::sqrt(1.25); });
  CHECK(correlated.largest_z > 10);
  CHECK(correlated.largest_eigenvalue > 1.5 * correlated.upper_edge);
  const noise_report along_images =
      report_of([&](std::size_t, std::size_t k, double e) { return k < d / 3 ? e + 0.1 : e; });
  CHECK(along_images.directions.front().share > 0.5);
  CHECK(std::abs(along_images.directions.front().mean_z) > 5);
  const noise_report squeezed = report_of([&](std::size_t i, std::size_t k, double e) {
    double mean = 0;
    for (std::size_t j = 0; j < d / 3; ++j) mean += static_cast<double>(good(i, j)) / static_cast<double>(d / 3);
    return k < d / 3 ? e - 0.6 * mean : e;
  });
  CHECK(squeezed.directions.front().variance < 0.3);
  CHECK(squeezed.directions.front().variance_z < -5);
}

TEST_CASE("pairing permutes: what it passes alone stays the same, and the noise leans towards its image") {
  const auto images = pictures(200, 60);
  const auto noise = plain_noise(200, 60, 0);
  immiscible::noise_matcher match;
  auto paired = noise;
  immiscible::permute_rows(paired, match(images, 0).pairs.noise_of_image);
  const noise_report before = examine_noise(noise, images), after = examine_noise(paired, images);
  CHECK(after.squares == Approx(before.squares).epsilon(1e-12));
  CHECK(after.ks_values_p == before.ks_values_p);
  CHECK(after.largest_eigenvalue == Approx(before.largest_eigenvalue).epsilon(1e-9));
  CHECK(after.alignment > before.alignment + 0.5);
}

TEST_CASE("more rows than the eigenvalue is taken from: what only moves rows changes no test of the noise", "[slow]") {
  const std::size_t n = 1500, d = 16;
  const auto noise = plain_noise(n, d, 0);
  std::vector<std::int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return noise(static_cast<std::size_t>(a), 0) < noise(static_cast<std::size_t>(b), 0);
  });
  auto sorted = noise;  // the first rows lean one way
  immiscible::permute_rows(sorted, order);
  const auto images = pictures(n, d);
  const noise_report before = examine_noise(noise, images), after = examine_noise(sorted, images);
  CHECK(std::abs(before.largest_z) < 4);
  CHECK(after.largest_z == Approx(before.largest_z).margin(1e-6));
  CHECK(after.ks_lengths_p == before.ks_lengths_p);
}

TEST_CASE("the main directions are those of all images, though they come class after class") {
  const std::size_t n = 1024, d = 8;
  tests::random_source draw(3);
  const auto images = tests::make_matrix<float>(n, d, [&](std::size_t i, std::size_t k) {
    return (k == 0 && i >= 512 ? 10 : 0) + draw.bell();  // two classes, apart along the first value
  });
  CHECK(examine_noise(plain_noise(n, d, 0), images, 1).directions.at(0).share > 0.6);
}

TEST_CASE(
    "what is above chance needs no noise of length 1: however many draws, centroids lie as far apart as they do") {
  const std::size_t n = 10, d = 400;
  for (const float length : {0.5f, 1.0f, 1.3f}) {
    for (const std::uint64_t draws : {30u, 120u}) {
      centroid_accumulator all;
      for (std::uint64_t draw = 0; draw < draws; ++draw) {
        auto noise = plain_noise(n, d, draw);
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t k = 0; k < d; ++k) noise(i, k) = length * noise(i, k) + (i == k ? 3.0f : 0.0f);
        }
        all.add(noise);
      }
      CHECK(all.distance_above_chance() == Approx(std::sqrt(18.0)).epsilon(0.1));
    }
  }
}

TEST_CASE("miscibility: plain noise by chance alone, pairing drives the centroids apart") {
  const std::size_t n = 40, d = 30, draws = 200;
  const auto images = pictures(n, d);
  immiscible::noise_matcher_options plain_options;
  plain_options.pairing.method = immiscible::method::none;
  immiscible::noise_matcher plain(plain_options), exact;
  centroid_accumulator of_plain, of_exact;
  for (std::uint64_t draw = 0; draw < draws; ++draw) {
    of_plain.add(plain(images, draw).noise);
    of_exact.add(exact(images, draw).noise);
  }
  CHECK(of_plain.draws() == draws);
  CHECK(of_plain.score_of_plain_noise() == Approx(std::sqrt(2.0 * d / draws)));
  CHECK(of_plain.miscibility_score() == Approx(of_plain.score_of_plain_noise()).epsilon(0.05));
  CHECK(of_exact.miscibility_score() > 2 * of_plain.miscibility_score());
  CHECK(of_plain.distance_above_chance() < 0.2);
  CHECK(of_exact.distance_above_chance() > 1);
  centroid_accumulator more;
  for (std::uint64_t draw = 0; draw < 4 * draws; ++draw) more.add(exact(images, draw).noise);
  CHECK(more.distance_above_chance() == Approx(of_exact.distance_above_chance()).epsilon(0.05));  // whatever the draws
}

TEST_CASE("diagnostics: what is refused") {
  auto noise = plain_noise(4, 3, 1);
  const auto images = pictures(4, 3);
  CHECK_THROWS_WITH(examine_noise(noise, pictures(5, 3)), Contains("[4, 3] and [5, 3]"));
  CHECK_THROWS_WITH(examine_noise(plain_noise(1, 3, 1), pictures(1, 3)), Contains("two rows at least"));
  noise(2, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(examine_noise(noise, images), Contains("finite noise, got NaN in row 2"));
  centroid_accumulator all;
  CHECK_THROWS_WITH(all.miscibility_score(), Contains("needs a draw"));
  CHECK_THROWS_WITH(all.distance_above_chance(), Contains("needs a draw"));
  all.add(images);
  CHECK_THROWS_WITH(all.add(plain_noise(4, 4, 1)), Contains("[4, 4] after [4, 3]"));
}

}  // namespace diagnostics_tests

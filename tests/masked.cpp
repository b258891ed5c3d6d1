// Distances without padding.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/masked.hpp>
#include <immiscible/nearest_noise.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <limits>

namespace masked_tests {

using Catch::Matchers::Contains;
using immiscible::masked_cost;
using immiscible::nearest_noise_masked;
using tests::matrix;

namespace {

template <class Scalar>
matrix<Scalar> normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  tests::random_source random(seed);
  return tests::make_matrix<Scalar>(rows, columns, [&](auto, auto) { return static_cast<Scalar>(random.bell()); });
}

/// Image i keeps its first 3 + i % 5 of 8 values.
template <class Scalar>
matrix<Scalar> lengths(std::size_t n) {
  return tests::make_matrix<Scalar>(n, 8, [](std::size_t i, std::size_t k) { return k < 3 + i % 5 ? 1 : 0; });
}

template <class Scalar>
double masked_distance(const matrix<Scalar>& x, const matrix<Scalar>& e, const matrix<Scalar>& w, std::size_t i,
                       std::size_t j) {
  double sum = 0;
  for (std::size_t k = 0; k < x.columns; ++k) {
    const double difference = static_cast<double>(x(i, k)) - static_cast<double>(e(j, k));
    sum += static_cast<double>(w(i, k)) * difference * difference;
  }
  return sum;
}

}  // namespace

TEMPLATE_TEST_CASE("masked costs are distances on what is not padded, whatever the padding", "", float, double) {
  auto x = normal<TestType>(70, 8, 1);
  const auto e = normal<TestType>(90, 8, 2), w = lengths<TestType>(70);
  matrix<TestType> cost(70, 90), again(70, 90);
  masked_cost(x, e, w, cost.view());
  for (std::size_t i = 0; i < 70; ++i) {
    for (std::size_t j = 0; j < 90; ++j) {
      REQUIRE(static_cast<double>(cost(i, j)) == Approx(masked_distance(x, e, w, i, j)).margin(2e-5));
      REQUIRE(cost(i, j) >= 0);
    }
    for (std::size_t k = 0; k < 8; ++k) x(i, k) = w(i, k) == 0 ? TestType(1000 + i) : x(i, k);
  }
  masked_cost(x, e, w, again.view(), 2);
  CHECK(again.values == cost.values);
}

TEST_CASE("a mask of ones is the plain distance; weights weigh") {
  const auto x = normal<double>(10, 8, 1), e = normal<double>(10, 8, 2);
  auto w = tests::make_matrix<double>(10, 8, [](auto, auto) { return 1.0; });
  matrix<double> cost(10, 10), plain(10, 10);
  masked_cost(x, e, w, cost.view());
  immiscible::pairwise_cost(x, e, immiscible::cost_function::squared_l2, plain.view());
  for (std::size_t i = 0; i < 100; ++i) CHECK(cost.values[i] == Approx(plain.values[i]));
  for (double& v : w.values) v = 2.5;
  masked_cost(x, e, w, cost.view());
  for (std::size_t i = 0; i < 100; ++i) CHECK(cost.values[i] == Approx(2.5 * plain.values[i]));
}

TEST_CASE("nearest of k goes by the masked distance; ties go to the lowest row") {
  const std::size_t n = 12, k = 5;
  const auto x = normal<float>(n, 8, 1), w = lengths<float>(n);
  auto e = normal<float>(n * k, 8, 2);
  for (std::size_t c = 0; c < 8; ++c) e(7 * k + 3, c) = e(7 * k + 1, c) = w(7, c) == 0 ? 50.0f : x(7, c);
  const auto nearest = nearest_noise_masked(x, e, w, k);
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t best = i * k;
    for (std::size_t c = i * k; c < i * k + k; ++c) {
      if (masked_distance(x, e, w, i, c) < masked_distance(x, e, w, i, best)) best = c;
    }
    CHECK(nearest.noise_of_image[i] == static_cast<std::int32_t>(best));
    total += masked_distance(x, e, w, i, best);
  }
  CHECK(nearest.noise_of_image[7] == 7 * k + 1);
  CHECK(nearest.total_cost == Approx(total));
  CHECK(nearest.lower_bound == nearest.total_cost);
  const auto ones = tests::make_matrix<float>(n, 8, [](auto, auto) { return 1.0f; });
  CHECK(nearest_noise_masked(x, e, ones, k).noise_of_image == immiscible::nearest_noise(x, e, k).noise_of_image);
}

TEST_CASE("masks: what is refused") {
  const auto x = normal<float>(4, 8, 1), e = normal<float>(4, 8, 2);
  auto w = lengths<float>(4);
  matrix<float> cost(4, 4), wrong(4, 5);
  CHECK_THROWS_WITH(masked_cost(x, e, w, wrong.view()), Contains("[4, 4], got [4, 5]"));
  CHECK_THROWS_WITH(masked_cost(x, e, lengths<float>(3), cost.view()), Contains("shape of the images"));
  CHECK_THROWS_WITH(masked_cost(x, e, w, cost.view(), 0), Contains("threads >= 1"));
  CHECK_THROWS_WITH(nearest_noise_masked(x, e, w, 0), Contains("k >= 1"));
  CHECK_THROWS_WITH(nearest_noise_masked(x, e, w, 2), Contains("candidates [n k, d]"));
  w(2, 5) = -1;
  CHECK_THROWS_WITH(masked_cost(x, e, w, cost.view()), Contains("weights of at least 0, got -1.000000 in row 2"));
  w(2, 5) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(masked_cost(x, e, w, cost.view()), Contains("finite masks, got infinity in row 2"));
  w(2, 5) = 1e37f;
  CHECK_THROWS_WITH(masked_cost(x, e, w, cost.view()), Contains("fit the scalar type"));
  CHECK(cost.values == std::vector<float>(16, 0.0f));
}

}  // namespace masked_tests

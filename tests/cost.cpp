// Costs against sums in extended precision, value for value. The half-precision cost stands in published_cost.cpp.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/cost.hpp>

#include <catch2/catch.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace cost_tests {

using immiscible::cost_function;
using immiscible::mean_distance;
using immiscible::pairwise_cost;
using tests::matrix;

namespace {

constexpr cost_function products[] = {cost_function::squared_l2, cost_function::l2, cost_function::inner_product,
                                      cost_function::cosine};

struct sums {
  long double squared_distance = 0, product = 0, image = 0, noise = 0;
};

template <class Scalar>
sums sums_of(const matrix<Scalar>& images, std::size_t i, const matrix<Scalar>& noise, std::size_t j) {
  sums s;
  for (std::size_t k = 0; k < images.columns; ++k) {
    const long double x = images(i, k), e = noise(j, k);
    s.squared_distance += (x - e) * (x - e);
    s.product += x * e;
    s.image += x * x;
    s.noise += e * e;
  }
  return s;
}

/// The definition of each cost.
long double defined(cost_function function, const sums& s) {
  switch (function) {
    case cost_function::squared_l2:
      return s.squared_distance;
    case cost_function::l2:
      return std::sqrt(s.squared_distance);
    case cost_function::inner_product:
      return -s.product;
    default:
      return s.image > 0 && s.noise > 0 ? 1 - s.product / std::sqrt(s.image * s.noise) : 1;
  }
}

/// How far a cost from a product of matrices may be off: d roundings of the norms, in units of the cost.
template <class Scalar>
double slack(cost_function function, const sums& s, std::size_t d) {
  const double rounding = static_cast<double>(d + 4) * std::numeric_limits<Scalar>::epsilon();
  const double size = static_cast<double>(s.image + s.noise);
  if (function == cost_function::cosine) return rounding;
  if (function != cost_function::l2) return rounding * size;
  return std::min(std::sqrt(rounding * size), rounding * size / static_cast<double>(std::sqrt(s.squared_distance)));
}

template <class Scalar>
matrix<Scalar> costs(const matrix<Scalar>& images, const matrix<Scalar>& noise, cost_function function,
                     std::size_t threads = 1) {
  matrix<Scalar> out(images.rows, noise.rows);
  std::fill(out.values.begin(), out.values.end(), Scalar(-77));
  pairwise_cost(images, noise, function, out.view(), threads);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("every cost is what its definition says", "", float, double) {
  for (const cost_function function : products) {
    for (const std::size_t d : {0u, 1u, 2u, 31u, 784u}) {
      for (const std::size_t n : {1u, 2u, 9u, 33u}) {
        INFO("cost " << static_cast<int>(function) << ", n = " << n << ", d = " << d);
        const auto images = tests::bell_samples<TestType>(n, d, 1, 0.4, 0.5);
        const auto noise = tests::bell_samples<TestType>(n + 4, d, 2);
        const auto out = costs(images, noise, function);
        double worst = 0;  // in units of what rounding allows
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t j = 0; j < n + 4; ++j) {
            const sums s = sums_of(images, i, noise, j);
            const double off = std::abs(static_cast<double>(out(i, j) - defined(function, s)));
            if (off > 0) worst = std::max(worst, off / slack<TestType>(function, s, d));
          }
        }
        CHECK(worst <= 1);
      }
    }
  }
}

TEMPLATE_TEST_CASE("small integers give exact costs", "", float, double) {
  const auto images = tests::integer_samples<TestType>(7, 20, 5), noise = tests::integer_samples<TestType>(11, 20, 6);
  for (const cost_function function : {cost_function::squared_l2, cost_function::inner_product}) {
    const auto out = costs(images, noise, function);
    for (std::size_t i = 0; i < 7; ++i) {
      for (std::size_t j = 0; j < 11; ++j) CHECK(out(i, j) == defined(function, sums_of(images, i, noise, j)));
    }
  }
}

TEMPLATE_TEST_CASE("equal samples are at distance zero, never below; opposite ones at cosine cost two", "", float,
                   double) {
  const auto images = tests::bell_samples<TestType>(6, 300, 8, 3.0, 1.0);
  const auto squared = costs(images, images, cost_function::squared_l2);
  const auto distance = costs(images, images, cost_function::l2);
  CHECK(*std::min_element(squared.values.begin(), squared.values.end()) >= 0);
  CHECK(*std::min_element(distance.values.begin(), distance.values.end()) >= 0);
  auto opposite = images;
  for (TestType& value : opposite.values) value = -value;
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(squared(i, i) <= 3000 * 300 * std::numeric_limits<TestType>::epsilon());
    CHECK(costs(images, opposite, cost_function::cosine)(i, i) == Approx(2).epsilon(1e-5));
  }
}

TEMPLATE_TEST_CASE("a sample of zeros costs one by cosine, and its norm by distance", "", float, double) {
  const matrix<TestType> zeros(2, 3);
  const auto noise =
      tests::make_matrix<TestType>(3, 3, [](std::size_t i, std::size_t k) { return k == 0 ? 3 * i : 4 * i; });
  CHECK(costs(zeros, noise, cost_function::cosine).values == std::vector<TestType>(6, 1));
  CHECK(costs(noise, zeros, cost_function::cosine).values == std::vector<TestType>(6, 1));
  CHECK(costs(zeros, noise, cost_function::squared_l2)(1, 2) == 4 * (9 + 16 + 16));
}

TEMPLATE_TEST_CASE("a cosine stays within zero and two, however short the samples are", "", float, double) {
  const double least = static_cast<double>(std::numeric_limits<TestType>::min());
  for (const double scale : {0.3, 0.1, 0.03, 0.01, 1e-3}) {  // products near the least normal number
    const auto images = tests::bell_samples<TestType>(20, 3, 1, 0, scale * std::sqrt(least));
    const auto noise = tests::bell_samples<TestType>(20, 3, 2, 0, scale * std::sqrt(least));
    for (const TestType cost : costs(images, noise, cost_function::cosine).values) {
      CHECK(cost >= 0);
      CHECK(cost <= 2);
    }
  }
}

TEMPLATE_TEST_CASE("samples of no values at all cost nothing", "", float, double) {
  const matrix<TestType> images(3, 0), noise(4, 0);
  for (const cost_function function :
       {cost_function::squared_l2, cost_function::l2, cost_function::inner_product, cost_function::published}) {
    CHECK(costs(images, noise, function).values == std::vector<TestType>(12, 0));
  }
  CHECK(costs(images, noise, cost_function::cosine).values == std::vector<TestType>(12, 1));
}

TEMPLATE_TEST_CASE("the number of threads changes no bit", "[slow]", float, double) {
  for (const std::size_t n : {1u, 2u, 5u, 13u, 64u, 101u, 191u, 192u, 200u, 288u, 310u}) {
    for (const std::size_t d : {1u, 9u, 37u, 300u}) {
      for (const std::size_t m : {1u, 2u, 7u, 50u}) {
        const auto images = tests::bell_samples<TestType>(n, d, n), noise = tests::bell_samples<TestType>(m, d, d);
        for (const cost_function function :
             {cost_function::squared_l2, cost_function::cosine, cost_function::published}) {
          const auto one = costs(images, noise, function, 1);
          for (const std::size_t threads : {2u, 3u, 7u, 1000u}) {
            INFO("n = " << n << ", m = " << m << ", d = " << d << ", threads = " << threads);
            const bool same = costs(images, noise, function, threads).values == one.values;
            CHECK(same);
          }
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("samples and costs may stand apart in memory; nothing between them is read or written", "", float,
                   double) {
  const auto images = tests::bell_samples<TestType>(9, 13, 1), noise = tests::bell_samples<TestType>(10, 13, 2);
  constexpr TestType poison = tests::not_a_number<TestType>;
  const tests::padded<TestType> apart_images(images, 1, 5, poison), apart_noise(noise, 3, 2, poison);
  for (const cost_function function : {cost_function::squared_l2, cost_function::l2, cost_function::inner_product,
                                       cost_function::cosine, cost_function::published}) {
    const auto expected = costs(images, noise, function);
    tests::padded<TestType> out(matrix<TestType>(9, 10), 2, 3, TestType(-5));
    pairwise_cost(apart_images.view(), apart_noise.view(), function, out.view());
    CHECK(out.memory == tests::padded<TestType>(expected, 2, 3, TestType(-5)).memory);
  }
}

TEST_CASE("costs are computed between Eigen matrices, maps and blocks") {
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  auto images = tests::bell_samples<float>(5, 8, 1);
  const auto noise = tests::bell_samples<float>(6, 8, 2);
  const row_major owner = Eigen::Map<const row_major>(images.values.data(), 5, 8);
  row_major larger = row_major::Zero(9, 20);
  larger.block(2, 3, 6, 8) = Eigen::Map<const row_major>(noise.values.data(), 6, 8);
  matrix<float> out(5, 6);
  pairwise_cost(owner, larger.block(2, 3, 6, 8), cost_function::squared_l2, out.view());
  CHECK(out.values == costs(images, noise, cost_function::squared_l2).values);
  CHECK(mean_distance(owner, larger.block(2, 3, 5, 8)) > 0);
}

TEMPLATE_TEST_CASE("the mean distance is the mean of the pairs' Euclidean distances", "", float, double) {
  const auto images = tests::bell_samples<TestType>(12, 50, 1), noise = tests::bell_samples<TestType>(15, 50, 2);
  const std::vector<std::int32_t> pairs{14, 0, 3, 2, 1, 5, 4, 8, 8, 10, 13, 12};  // a noise may serve twice
  long double expected = 0, in_order = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    expected += std::sqrt(sums_of(images, i, noise, static_cast<std::size_t>(pairs[i])).squared_distance) / 12;
    in_order += std::sqrt(sums_of(images, i, noise, i).squared_distance) / 12;
  }
  CHECK(mean_distance(images, noise, pairs) == Approx(static_cast<double>(expected)).epsilon(1e-12));
  const immiscible::batch<TestType> first_twelve(noise.values.data(), 12, 50);
  CHECK(mean_distance(images, first_twelve) == Approx(static_cast<double>(in_order)).epsilon(1e-12));
  CHECK(mean_distance(images, noise, tests::identity(12)) == mean_distance(images, first_twelve));
}

TEST_CASE("an empty batch is at mean distance zero, and so are equal samples") {
  CHECK(mean_distance(matrix<float>(0, 4), matrix<float>(0, 4)) == 0);
  CHECK(mean_distance(matrix<float>(0, 4), matrix<float>(3, 4), {}) == 0);
  const auto images = tests::bell_samples<double>(4, 9, 3);
  CHECK(mean_distance(images, images) == 0);
  const auto line = tests::make_matrix<float>(2, 1, [](std::size_t i, std::size_t) { return 10 * i; });
  CHECK(mean_distance(line, line, {1, 0}) == 10);
}

}  // namespace cost_tests

// Nearest of k against its definition, for every cost; of equal costs the lowest row.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/nearest_noise.hpp>

#include <catch2/catch.hpp>

#include <Eigen/Core>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace nearest_noise_tests {

using immiscible::cost_function;
using immiscible::nearest_noise;
using tests::matrix;

namespace {

constexpr cost_function all_costs[] = {cost_function::squared_l2, cost_function::l2, cost_function::inner_product,
                                       cost_function::cosine, cost_function::published};

/// The cost of one pair in extended precision. (`published` is tested elsewhere: here its distance before rounding.)
template <class Scalar>
double cost_of(cost_function function, const Scalar* x, const Scalar* e, std::size_t d) {
  long double squares = 0, product = 0, image = 0, noise = 0;
  for (std::size_t k = 0; k < d; ++k) {
    const long double a = x[k], b = e[k];
    squares += (a - b) * (a - b);
    product += a * b;
    image += a * a;
    noise += b * b;
  }
  switch (function) {
    case cost_function::squared_l2:
      return static_cast<double>(squares);
    case cost_function::l2:
      return static_cast<double>(std::sqrt(squares));
    case cost_function::inner_product:
      return static_cast<double>(-product);
    case cost_function::cosine:
      return image > 0 && noise > 0 ? static_cast<double>(1 - product / std::sqrt(image * noise)) : 1;
    case cost_function::published:
      return static_cast<double>(std::sqrt(squares) / 10);
  }
  return 0;
}

}  // namespace

TEMPLATE_TEST_CASE("each image gets the cheapest of its own candidates, by every cost", "", float, double) {
  for (const cost_function function : all_costs) {
    for (const std::size_t k : {1u, 2u, 7u, 64u}) {
      for (const std::size_t d : {1u, 5u, 100u}) {
        INFO("cost " << static_cast<int>(function) << ", k = " << k << ", d = " << d);
        const auto images = tests::bell_samples<TestType>(9, d, 1, 0.3, 0.5);
        const auto candidates = tests::bell_samples<TestType>(9 * k, d, 2);
        const auto answer = nearest_noise(images, candidates, k, function);
        const double precision = function == cost_function::published ? 1e-3 : 1e-5;
        double total = 0;
        REQUIRE(answer.noise_of_image.size() == 9);
        for (std::size_t i = 0; i < 9; ++i) {
          const auto chosen = static_cast<std::size_t>(answer.noise_of_image[i]);
          CHECK(chosen / k == i);
          double least = std::numeric_limits<double>::infinity();
          for (std::size_t c = 0; c < k; ++c) {
            const double cost = cost_of(function, images.view().row(i), candidates.view().row(i * k + c), d);
            least = std::min(least, cost);
          }
          const double own = cost_of(function, images.view().row(i), candidates.view().row(chosen), d);
          CHECK(own <= least + precision * (1 + std::abs(least)));
          total += own;
        }
        CHECK(answer.total_cost == Approx(total).epsilon(precision).margin(precision));
        CHECK(answer.lower_bound == answer.total_cost);
        CHECK(answer.status == immiscible::status::optimal);
        CHECK((answer.image_price.empty() && answer.noise_price.empty()));
      }
    }
  }
}

TEMPLATE_TEST_CASE("of equal costs the lowest row is taken", "", float, double) {
  for (const cost_function function : {cost_function::squared_l2, cost_function::l2, cost_function::inner_product}) {
    for (const std::size_t k : {2u, 3u, 8u, 33u}) {
      for (const std::size_t d : {1u, 2u, 6u}) {
        INFO("cost " << static_cast<int>(function) << ", k = " << k << ", d = " << d);
        const auto images = tests::integer_samples<TestType>(40, d, k),
                   candidates = tests::integer_samples<TestType>(40 * k, d, d);
        std::vector<std::int32_t> expected;
        for (std::size_t i = 0; i < 40; ++i) {
          std::size_t best = i * k;
          for (std::size_t c = i * k; c < (i + 1) * k; ++c) {
            const auto cost = [&](std::size_t row) {
              return cost_of(function, images.view().row(i), candidates.view().row(row), d);
            };
            if (cost(c) < cost(best)) best = c;
          }
          expected.push_back(static_cast<std::int32_t>(best));
        }
        CHECK(nearest_noise(images, candidates, k, function).noise_of_image == expected);
      }
    }
  }
}

TEMPLATE_TEST_CASE("of copies of one candidate the first is taken, whatever the values", "", float, double) {
  for (const cost_function function : all_costs) {
    for (const std::size_t k : {2u, 5u, 9u, 17u}) {
      for (const std::size_t d : {1u, 3u, 37u, 200u}) {
        INFO("cost " << static_cast<int>(function) << ", k = " << k << ", d = " << d);
        const auto images = tests::bell_samples<TestType>(6, d, 3), one_each = tests::bell_samples<TestType>(6, d, 4);
        const auto copies = tests::make_matrix<TestType>(
            6 * k, d, [&](std::size_t row, std::size_t j) { return one_each(row / k, j); });
        const auto answer = nearest_noise(images, copies, k, function);
        for (std::size_t i = 0; i < 6; ++i) CHECK(answer.noise_of_image[i] == static_cast<std::int32_t>(i * k));
      }
    }
  }
}

TEST_CASE("one candidate is no choice: image i keeps row i") {
  for (const cost_function function : all_costs) {
    for (const std::size_t n : {0u, 1u, 2u, 65u}) {
      const auto images = tests::bell_samples<float>(n, 4, 1), noise = tests::bell_samples<float>(n, 4, 2);
      CHECK(nearest_noise(images, noise, 1, function).noise_of_image == tests::identity(n));
    }
  }
}

TEST_CASE("distance and squared distance choose alike") {
  const auto images = tests::bell_samples<double>(50, 30, 1), noise = tests::bell_samples<double>(50 * 16, 30, 2);
  CHECK(nearest_noise(images, noise, 16, cost_function::l2).noise_of_image ==
        nearest_noise(images, noise, 16, cost_function::squared_l2).noise_of_image);

  const matrix<float> zero(1, 2);  // in float the roots of these squared distances are equal
  auto near = tests::make_matrix<float>(2, 2, [](std::size_t, std::size_t k) { return k == 0 ? 1.0f : 0.0f; });
  near(0, 1) = 0.000345f;
  const auto paired = nearest_noise(zero, near, 2, cost_function::l2);
  CHECK(paired.noise_of_image == std::vector<std::int32_t>{1});
  CHECK(paired.total_cost == 1);
  CHECK(paired.lower_bound == 1);
}

TEST_CASE(
    "among the few cheapest each is chosen equally often, by cost and then by row, and any image alone chooses alike") {
  const std::size_t n = 3000, k = 8, d = 3;
  const auto images = tests::integer_samples<float>(n, d, 1), candidates = tests::integer_samples<float>(n * k, d, 2);
  const auto first = nearest_noise(images, candidates, k);
  for (const std::size_t among : {1u, 2u, 5u, 8u}) {
    CAPTURE(among);
    const immiscible::nearest_choice choice{among, 42, 7, 100};
    const auto answer = nearest_noise(images, candidates, k, cost_function::squared_l2, choice);
    std::vector<std::size_t> taken(k);
    for (std::size_t i = 0; i < n; ++i) {
      const auto chosen = static_cast<std::size_t>(answer.noise_of_image[i]);
      REQUIRE(chosen / k == i);
      const auto cost = [&](std::size_t row) {
        return cost_of(cost_function::squared_l2, images.view().row(i), candidates.view().row(row), d);
      };
      std::size_t rank = 0;
      for (std::size_t row = i * k; row < (i + 1) * k; ++row) {
        rank += cost(row) < cost(chosen) || (cost(row) == cost(chosen) && row < chosen) ? 1 : 0;
      }
      REQUIRE(rank < among);
      ++taken[rank];
    }
    for (std::size_t rank = 0; rank < among; ++rank) {
      const auto expected = static_cast<double>(n) / static_cast<double>(among);
      CHECK(std::abs(static_cast<double>(taken[rank]) - expected) <= 4 * std::sqrt(expected));
    }
    CHECK(answer.lower_bound == first.total_cost);
    CHECK(answer.status == (among == 1 ? immiscible::status::optimal : immiscible::status::feasible));
    if (among == 1) CHECK(tests::are_identical(answer, first));
    for (const std::size_t i : {0u, 17u, 2999u}) {
      const immiscible::batch<float> image(images.view().row(i), 1, d), own(candidates.view().row(i * k), k, d);
      const auto alone = nearest_noise(image, own, k, cost_function::squared_l2, {among, 42, 7, 100 + i});
      CHECK(static_cast<std::size_t>(alone.noise_of_image[0]) + i * k ==
            static_cast<std::size_t>(answer.noise_of_image[i]));
    }
  }
  const auto other = [&](std::uint64_t seed, std::uint64_t step) {
    return nearest_noise(images, candidates, k, cost_function::squared_l2, {5, seed, step, 100}).noise_of_image;
  };
  CHECK(other(42, 7) != other(43, 7));
  CHECK(other(42, 7) != other(42, 8));
}

TEST_CASE("a choice among none, among more than k, or beyond the counter is refused") {
  const matrix<float> images(2, 3), candidates(8, 3);
  const auto choose = [&](const immiscible::nearest_choice& choice) {
    return nearest_noise(images, candidates, 4, cost_function::squared_l2, choice);
  };
  using Catch::Contains;
  CHECK_THROWS_WITH(choose({0}), Contains("nearest_noise: needs a choice among 1 to k = 4 candidates, got among = 0"));
  CHECK_THROWS_WITH(choose({5}), Contains("got among = 5"));
  CHECK_THROWS_WITH(choose({2, 0, std::uint64_t{1} << 48}), Contains("needs step < 2^48"));
  CHECK_THROWS_WITH(choose({2, 0, 0, (std::uint64_t{1} << 48) - 1}), Contains("first_index + rows <= 2^48"));
  CHECK_NOTHROW(choose({4}));
}

TEST_CASE("samples may stand apart in memory or be blocks of an Eigen matrix") {
  const auto images = tests::bell_samples<float>(5, 11, 1), noise = tests::bell_samples<float>(15, 11, 2);
  const auto expected = nearest_noise(images, noise, 3);
  const tests::padded<float> apart_images(images, 1, 2, tests::not_a_number<float>);
  const tests::padded<float> apart_noise(noise, 2, 7, tests::not_a_number<float>);
  CHECK(tests::are_identical(nearest_noise(apart_images.view(), apart_noise.view(), 3), expected));
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  row_major larger = row_major::Zero(20, 15);
  larger.block(2, 1, 15, 11) = Eigen::Map<const row_major>(noise.values.data(), 15, 11);
  CHECK(tests::are_identical(nearest_noise(images, larger.block(2, 1, 15, 11), 3), expected));
}

TEST_CASE("no images, or samples without values, are answered; any k goes with no images") {
  CHECK(nearest_noise(matrix<float>(0, 3), matrix<float>(0, 3), 5).noise_of_image.empty());
  CHECK(nearest_noise(matrix<float>(0, 3), matrix<float>(0, 3), std::size_t{1} << 60).noise_of_image.empty());
  CHECK(nearest_noise(matrix<float>(3, 0), matrix<float>(6, 0), 2).noise_of_image ==
        std::vector<std::int32_t>{0, 2, 4});
}

}  // namespace nearest_noise_tests

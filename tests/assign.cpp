// The verb, method by method: what a trainer relies on. What it refuses stands in bad_input.cpp.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/assign.hpp>

#include <catch2/catch.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace assign_tests {

using immiscible::assign;
using immiscible::assign_options;
using immiscible::cost_function;
using immiscible::method;
using immiscible::status;
using tests::matrix;

namespace {

constexpr method matrix_methods[] = {method::exact, method::auction, method::greedy, method::greedy_by_row};
constexpr method all_methods[] = {method::exact,         method::auction, method::greedy,
                                  method::greedy_by_row, method::nearest, method::none};
constexpr cost_function all_costs[] = {cost_function::squared_l2, cost_function::l2, cost_function::inner_product,
                                       cost_function::cosine, cost_function::published};

assign_options options_of(method how, cost_function cost = cost_function::squared_l2, std::size_t threads = 1) {
  assign_options options;
  options.method = how;
  options.cost = cost;
  options.threads = threads;
  return options;
}

template <class Scalar>
matrix<Scalar> costs(const matrix<Scalar>& images, const matrix<Scalar>& noise, cost_function function) {
  matrix<Scalar> out(images.rows, noise.rows);
  immiscible::pairwise_cost(images, noise, function, out.view());
  return out;
}

template <class Scalar>
matrix<Scalar> images_of(std::size_t n, std::size_t d, std::uint64_t seed) {
  return tests::bell_samples<Scalar>(n, d, seed, 0.3, 0.5);
}

}  // namespace

TEMPLATE_TEST_CASE("the exact method finds the least total of every cost", "", float, double) {
  const double precision = std::is_same<TestType, float>::value ? 1e-5 : 1e-12;
  for (const cost_function function : all_costs) {
    for (std::size_t n = 1; n <= 7; n += 2) {
      for (std::size_t m = n; m <= 8; m += 2) {
        INFO("cost " << static_cast<int>(function) << ", n = " << n << ", m = " << m);
        const auto images = images_of<TestType>(n, 6, n), noise = tests::bell_samples<TestType>(m, 6, m);
        const auto cost = costs(images, noise, function);
        const auto answer = assign(images, noise, options_of(method::exact, function));
        CHECK(tests::is_matching(answer.noise_of_image, n, m));
        CHECK(answer.total_cost == Approx(tests::least_total(cost)).epsilon(precision).margin(precision));
        CHECK(answer.status == status::optimal);
        CHECK(answer.lower_bound == answer.total_cost);
      }
    }
  }
}

TEMPLATE_TEST_CASE("on small integers the default is exact: squared distances, summed", "", float, double) {
  for (const std::size_t m : {60u, 61u, 100u}) {
    const auto images = tests::integer_samples<TestType>(60, 10, 1), noise = tests::integer_samples<TestType>(m, 10, 2);
    const auto squared = tests::converted<std::int32_t>(costs(images, noise, cost_function::squared_l2));
    const auto answer = assign(images, noise);
    CHECK(answer.total_cost == immiscible::jonker_volgenant(squared).total_cost);
    CHECK(tests::is_proved(tests::converted<double>(squared), answer));
  }
}

TEMPLATE_TEST_CASE("prices prove the answer against the costs themselves", "", float, double) {
  for (const cost_function function : all_costs) {
    for (const std::size_t m : {70u, 90u}) {
      const auto images = images_of<TestType>(70, 50, 3), noise = tests::bell_samples<TestType>(m, 50, 4);
      const auto answer = assign(images, noise, options_of(method::exact, function));
      const double precision = 64.0 * std::numeric_limits<TestType>::epsilon();
      CHECK(tests::prices_are_feasible(costs(images, noise, function), answer, precision));
      CHECK(immiscible::is_optimal(costs(images, noise, function).view(), answer, precision));
    }
  }
}

TEMPLATE_TEST_CASE("methods stand in order: bounds below the optimum, every other answer above", "", float, double) {
  for (const cost_function function : all_costs) {
    for (const std::size_t m : {80u, 110u}) {
      const auto images = images_of<TestType>(80, 30, 5), noise = tests::bell_samples<TestType>(m, 30, 6);
      const double optimum = assign(images, noise, options_of(method::exact, function)).total_cost;
      const double slack = 1e-5 * std::abs(optimum);
      for (const method how : {method::auction, method::greedy, method::greedy_by_row, method::none}) {
        INFO("cost " << static_cast<int>(function) << ", method " << static_cast<int>(how) << ", m = " << m);
        const auto answer = assign(images, noise, options_of(how, function));
        CHECK(tests::is_matching(answer.noise_of_image, 80, m));
        CHECK(answer.total_cost >= optimum - slack);
        CHECK(answer.lower_bound <= optimum + slack);
        double total = 0;
        const auto cost = costs(images, noise, function);
        for (std::size_t i = 0; i < 80; ++i)
          total += static_cast<double>(cost(i, static_cast<std::size_t>(answer.noise_of_image[i])));
        CHECK(answer.total_cost == Approx(total).epsilon(1e-5));
      }
      const auto none = assign(images, noise, options_of(method::none, function));
      CHECK(none.status == status::feasible);
      CHECK(immiscible::gap(none) == std::numeric_limits<double>::infinity());
    }
  }
}

TEMPLATE_TEST_CASE("the greedy methods choose by the costs of pairwise_cost", "", float, double) {
  for (const cost_function function : all_costs) {
    const auto images = tests::integer_samples<TestType>(50, 4, 7), noise = tests::integer_samples<TestType>(58, 4, 8);
    const auto cost = costs(images, noise, function);
    CHECK(tests::are_identical(assign(images, noise, options_of(method::greedy, function)), immiscible::greedy(cost)));
    CHECK(tests::are_identical(assign(images, noise, options_of(method::greedy_by_row, function)),
                               immiscible::greedy_by_row(cost)));
  }
}

TEMPLATE_TEST_CASE("nearest takes each image's own candidates; one candidate, like no pairing, keeps the order", "",
                   float, double) {
  const auto images = images_of<TestType>(20, 9, 1), noise = tests::bell_samples<TestType>(20 * 5, 9, 2);
  for (const cost_function function : all_costs) {
    auto options = options_of(method::nearest, function);
    options.candidates = 5;
    CHECK(tests::are_identical(assign(images, noise, options), immiscible::nearest_noise(images, noise, 5, function)));
    options.candidates = 1;
    const immiscible::batch<TestType> first(noise.values.data(), 20, 9);
    CHECK(assign(images, first, options).noise_of_image == tests::identity(20));
    CHECK(assign(images, noise, options_of(method::none, function)).noise_of_image == tests::identity(20));
  }
}

TEMPLATE_TEST_CASE("the noise is permuted, never altered, and pairs come closer", "", float, double) {
  for (const method how : matrix_methods) {
    const auto images = images_of<TestType>(64, 40, 1);
    const auto drawn = tests::bell_samples<TestType>(64, 40, 2);
    const auto answer = assign(images, drawn, options_of(how));
    auto noise = drawn;
    immiscible::permute_rows(noise, answer.noise_of_image);
    CHECK(immiscible::mean_distance(images, noise) == immiscible::mean_distance(images, drawn, answer.noise_of_image));
    CHECK(immiscible::mean_distance(images, noise) < immiscible::mean_distance(images, drawn));
    const auto sorted_rows = [](const matrix<TestType>& samples) {
      std::vector<std::vector<TestType>> rows;
      for (std::size_t i = 0; i < samples.rows; ++i)
        rows.emplace_back(samples.view().row(i), samples.view().row(i) + samples.columns);
      std::sort(rows.begin(), rows.end());
      return rows;
    };
    CHECK(sorted_rows(noise) == sorted_rows(drawn));
  }
}

TEMPLATE_TEST_CASE("the same samples give the same answer: threads, memory layout and workspace do not matter", "",
                   float, double) {
  immiscible::assign_workspace<TestType> workspace;
  immiscible::assignment reused;
  for (const std::size_t n : {47u, 3u, 0u, 200u, 32u}) {
    for (const method how : all_methods) {
      for (const cost_function function :
           {cost_function::squared_l2, cost_function::cosine, cost_function::published}) {
        INFO("n = " << n << ", method " << static_cast<int>(how) << ", cost " << static_cast<int>(function));
        const std::size_t m = how == method::nearest ? n : n + 9 * (n % 2);
        const auto images = images_of<TestType>(n, 21, n), noise = tests::bell_samples<TestType>(m, 21, n + 1);
        const auto expected = assign(images, noise, options_of(how, function));
        for (const std::size_t threads : {2u, 3u, 64u}) {
          CHECK(tests::are_identical(assign(images, noise, options_of(how, function, threads)), expected));
        }
        assign(immiscible::batch<TestType>(images.view()), immiscible::batch<TestType>(noise.view()),
               options_of(how, function), reused, workspace);
        CHECK(tests::are_identical(reused, expected));
        const tests::padded<TestType> apart_images(images, 1, 3, tests::not_a_number<TestType>);
        const tests::padded<TestType> apart_noise(noise, 2, 1, tests::not_a_number<TestType>);
        CHECK(
            tests::are_identical(assign(apart_images.view(), apart_noise.view(), options_of(how, function)), expected));
      }
    }
  }
}

TEST_CASE("Eigen matrices, maps and blocks are samples") {
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto images = images_of<float>(10, 6, 1), noise = tests::bell_samples<float>(12, 6, 2);
  const row_major owner = Eigen::Map<const row_major>(images.values.data(), 10, 6);
  row_major larger = row_major::Zero(20, 9);
  larger.block(4, 2, 12, 6) = Eigen::Map<const row_major>(noise.values.data(), 12, 6);
  CHECK(tests::are_identical(assign(owner, larger.block(4, 2, 12, 6)), assign(images, noise)));
}

TEMPLATE_TEST_CASE("on a line the optimum is the sorted order", "", float, double) {
  for (const std::size_t n : {1u, 2u, 10u, 33u, 150u}) {
    const auto images = tests::bell_samples<TestType>(n, 1, n), noise = tests::bell_samples<TestType>(n, 1, n + 1);
    auto sorted_images = images.values, sorted_noise = noise.values;
    std::sort(sorted_images.begin(), sorted_images.end());
    std::sort(sorted_noise.begin(), sorted_noise.end());
    double least = 0;
    for (std::size_t i = 0; i < n; ++i) least += std::pow(static_cast<double>(sorted_images[i] - sorted_noise[i]), 2);
    CHECK(assign(images, noise).total_cost == Approx(least).epsilon(1e-5));
  }
}

TEMPLATE_TEST_CASE("images moved or scaled together, or in another order, keep their noise", "", float, double) {
  const auto images = tests::integer_samples<TestType>(40, 20, 1);
  const auto noise = tests::bell_samples<TestType>(40, 20, 2);
  const auto expected = assign(images, noise).noise_of_image;
  auto moved = images;
  for (TestType& x : moved.values) x = 4 * x + 8;
  CHECK(assign(moved, noise).noise_of_image == expected);
  const auto order = tests::shuffled(40, 3);
  auto mixed = images;
  immiscible::permute_rows(mixed, order);
  const auto answer = assign(mixed, noise).noise_of_image;
  for (std::size_t i = 0; i < 40; ++i) CHECK(answer[i] == expected[static_cast<std::size_t>(order[i])]);
}

TEST_CASE("no images, one image, samples without values, and images that are the noise") {
  for (const method how : all_methods) {
    const auto nothing = assign(matrix<float>(0, 5), matrix<float>(0, 5), options_of(how));
    CHECK(nothing.noise_of_image.empty());
    CHECK(nothing.total_cost == 0);
    CHECK(assign(images_of<double>(1, 3, 1), images_of<double>(1, 3, 2), options_of(how)).noise_of_image ==
          tests::identity(1));
    CHECK(assign(matrix<float>(40, 0), matrix<float>(40, 0), options_of(how)).noise_of_image == tests::identity(40));
  }
  CHECK(assign(matrix<float>(0, 5), matrix<float>(7, 5)).noise_of_image.empty());
  const auto images = images_of<float>(50, 30, 1);
  const auto answer = assign(images, images);
  CHECK(answer.noise_of_image == tests::identity(50));
  CHECK(std::abs(answer.total_cost) < 1e-3);
}

}  // namespace assign_tests

// Pairing within groups, and across them at a price.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/groups.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace groups_tests {

using Catch::Matchers::Contains;
using immiscible::assign;
using immiscible::assign_in_groups;
using immiscible::assign_options;
using immiscible::assign_with_conditions;
using immiscible::assignment;
using immiscible::method;
using tests::matrix;

namespace {

template <class Scalar = float>
matrix<Scalar> normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  tests::random_source random(seed);
  return tests::make_matrix<Scalar>(rows, columns, [&](auto, auto) { return static_cast<Scalar>(random.bell()); });
}

/// Labels 0 ... groups - 1 in disorder, of unequal frequency; some may not occur.
std::vector<std::int64_t> labels(std::size_t n, std::int64_t groups, std::uint64_t seed) {
  tests::random_source random(seed);
  std::vector<std::int64_t> label(n);
  for (auto& l : label) l = random.below(1 + random.below(groups)) * 1000 - 7;
  return label;
}

/// Squared distances, and +infinity between groups.
matrix<double> costs_within(const matrix<double>& images, const matrix<double>& noise,
                            const std::vector<std::int64_t>& group) {
  return tests::make_matrix<double>(images.rows, noise.rows, [&](std::size_t i, std::size_t j) {
    if (group[i] != group[j]) return std::numeric_limits<double>::infinity();
    double sum = 0;
    for (std::size_t k = 0; k < images.columns; ++k) {
      sum += (images(i, k) - noise(j, k)) * (images(i, k) - noise(j, k));
    }
    return sum;
  });
}

}  // namespace

TEST_CASE("the least total within groups, proved group by group") {
  for (const std::size_t n : {1u, 2u, 30u, 150u}) {
    const auto images = normal<double>(n, 5, n), noise = normal<double>(n, 5, n + 1);
    const auto group = labels(n, 6, n);
    const assignment paired = assign_in_groups(images, noise, group);
    const matrix<double> cost = costs_within(images, noise, group);  // forbids pairs across groups
    const auto oracle = immiscible::jonker_volgenant(cost.view(), immiscible::warm_start::column_minima);
    CHECK(paired.status == immiscible::status::optimal);
    CHECK(paired.total_cost == Approx(oracle.total_cost).epsilon(1e-12));
    CHECK(paired.lower_bound == Approx(oracle.total_cost).epsilon(1e-12));
    CHECK(tests::total_is_true(cost, paired));
    CHECK(immiscible::is_optimal(cost.view(), paired));  // as pairs across groups cost +infinity
  }
}

TEST_CASE("the same answer for any number of threads; one group is assign; groups of one keep their noise") {
  const auto images = normal(200, 7, 1), noise = normal(200, 7, 2);
  const auto group = labels(200, 9, 3);
  assign_options options;
  const assignment one = assign_in_groups(images, noise, group, options);
  for (const std::size_t threads : {2u, 5u}) {
    options.threads = threads;
    CHECK(tests::are_identical(assign_in_groups(images, noise, group, options), one));
  }
  const std::vector<std::int64_t> same(200, 4);
  CHECK(tests::are_identical(assign_in_groups(images, noise, same), assign(images, noise)));
  std::vector<std::int64_t> different(200);
  std::vector<std::int32_t> identity(200);
  for (std::size_t i = 0; i < 200; ++i) {
    different[i] = -static_cast<std::int64_t>(i);
    identity[i] = static_cast<std::int32_t>(i);
  }
  CHECK(assign_in_groups(images, noise, different).noise_of_image == identity);
  CHECK(assign_in_groups(normal(0, 7, 1), normal(0, 7, 1), {}).noise_of_image.empty());
}

TEST_CASE("every method stays within groups; those without prices have none") {
  const auto images = normal(90, 7, 1), noise = normal(90, 7, 2);
  const auto group = labels(90, 4, 3);
  assign_options options;
  for (const method how : {method::exact, method::auction, method::greedy, method::greedy_by_row, method::none}) {
    options.method = how;
    const assignment paired = assign_in_groups(images, noise, group, options);
    REQUIRE(tests::is_matching(paired.noise_of_image, 90, 90));
    for (std::size_t i = 0; i < 90; ++i) {
      REQUIRE(group[static_cast<std::size_t>(paired.noise_of_image[i])] == group[i]);
    }
    const bool priced = how == method::exact || how == method::auction;
    CHECK(paired.image_price.size() == (priced ? 90 : 0));
    CHECK((paired.status == immiscible::status::optimal) == (how == method::exact));
  }
}

TEST_CASE("groups: what is refused names the caller's rows") {
  auto images = normal(20, 3, 1), noise = normal(20, 3, 2);
  auto group = labels(20, 3, 3);
  assign_options options;
  options.method = method::nearest;
  CHECK_THROWS_WITH(assign_in_groups(images, noise, group, options), Contains("another method than nearest"));
  CHECK_THROWS_WITH(assign_in_groups(images, normal(21, 3, 2), group), Contains("as many noises as images"));
  assign_options published;
  published.cost = immiscible::cost_function::published;
  images(17, 1) = 1e6f;
  CHECK_THROWS_WITH(assign_in_groups(images, noise, group, published),
                    Contains("range of fp16") && Contains("in row 17"));
  images(17, 1) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(assign_in_groups(images, noise, group), Contains("finite images, got infinity in row 17"));
  group.pop_back();
  CHECK_THROWS_WITH(assign_in_groups(images, noise, group), Contains("each of the 20 images, got 19"));
}

TEST_CASE("conditions: weight 0 is assign, a great weight pairs within labels, and totals contain the penalty") {
  const std::size_t n = 60;
  const auto images = normal<double>(n, 4, 1), noise = normal<double>(n, 4, 2);
  const auto group = labels(n, 3, 5);
  matrix<double> one_hot(n, 3);
  for (std::size_t i = 0; i < n; ++i) one_hot(i, static_cast<std::size_t>((group[i] + 7) / 1000)) = 1;
  CHECK(assign_with_conditions(images, noise, one_hot, 0).noise_of_image == assign(images, noise).noise_of_image);
  const assignment within = assign_in_groups(images, noise, group);
  CHECK(assign_with_conditions(images, noise, one_hot, 1e4).noise_of_image == within.noise_of_image);

  const double weight = 1.5;
  const assignment soft = assign_with_conditions(images, noise, one_hot, weight);
  const auto cost = tests::make_matrix<double>(n, n, [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t k = 0; k < 4; ++k) sum += (images(i, k) - noise(j, k)) * (images(i, k) - noise(j, k));
    return sum + (group[i] == group[j] ? 0 : 2 * weight);
  });
  CHECK(immiscible::is_optimal(cost.view(), soft));
  CHECK(tests::total_is_true(cost, soft));
  std::size_t across = 0, across_free = 0;
  const assignment free = assign(images, noise);
  for (std::size_t i = 0; i < n; ++i) {
    across += group[static_cast<std::size_t>(soft.noise_of_image[i])] != group[i];
    across_free += group[static_cast<std::size_t>(free.noise_of_image[i])] != group[i];
  }
  CHECK(across > 0);
  CHECK(across < across_free);
}

TEST_CASE("conditions: what is refused") {
  const auto images = normal(20, 3, 1), noise = normal(20, 3, 2);
  auto conditions = normal(20, 2, 3);
  assign_options options;
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, conditions, -1), Contains("weight of at least 0, got -1"));
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, conditions, std::numeric_limits<double>::quiet_NaN()),
                    Contains("weight of at least 0"));
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, conditions, 1e80), Contains("whose root is finite"));
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, normal(19, 2, 1), 1), Contains("conditions [19, 2]"));
  options.method = method::none;
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, conditions, 1, options), Contains("needs method::exact"));
  options = {};
  options.cost = immiscible::cost_function::l2;
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, conditions, 1, options), Contains("squared_l2"));
  conditions(3, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(assign_with_conditions(images, noise, conditions, 1),
                    Contains("finite conditions, got NaN in row 3"));
}

}  // namespace groups_tests

// Greedy pairing against its definition, index for index, ties included.
#include "support/families.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/greedy.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

namespace greedy_tests {

using immiscible::greedy;
using immiscible::greedy_by_row;
using immiscible::status;
using tests::converted;
using tests::infinity;
using tests::matrix;

namespace {

using indices = std::vector<std::int32_t>;

/// All pairs in the total order (cost, image, noise); each is taken if both are free. Empty if a row is left over.
template <class Cost>
indices by_definition(const matrix<Cost>& cost) {
  std::vector<std::tuple<Cost, std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    for (std::size_t j = 0; j < cost.columns; ++j) {
      if (!tests::is_forbidden(cost(i, j))) pairs.emplace_back(cost(i, j), i, j);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  indices chosen(cost.rows, -1);
  std::vector<bool> taken(cost.columns, false);
  for (const auto& [c, i, j] : pairs) {
    if (chosen[i] >= 0 || taken[j]) continue;
    chosen[i] = static_cast<std::int32_t>(j);
    taken[j] = true;
  }
  return std::count(chosen.begin(), chosen.end(), -1) == 0 ? chosen : indices(cost.rows, -1);
}

/// Row after row takes its cheapest free column; the first among equals.
template <class Cost>
indices by_row_by_definition(const matrix<Cost>& cost) {
  indices chosen;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    std::int32_t best = -1;
    for (std::size_t j = cost.columns; j-- > 0;) {
      const bool is_taken = std::count(chosen.begin(), chosen.end(), static_cast<std::int32_t>(j)) > 0;
      if (is_taken || tests::is_forbidden(cost(i, j))) continue;
      if (best < 0 || cost(i, j) <= cost(i, static_cast<std::size_t>(best))) best = static_cast<std::int32_t>(j);
    }
    if (best < 0) return indices(cost.rows, -1);
    chosen.push_back(best);
  }
  return chosen;
}

/// Law: a matching, its total, and a bound that is the sum of the rows' least costs.
template <class Cost, class Price>
bool is_sound(const matrix<Cost>& cost, const immiscible::basic_assignment<Price>& answer) {
  double bound = 0;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    bound += static_cast<double>(*std::min_element(cost.view().row(i), cost.view().row(i) + cost.columns));
  }
  if (answer.status != status::feasible) return tests::broken("status is not feasible");
  if (!answer.image_price.empty() || !answer.noise_price.empty()) return tests::broken("prices of a greedy answer");
  if (answer.lower_bound != bound) return tests::broken("lower_bound is not the sum of the row minima");
  return tests::total_is_true(cost, answer);
}

/// Law: nothing is paired, and the bound is the sum of the rows' least costs.
template <class Cost, class Answer>
bool is_stuck(const matrix<Cost>& cost, const Answer& answer) {
  double minima = 0;
  for (std::size_t i = 0; i < cost.rows; ++i) {
    double least = infinity;
    for (std::size_t j = 0; j < cost.columns; ++j) least = std::min(least, static_cast<double>(cost(i, j)));
    minima += least;
  }
  return answer.status == status::infeasible && answer.noise_of_image == std::vector<std::int32_t>(cost.rows, -1) &&
         answer.image_price.empty() && answer.noise_price.empty() && answer.total_cost == infinity &&
         answer.lower_bound == minima;
}

template <class Cost>
void check_both(const matrix<Cost>& cost) {
  const auto global = greedy(cost);
  const auto rows = greedy_by_row(cost);
  CHECK((global.noise_of_image == by_definition(cost)));
  CHECK((rows.noise_of_image == by_row_by_definition(cost)));
  if (global.status == status::infeasible) {
    CHECK(is_stuck(cost, global));
  } else {
    CHECK(is_sound(cost, global));
  }
  if (rows.status == status::infeasible) {
    CHECK(is_stuck(cost, rows));
  } else {
    CHECK(is_sound(cost, rows));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("greedy pairs are those of the definition, ties included", "", float, double, std::int16_t,
                   std::int32_t) {
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t n : {3u, 16u, 45u}) {
      for (const std::size_t m : {n, n + 1, 3 * n}) {
        INFO(name << ", n = " << n << ", m = " << m);
        check_both(converted<TestType>(make(n, m, n + m)));
      }
    }
  }
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::size_t n = seed % 10, m = n + seed % 4;
    INFO("seed " << seed);
    check_both(converted<TestType>(tests::random_integers(n, m, seed, 2 + static_cast<std::int64_t>(seed % 3))));
  }
}

TEMPLATE_TEST_CASE("forbidden pairs are never taken; a row without a column makes the answer infeasible", "", float,
                   double) {
  int infeasible = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::size_t n = 1 + seed % 9, m = n + seed % 3;
    const auto cost = tests::with_forbidden(tests::random_integers(n, m, seed, 6), seed, static_cast<int>(seed % 70));
    INFO("seed " << seed);
    check_both(converted<TestType>(cost));
    infeasible += greedy(cost).status == status::infeasible;
  }
  CHECK(infeasible > 20);
  CHECK(infeasible < 150);
}

TEST_CASE("greedy may fail where a matching exists, and then says infeasible") {
  matrix<double> cost(2, 2);
  cost.values = {1, 2, 1, infinity};
  CHECK(is_stuck(cost, greedy(cost)));
  CHECK(is_stuck(cost, greedy_by_row(cost)));
  CHECK(greedy(cost).lower_bound == 2);
  CHECK(tests::simple_least_total(cost) == 3);
}

TEMPLATE_TEST_CASE("to the greedy pairing the least and greatest integers are costs like any other", "", std::int16_t,
                   std::int32_t) {
  using limits = std::numeric_limits<TestType>;
  tests::random_source draw(3);
  check_both(tests::make_matrix<TestType>(12, 15, [&](auto, auto) {
    const auto pick = draw.below(3);
    return pick == 0 ? limits::min() : pick == 1 ? limits::max() : TestType(0);
  }));
}

TEST_CASE("a constant cost keeps every image its own noise; no images is an empty answer") {
  const auto cost = tests::make_matrix<float>(20, 25, [](auto, auto) { return 0.3; });
  CHECK(greedy(cost).noise_of_image == tests::identity(20));
  CHECK(greedy_by_row(cost).noise_of_image == tests::identity(20));
  for (const std::size_t m : {0u, 3u}) {
    CHECK(greedy(matrix<float>(0, m)).noise_of_image.empty());
    CHECK(greedy_by_row(matrix<float>(0, m)).noise_of_image.empty());
    CHECK(greedy(matrix<float>(0, m)).total_cost == 0);
  }
}

TEST_CASE("greedy is bounded by the optimum and by its lower bound, and reads rows apart in memory") {
  const auto cost = converted<float>(tests::rows_alike(80, 90, 4));
  const double optimum = tests::simple_least_total(cost);
  const tests::padded<float> apart(cost, 1, 3, tests::not_a_number<float>);
  for (const auto& answer : {greedy(cost), greedy_by_row(cost)}) {
    CHECK(answer.lower_bound <= optimum);
    CHECK(optimum <= answer.total_cost);
  }
  CHECK(greedy(cost).total_cost < greedy_by_row(cost).total_cost);
  CHECK(tests::are_identical(greedy(apart.view()), greedy(cost)));
  CHECK(tests::are_identical(greedy_by_row(apart.view()), greedy_by_row(cost)));
}

}  // namespace greedy_tests

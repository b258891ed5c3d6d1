// The answer, its proof, and the rows that move: is_optimal against answers that are wrong in every way one can be.
#include "support/families.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/assignment.hpp>

#include <catch2/catch.hpp>

#include <Eigen/Core>

#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

namespace assignment_tests {

using immiscible::is_optimal;
using immiscible::permute_rows;
using immiscible::status;
using tests::infinity;
using tests::matrix;

namespace {

template <class Scalar>
matrix<Scalar> from_rows(std::size_t m, std::vector<Scalar> values) {
  matrix<Scalar> made(values.size() / m, m);
  made.values = std::move(values);
  return made;
}

/// A 3 x 3 problem with its one optimum (0, 1), (1, 0), (2, 2) and prices that prove it.
template <class Scalar>
matrix<Scalar> square() {
  return from_rows<Scalar>(3, {4, 1, 3, 2, 0, 5, 3, 2, 2});
}

template <class Price>
immiscible::basic_assignment<Price> square_answer() {
  return {{1, 0, 2}, {1, 0, 1}, {2, 0, 1}, 5, 5, status::optimal};
}

/// A 2 x 3 problem whose last noise is left over.
template <class Price>
immiscible::basic_assignment<Price> wide_answer() {
  return {{1, 0}, {3, 4}, {-1, -2, 0}, 4, 4, status::optimal};
}

template <class Scalar>
matrix<Scalar> wide() {
  return from_rows<Scalar>(3, {9, 1, 5, 3, 2, 8});
}

}  // namespace

TEMPLATE_TEST_CASE("is_optimal believes a right proof, and the test's own check does too", "", float, double,
                   std::int16_t, std::int32_t) {
  using price = immiscible::price_of<TestType>;
  CHECK(is_optimal(square<TestType>().view(), square_answer<price>()));
  CHECK(tests::is_proved(square<TestType>(), square_answer<price>()));
  CHECK(is_optimal(wide<TestType>().view(), wide_answer<price>()));
  CHECK(tests::is_proved(wide<TestType>(), wide_answer<price>()));
  const matrix<TestType> none(0, 3);
  CHECK(is_optimal(none.view(), immiscible::basic_assignment<price>{{}, {}, {0, 0, 0}, 0, 0, status::optimal}));
}

TEMPLATE_TEST_CASE("is_optimal believes no wrong pairs", "", float, std::int32_t) {
  using price = immiscible::price_of<TestType>;
  const auto cost = square<TestType>();
  for (const std::vector<std::int32_t>& pairs : std::vector<std::vector<std::int32_t>>{
           {0, 1, 2}, {1, 2, 0}, {1, 0}, {1, 0, 2, 0}, {}, {1, 1, 2}, {1, 0, 3}, {1, 0, -1}, {-1, -1, -1}}) {
    auto answer = square_answer<price>();
    answer.noise_of_image = pairs;
    CHECK_FALSE(is_optimal(cost.view(), answer));
  }
  auto infeasible = square_answer<price>();
  infeasible.status = status::infeasible;
  CHECK_FALSE(is_optimal(cost.view(), infeasible));
}

TEMPLATE_TEST_CASE("is_optimal believes no wrong price, off by the least there is", "", double, std::int32_t) {
  using price = immiscible::price_of<TestType>;
  const price off = static_cast<price>(std::is_integral<price>::value ? 1 : 1e-8);
  for (std::size_t k = 0; k < 3; ++k) {
    for (const price by : {off, static_cast<price>(-off)}) {
      auto answer = square_answer<price>();
      answer.image_price[k] += by;
      CHECK_FALSE(is_optimal(square<TestType>().view(), answer));
      answer = square_answer<price>();
      answer.noise_price[k] += by;
      CHECK_FALSE(is_optimal(square<TestType>().view(), answer));
    }
  }
  auto answer = square_answer<price>();
  answer.image_price.pop_back();
  CHECK_FALSE(is_optimal(square<TestType>().view(), answer));
  answer = square_answer<price>();
  answer.noise_price.push_back(0);
  CHECK_FALSE(is_optimal(square<TestType>().view(), answer));
}

TEST_CASE("is_optimal believes no integer prices whose sums overflow") {
  const auto cost = from_rows<std::int32_t>(2, {10, 1, 1, 10});
  immiscible::basic_assignment<std::int64_t> answer;
  answer.status = status::optimal;
  answer.noise_of_image = {0, 1};  // 20, but 2 is possible
  const std::int64_t high = std::int64_t{1} << 62;
  answer.image_price = {high, 10 - high};
  answer.noise_price = {10 - high, high};
  CHECK_FALSE(is_optimal(cost, answer));
}

TEST_CASE("is_optimal asks of noises left over that their price is the highest, zero") {
  const auto cost = from_rows<double>(3, {5, 1, 1, 5, 2, 2});
  // The pairs (0, 1), (1, 2) are optimal; these prices are too, until noise 0 gets one.
  immiscible::assignment answer{{1, 2}, {1, 2}, {0, 0, 0}, 3, 3, status::optimal};
  CHECK(is_optimal(cost.view(), answer));
  answer.noise_price[0] = -1;
  CHECK_FALSE(is_optimal(cost.view(), answer));
  answer.noise_price = {1, 1, 1};  // tight everywhere it was, but a price above zero
  answer.image_price = {0, 1};
  CHECK_FALSE(is_optimal(cost.view(), answer));
  // Equality on the pairs and no price above a cost, yet not optimal: the free noise would be cheaper.
  const auto cheaper = from_rows<double>(2, {3, 1});
  CHECK_FALSE(is_optimal(cheaper.view(), immiscible::assignment{{0}, {1}, {2, 0}, 3, 3, status::optimal}));
}

TEST_CASE("is_optimal believes no price that is no number, of a noise left over either") {
  for (std::size_t j = 0; j < 3; ++j) {
    auto answer = wide_answer<double>();
    answer.noise_price[j] = tests::not_a_number<double>;
    CHECK_FALSE(is_optimal(wide<double>().view(), answer));
  }
}

TEST_CASE("is_optimal never believes in a forbidden pair, whatever the prices") {
  const auto cost = from_rows<double>(2, {infinity, infinity, 1, 2});
  immiscible::assignment answer{{0, 1}, {infinity, 1}, {0, 1}, infinity, infinity, status::optimal};
  CHECK_FALSE(is_optimal(cost.view(), answer));
  answer.image_price[0] = 1e300;
  CHECK_FALSE(is_optimal(cost.view(), answer));
  const auto allowed = from_rows<double>(2, {infinity, 7, 1, infinity});
  CHECK(is_optimal(allowed.view(), immiscible::assignment{{1, 0}, {7, 1}, {0, 0}, 8, 8, status::optimal}));
  for (const double bad : {infinity, -infinity, tests::not_a_number<double>}) {
    CHECK_FALSE(is_optimal(allowed.view(), immiscible::assignment{{1, 0}, {bad, 1}, {0, 0}, 8, 8, status::optimal}));
    CHECK_FALSE(is_optimal(allowed.view(), immiscible::assignment{{1, 0}, {7, 1}, {0, bad}, 8, 8, status::optimal}));
  }
}

TEST_CASE("is_optimal's tolerance is relative to the largest finite cost") {
  auto cost = square<double>();
  auto answer = square_answer<double>();
  answer.image_price[0] += 4e-10;
  CHECK(is_optimal(cost.view(), answer));  // 1e-10 of 5
  answer.image_price[0] += 2e-10;
  CHECK_FALSE(is_optimal(cost.view(), answer));
  CHECK(is_optimal(cost.view(), answer, 1e-9));
  CHECK_FALSE(is_optimal(cost.view(), square_answer<double>(), -1e-3));
  auto small = cost;
  for (double& c : small.values) c *= 1e-6;
  auto small_answer = square_answer<double>();
  for (auto* prices : {&small_answer.image_price, &small_answer.noise_price}) {
    for (double& price : *prices) price *= 1e-6;
  }
  small_answer.image_price[0] += 4e-16;
  CHECK(is_optimal(small.view(), small_answer));
  small_answer.image_price[0] += 2e-16;
  CHECK_FALSE(is_optimal(small.view(), small_answer));
  cost(1, 2) = infinity;  // the largest finite cost is 4 now
  answer = square_answer<double>();
  answer.image_price[0] += 4.5e-10;
  CHECK_FALSE(is_optimal(cost.view(), answer));
}

TEST_CASE("an answer begins with no pairs, no cost and full precision") {
  const immiscible::assignment answer;
  CHECK(answer.noise_of_image.empty());
  CHECK(answer.total_cost == 0);
  CHECK(answer.lower_bound == 0);
  CHECK(answer.precision == immiscible::precision::full);
}

TEST_CASE("the gap is what the bound leaves open: never negative, infinite without a bound") {
  CHECK(immiscible::gap(immiscible::assignment{{}, {}, {}, 5, 3, status::feasible}) == 2);
  CHECK(immiscible::gap(immiscible::assignment{{}, {}, {}, 5, 5 + 1e-12, status::optimal}) == 0);
  CHECK(immiscible::gap(immiscible::assignment{{}, {}, {}, 5, -infinity, status::feasible}) == infinity);
  CHECK(immiscible::gap(immiscible::assignment{{}, {}, {}, infinity, infinity, status::infeasible}) == infinity);
}

TEST_CASE("permuted rows are the same rows, bit for bit, each where the permutation says") {
  for (const std::size_t n : {0u, 1u, 2u, 5u, 64u, 129u}) {
    for (const std::size_t d : {0u, 1u, 7u}) {
      const auto before = tests::bell_samples<float>(n, d, n + d);
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        const auto source = seed == 0 ? tests::identity(n) : tests::shuffled(n, seed);
        auto after = before;
        permute_rows(after, source);
        for (std::size_t i = 0; i < n; ++i) {
          const auto from = static_cast<std::size_t>(source[i]);
          CHECK((d == 0 || std::memcmp(after.view().row(i), before.view().row(from), d * sizeof(float)) == 0));
        }
      }
    }
  }
}

TEST_CASE("one long cycle and many short ones are followed to their ends") {
  auto rows = tests::make_matrix<std::int32_t>(6, 2, [](std::size_t i, std::size_t j) { return 10 * i + j; });
  permute_rows(rows, {1, 2, 3, 4, 5, 0});
  CHECK(rows.values == std::vector<std::int32_t>{10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 0, 1});
  permute_rows(rows, {1, 0, 2, 5, 4, 3});
  CHECK(rows.values == std::vector<std::int32_t>{20, 21, 10, 11, 30, 31, 0, 1, 50, 51, 40, 41});
}

TEST_CASE("rows of an Eigen matrix and rows apart in memory move, and nothing between them") {
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> owner(3, 2);
  owner << 0, 1, 10, 11, 20, 21;
  permute_rows(owner, {2, 0, 1});
  CHECK(owner(0, 0) == 20);
  CHECK(owner(2, 1) == 11);
  tests::padded<float> apart(tests::make_matrix<float>(3, 2, [](auto i, auto) { return i; }), 1, 2, -5.0f);
  permute_rows(apart.view(), {2, 0, 1});
  CHECK(apart.memory == std::vector<float>{-5, 2, 2, -5, -5, 0, 0, -5, -5, 1, 1});
}

TEST_CASE("a block of an Eigen matrix is permuted in place, and a proof is checked on Eigen's costs") {
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> owner(3, 2);
  owner << 0, 1, 10, 11, 20, 21;
  permute_rows(owner.topRows(2), {1, 0});
  CHECK(owner(0, 1) == 11);
  CHECK(owner(1, 0) == 0);
  CHECK(owner(2, 0) == 20);

  Eigen::Matrix<float, 2, 2, Eigen::RowMajor> cost;
  cost << 1, 5, 5, 1;
  immiscible::assignment answer;
  answer.noise_of_image = {0, 1};
  answer.image_price = {1, 1};
  answer.noise_price = {0, 0};
  CHECK(is_optimal(cost, answer));
  cost(0, 1) = 0;
  CHECK_FALSE(is_optimal(cost, answer));
}

TEST_CASE("what is no permutation is refused, and no row has moved") {
  for (const std::vector<std::int32_t>& source :
       std::vector<std::vector<std::int32_t>>{{0, 1}, {0, 1, 2, 3}, {}, {0, 0, 1}, {0, 1, 3}, {0, 1, -1}, {1, 2, 2}}) {
    auto rows = tests::make_matrix<float>(3, 2, [](std::size_t i, std::size_t j) { return 2 * i + j; });
    CHECK_THROWS_WITH(permute_rows(rows, source), "immiscible::permute_rows: needs a permutation of 3 rows, got " +
                                                      std::to_string(source.size()) + " indices that are not one");
    CHECK_THROWS_AS(permute_rows(rows, source), std::invalid_argument);
    CHECK(rows.values == std::vector<float>{0, 1, 2, 3, 4, 5});
  }
}

}  // namespace assignment_tests

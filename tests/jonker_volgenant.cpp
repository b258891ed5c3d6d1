// The exact solver on small problems, against all matchings, and the laws of assignment. Hard problems:
// jonker_volgenant_families.cpp.
#include "support/families.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/auction.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <Eigen/Core>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace jonker_volgenant_tests {

using immiscible::jonker_volgenant;
using immiscible::warm_start;
using tests::converted;
using tests::infinity;
using tests::matrix;

namespace {

constexpr warm_start starts[] = {warm_start::automatic, warm_start::column_minima};

/// Solves, and checks all that must hold of an exact answer whose least total is known.
template <class Cost>
void check_against(double least, const matrix<Cost>& cost, warm_start start) {
  const auto answer = jonker_volgenant(cost, start);
  if (least == infinity) {
    CHECK(tests::is_infeasible(cost.rows, answer));
    return;
  }
  CHECK(tests::is_proved(cost, answer));
  CHECK(answer.total_cost == least);
}

/// Costs whose optimum is unique (almost surely), with the answer to compare with.
matrix<double> generic_costs(std::size_t n, std::size_t m, std::uint64_t seed) {
  tests::random_source draw(seed);
  return tests::make_matrix<double>(n, m, [&](std::size_t, std::size_t) { return draw.uniform(); });
}

}  // namespace

TEMPLATE_TEST_CASE("no matching is cheaper: all of them tried, up to 8 noises", "", float, double, std::int16_t,
                   std::int32_t) {
  const auto start = GENERATE(warm_start::automatic, warm_start::column_minima);
  const auto values = GENERATE(std::int64_t{2}, std::int64_t{5}, std::int64_t{20000});
  std::uint64_t seed = 1;
  for (std::size_t n = 0; n <= 8; ++n) {
    for (std::size_t m = n; m <= 8; ++m) {
      for (int repeat = 0; repeat < 6; ++repeat) {
        INFO("n = " << n << ", m = " << m << ", seed = " << seed);
        matrix<double> cost = tests::random_integers(n, m, seed++, values);
        for (double& c : cost.values) c -= static_cast<double>(values / 2);
        check_against(tests::least_total(cost), converted<TestType>(cost), start);
      }
    }
  }
}

TEMPLATE_TEST_CASE("forbidden pairs are never used, and no matching at all is a result", "", float, double) {
  const auto start = GENERATE(warm_start::automatic, warm_start::column_minima);
  const int percent = GENERATE(15, 40, 65, 100);
  std::uint64_t seed = 1000;
  int feasible = 0, infeasible = 0;
  for (std::size_t n = 1; n <= 8; ++n) {
    for (std::size_t m = n; m <= 8; ++m) {
      for (int repeat = 0; repeat < 6; ++repeat, ++seed) {
        INFO("n = " << n << ", m = " << m << ", seed = " << seed);
        const auto cost = tests::with_forbidden(tests::random_integers(n, m, seed, 9), seed, percent);
        const double least = tests::least_total(cost);
        ++(least < infinity ? feasible : infeasible);
        check_against(least, converted<TestType>(cost), start);
      }
    }
  }
  CHECK((percent == 100 || feasible > 10));  // both kinds were met
  CHECK((percent == 15 || infeasible > 10));
}

TEMPLATE_TEST_CASE("forbidden pairs among costs near the least normal number are only forbidden", "", float, double) {
  tests::random_source random(3);
  for (std::size_t n = 20; n < 44; ++n) {
    for (const TestType size : {1, 3, 10}) {
      tests::matrix<TestType> cost(n, n);
      for (std::size_t at = 0; at < n * n; ++at) {
        const bool is_forbidden = at / n != at % n && random.uniform() < (n % 2 == 0 ? 0.9 : 0.1);
        const auto value = static_cast<TestType>(random.bell());
        cost.values[at] = is_forbidden ? std::numeric_limits<TestType>::infinity()
                                       : size * std::numeric_limits<TestType>::min() * value;
      }
      CAPTURE(n, size);
      const auto answer = immiscible::jonker_volgenant(cost);
      CHECK(immiscible::is_optimal(cost, answer));
      CHECK(immiscible::auction(cost).lower_bound <= answer.total_cost + std::abs(answer.total_cost) * 1e-9);
    }
  }
}

TEMPLATE_TEST_CASE("the least and greatest integers are costs like any other", "", std::int16_t, std::int32_t) {
  const auto start = GENERATE(warm_start::automatic, warm_start::column_minima);
  using limits = std::numeric_limits<TestType>;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    tests::random_source draw(seed);
    const std::size_t n = 2 + seed % 6, m = n + seed % 3;
    const auto cost = tests::make_matrix<TestType>(n, m, [&](std::size_t, std::size_t) {
      const std::int64_t pick = draw.below(4);
      return pick == 0 ? limits::min() : pick == 1 ? limits::max() : pick == 2 ? limits::max() - 1 : limits::min() + 1;
    });
    INFO("seed = " << seed);
    check_against(tests::least_total(cost), cost, start);
  }
  const auto all_least = tests::make_matrix<TestType>(60, 70, [](std::size_t, std::size_t) { return limits::min(); });
  check_against(60.0 * limits::min(), all_least, start);
  const auto all_most = tests::make_matrix<TestType>(60, 60, [](std::size_t, std::size_t) { return limits::max(); });
  check_against(60.0 * limits::max(), all_most, start);
}

TEMPLATE_TEST_CASE("a constant added to a row, or to a column of a square matrix, moves the total by itself", "", float,
                   double, std::int16_t, std::int32_t) {
  for (const warm_start start : starts) {
    for (const std::size_t m : {40u, 55u}) {
      const auto cost = converted<TestType>(tests::random_integers(40, m, 7 + m, 300));
      const double total = jonker_volgenant(cost, start).total_cost;
      auto moved = cost;
      for (std::size_t j = 0; j < m; ++j) moved(3, j) = static_cast<TestType>(moved(3, j) + 5000);
      for (std::size_t j = 0; j < m; ++j) moved(8, j) = static_cast<TestType>(moved(8, j) - 2100);
      for (std::size_t i = 0; i < 40 && m == 40; ++i) moved(i, 11) = static_cast<TestType>(moved(i, 11) + 900);
      const auto answer = jonker_volgenant(moved, start);
      CHECK(tests::is_proved(moved, answer));
      CHECK(answer.total_cost == total + 5000 - 2100 + (m == 40 ? 900 : 0));
    }
  }
}

TEMPLATE_TEST_CASE("scaling the costs by a power of two scales the total and changes no pair", "", float, double) {
  for (const warm_start start : starts) {
    for (const std::size_t m : {50u, 64u}) {
      const auto cost = converted<TestType>(generic_costs(50, m, 21));
      const auto answer = jonker_volgenant(cost, start);
      for (const double factor : {0x1p-60, 0.5, 1024.0, 0x1p80}) {
        auto scaled = cost;
        for (TestType& c : scaled.values) c = static_cast<TestType>(c * factor);
        const auto scaled_answer = jonker_volgenant(scaled, start);
        CHECK(scaled_answer.noise_of_image == answer.noise_of_image);
        CHECK(scaled_answer.total_cost == answer.total_cost * factor);
      }
    }
  }
}

TEMPLATE_TEST_CASE("images and noises in another order are the same problem", "", float, double) {
  for (const warm_start start : starts) {
    for (const std::size_t m : {37u, 60u}) {
      const auto cost = converted<TestType>(generic_costs(37, m, 5));
      const auto answer = jonker_volgenant(cost, start);
      const auto rows = tests::shuffled(37, 1), columns = tests::shuffled(m, 2);
      const auto mixed = tests::make_matrix<TestType>(37, m, [&](std::size_t i, std::size_t j) {
        return cost(static_cast<std::size_t>(rows[i]), static_cast<std::size_t>(columns[j]));
      });
      const auto mixed_answer = jonker_volgenant(mixed, start);
      for (std::size_t i = 0; i < 37; ++i) {
        const auto j = static_cast<std::size_t>(mixed_answer.noise_of_image[i]);
        CHECK(columns[j] == answer.noise_of_image[static_cast<std::size_t>(rows[i])]);
      }
    }
  }
}

TEST_CASE("one type of cost gives the total of another") {
  for (const std::size_t m : {80u, 95u}) {
    const auto cost = tests::random_integers(80, m, 11, 4000);
    const double total = jonker_volgenant(cost).total_cost;
    CHECK(jonker_volgenant(converted<float>(cost)).total_cost == total);
    CHECK(jonker_volgenant(converted<std::int16_t>(cost)).total_cost == total);
    CHECK(jonker_volgenant(converted<std::int32_t>(cost)).total_cost == total);
    CHECK(jonker_volgenant(cost, warm_start::column_minima).total_cost == total);
  }
}

TEMPLATE_TEST_CASE("the same costs give the same answer, whatever the workspace did before", "", float, double,
                   std::int16_t, std::int32_t) {
  for (const warm_start start : starts) {
    immiscible::jonker_volgenant_workspace<TestType> workspace;
    immiscible::basic_assignment<immiscible::price_of<TestType>> answer;
    for (const std::size_t n : {60u, 5u, 0u, 33u, 60u, 90u}) {
      for (const std::size_t m : {n, n + 17}) {
        const auto cost = converted<TestType>(tests::rows_alike(n, m, n));
        jonker_volgenant(immiscible::batch<TestType>(cost.view()), answer, workspace, start);
        CHECK(tests::is_proved(cost, answer));
        CHECK(tests::are_identical(answer, jonker_volgenant(cost, start)));
      }
    }
  }
}

TEMPLATE_TEST_CASE("nothing of an answer is left in the next one, where there is no matching", "", float, double) {
  for (const warm_start start : starts) {
    immiscible::jonker_volgenant_workspace<TestType> workspace;
    immiscible::assignment answer;
    auto cost = converted<TestType>(tests::rows_alike(60, 60, 1));
    for (const bool possible : {true, false, true}) {
      for (std::size_t j = 0; j < 60; ++j) cost(3, j) = possible ? TestType(5) : static_cast<TestType>(infinity);
      answer.precision = immiscible::precision::int8;  // as `assign` in bytes would leave it
      jonker_volgenant(immiscible::batch<TestType>(cost.view()), answer, workspace, start);
      CHECK(answer.precision == immiscible::precision::full);
      CHECK((possible ? tests::is_proved(cost, answer) : tests::is_infeasible(60, answer)));
    }
  }
}

TEST_CASE("the automatic start takes rows in 16 bits for some hundred rows, lists for more; the simple start neither") {
  const bool has_simd = immiscible::detail::best_target() != immiscible::detail::simd_target::portable;
  for (const std::size_t n : {64u, 700u}) {
    const auto cost = converted<float>(tests::rows_alike(n, n, 1));
    for (const warm_start start : starts) {
      immiscible::jonker_volgenant_workspace<float> workspace;
      immiscible::assignment answer;
      jonker_volgenant(immiscible::batch<float>(cost.view()), answer, workspace, start);
      const bool fast = has_simd && start == warm_start::automatic;
      CHECK(workspace.fast.rows.price.empty() == !(fast && n == 64));
      CHECK(workspace.fast.lists.price.empty() == !(fast && n == 700));
    }
  }
}

TEMPLATE_TEST_CASE("rows may stand apart in memory, and what lies between is not read", "", float, double) {
  const auto cost = converted<TestType>(tests::rows_alike(31, 45, 3));
  const auto expected = jonker_volgenant(cost);
  for (const std::size_t before : {0u, 1u, 3u}) {
    const tests::padded<TestType> apart(cost, before, before + 5, tests::not_a_number<TestType>);
    CHECK(tests::are_identical(jonker_volgenant(apart.view()), expected));
  }
}

TEST_CASE("costs may be any row-major Eigen matrix, map or block") {
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  auto cost = converted<float>(tests::points_in_plane(12, 12, 4));
  const auto expected = jonker_volgenant(cost);
  const Eigen::Map<const row_major> map(cost.values.data(), 12, 12);
  CHECK(tests::are_identical(jonker_volgenant(map), expected));
  const row_major owner = map;
  CHECK(tests::are_identical(jonker_volgenant(owner), expected));
  row_major larger = row_major::Constant(20, 30, -1e6f);
  larger.block(3, 7, 12, 12) = map;
  CHECK(tests::are_identical(jonker_volgenant(larger.block(3, 7, 12, 12)), expected));
}

TEST_CASE("no images, one image and one noise are problems too") {
  for (const warm_start start : starts) {
    const auto nothing = jonker_volgenant(matrix<float>(0, 0), start);
    CHECK(nothing.noise_of_image.empty());
    CHECK(nothing.total_cost == 0);
    CHECK(nothing.status == immiscible::status::optimal);
    const auto no_image = jonker_volgenant(matrix<double>(0, 4), start);
    CHECK(no_image.noise_of_image.empty());
    CHECK(tests::is_proved(matrix<double>(0, 4), no_image));
    check_against(-7, tests::make_matrix<float>(1, 1, [](auto, auto) { return -7; }), start);
    check_against(-9, tests::make_matrix<std::int32_t>(1, 10, [](auto, std::size_t j) { return -static_cast<int>(j); }),
                  start);
    check_against(infinity, tests::make_matrix<double>(1, 3, [](auto, auto) { return infinity; }), start);
  }
}

}  // namespace jonker_volgenant_tests

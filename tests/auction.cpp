// The auction: between the optimum and the optimum + n epsilon, with a bound that is true, on every family.
#include "support/families.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/auction.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace auction_tests {

using immiscible::auction;
using immiscible::auction_options;
using immiscible::status;
using tests::converted;
using tests::infinity;
using tests::matrix;

namespace {

/// Standard deviation of the cost after taking off what the method says: column means (n = m), then row means.
template <class Cost>
double centred_deviation(const matrix<Cost>& cost) {
  const std::size_t n = cost.rows, m = cost.columns;
  auto centred = converted<double>(cost);
  for (std::size_t j = 0; j < m && n == m; ++j) {
    long double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += centred(i, j);
    for (std::size_t i = 0; i < n; ++i) centred(i, j) -= static_cast<double>(sum / static_cast<long double>(n));
  }
  long double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    long double sum = 0;
    for (std::size_t j = 0; j < m; ++j) sum += centred(i, j);
    for (std::size_t j = 0; j < m; ++j) {
      const long double c = centred(i, j) - sum / static_cast<long double>(m);
      squares += c * c;
    }
  }
  return static_cast<double>(std::sqrt(squares / static_cast<long double>(n * m)));
}

/// Law: lower_bound <= optimum <= total_cost <= optimum + n epsilon, and the prices stand for the bound.
template <class Cost>
bool keeps_its_promise(const matrix<Cost>& cost, const auction_options& options, double epsilon) {
  const auto answer = auction(cost, options);
  if (!tests::total_is_true(cost, answer) || !tests::prices_are_feasible(cost, answer)) return false;
  if (answer.status == status::optimal) return tests::is_proved(cost, answer);
  const double optimum = tests::simple_least_total(cost);
  const auto n = static_cast<double>(cost.rows);
  const double slack = 1e-12 * n * (tests::largest_cost(cost) + epsilon);
  if (!(answer.lower_bound <= answer.total_cost)) return tests::broken("the lower bound is above the total");
  if (!(answer.lower_bound <= optimum + slack)) return tests::broken("the lower bound is above the optimum");
  if (!(optimum <= answer.total_cost + slack)) return tests::broken("cheaper than the optimum");
  if (!(answer.total_cost <= optimum + n * epsilon + slack)) return tests::broken("more than n epsilon too dear");
  // Integer prices are rounded down, each by less than one.
  const double rounded = std::is_integral<Cost>::value ? static_cast<double>(cost.rows + cost.columns) : 0;
  return immiscible::gap(answer) <= n * epsilon + rounded + slack || tests::broken("a gap wider than n epsilon");
}

/// The same for epsilon in standard deviations, where the method looks at every row.
template <class Cost>
bool keeps_its_promise(const matrix<Cost>& cost, double tolerance) {
  return keeps_its_promise(cost, auction_options{tolerance, 0}, 1.0001 * tolerance * centred_deviation(cost));
}

}  // namespace

TEMPLATE_TEST_CASE("a total lies within n epsilon of the optimum on hard families", "", float, double, std::int16_t,
                   std::int32_t) {
  const double epsilon = GENERATE(0.001, 0.9, 7.0, 300.0, 1e5);
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t n : {1u, 2u, 9u, 40u, 100u}) {
      for (const std::size_t m : {n, n + 1, 2 * n}) {
        if (m < 3) continue;  // some families need three columns
        INFO(name << ", n = " << n << ", m = " << m << ", epsilon = " << epsilon);
        CHECK(keeps_its_promise(converted<TestType>(make(n, m, 3 * n + m)), auction_options{0.1, epsilon}, epsilon));
      }
    }
  }
}

TEMPLATE_TEST_CASE("a tolerance is epsilon in standard deviations of the centred cost", "", float, std::int32_t) {
  const double tolerance = GENERATE(1e-6, 0.01, 0.1, 1.0, 50.0);
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t n : {3u, 31u, 32u, 63u}) {
      for (const std::size_t m : {n, n + 1, 2 * n}) {
        INFO(name << ", n = " << n << ", m = " << m << ", tolerance = " << tolerance);
        CHECK(keeps_its_promise(converted<TestType>(make(n, m, 3 * n + m)), tolerance));
      }
    }
  }
}

TEST_CASE("the promise holds for costs at a high level, of any magnitude, with little between them") {
  for (const double level : {0.0, 1e6, -1e8}) {
    for (const double spread : {1e-3, 1.0, 1e30}) {
      for (const std::size_t n : {30u, 60u}) {
        for (const std::size_t m : {n, 2 * n}) {
          INFO("level " << level << ", spread " << spread << ", n = " << n << ", m = " << m);
          tests::random_source draw(m);
          const auto cost =
              tests::make_matrix<double>(n, m, [&](auto, auto) { return level + spread * draw.uniform(); });
          CHECK(keeps_its_promise(cost, 0.1));
          CHECK(keeps_its_promise(cost, auction_options{0.1, 0.05 * spread}, 0.05 * spread));
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("small problems with forbidden pairs: a matching without them, or none exists", "", float, double) {
  int feasible = 0, infeasible = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const std::size_t n = 1 + seed % 7, m = n + seed % 2;
    const auto cost =
        tests::with_forbidden(tests::random_integers(n, m, seed, 9), seed, 10 + static_cast<int>(seed % 60));
    const double least = tests::least_total(cost);
    const auto tested = converted<TestType>(cost);
    const auto answer = auction(tested);
    INFO("seed = " << seed);
    if (least == infinity) {
      ++infeasible;
      CHECK(tests::is_infeasible(n, answer));
      continue;
    }
    ++feasible;
    CHECK(tests::total_is_true(tested, answer));
    CHECK(tests::prices_are_feasible(tested, answer));
    CHECK(answer.lower_bound <= least + 1e-9);
    CHECK((answer.status == status::feasible || answer.total_cost == least));
  }
  CHECK(feasible > 50);
  CHECK(infeasible > 50);
}

TEST_CASE("the default is a tenth of a standard deviation") {
  CHECK(auction_options{}.tolerance == 0.1);
  CHECK(auction_options{}.epsilon == 0);
  const auto cost = converted<float>(tests::rows_alike(100, 100, 1));
  CHECK(auction(cost).noise_of_image == auction(cost, auction_options{0.1, 0}).noise_of_image);
}

TEST_CASE("where the fast solvers do not serve, dense rows bid, and end within epsilon by themselves") {
  // Broken bids would show in nothing but time: what they do not settle is settled exactly.
  const auto forbid = [](matrix<double> cost) {
    for (std::size_t i = 0; i < cost.rows; ++i) cost(i, (7 * i + 3) % cost.rows) = infinity;
    return cost;
  };
  for (const auto& cost : {tests::many_values(19, 19, 1), tests::many_values(20, 33, 2),
                           forbid(tests::many_values(19, 19, 3)), forbid(tests::many_values(20, 33, 4))}) {
    const auto answer = auction(cost, auction_options{0.5, 0});
    CHECK(answer.status == status::feasible);
    CHECK(keeps_its_promise(cost, auction_options{0.5, 0}, 0.6 * centred_deviation(tests::many_values(60, 60, 3))));
  }
}

TEST_CASE("bids: every row ends with a column within epsilon of its best, or the cap is met") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto cost = tests::many_values(15, 15 + 5 * (seed % 2), seed);
    const immiscible::batch<double> view = cost.view();
    immiscible::detail::shortest_paths_state<double> s;
    std::vector<std::int32_t> waiting;
    immiscible::detail::start_from_nothing(cost.rows, cost.columns, s);
    s.row_of_column[4] = 2;  // one pair is there already
    s.column_of_row[2] = 4;
    s.noise_price[4] = -1e6;
    CHECK_FALSE(immiscible::detail::bid_until_assigned(view, 3.0, 13, s, waiting));  // 14 rows wait
    immiscible::detail::start_from_nothing(cost.rows, cost.columns, s);
    REQUIRE(immiscible::detail::bid_until_assigned(view, 3.0, 64 * 15, s, waiting));
    CHECK(tests::is_matching(s.column_of_row, cost.rows, cost.columns));
    for (std::size_t i = 0; i < cost.rows; ++i) {
      const auto own = static_cast<std::size_t>(s.column_of_row[i]);
      CHECK(s.row_of_column[own] == static_cast<std::int32_t>(i));
      const auto best = immiscible::detail::two_best_columns(&cost.values[i * cost.columns], s.noise_price);
      std::vector<double> reduced(cost.columns);
      for (std::size_t j = 0; j < cost.columns; ++j) reduced[j] = cost(i, j) - s.noise_price[j];
      CHECK(reduced[own] <= best.best + 3.0 + 1e-9);
      const auto least = std::min_element(reduced.begin(), reduced.end());
      CHECK(best.column == static_cast<std::size_t>(least - reduced.begin()));
      CHECK(best.best == *least);
      *least = infinity;
      CHECK(best.second == *std::min_element(reduced.begin(), reduced.end()));
    }
  }
}

TEST_CASE("the deviation of the costs is that of the finite ones") {
  const auto estimate = [](const matrix<double>& cost) {
    const immiscible::batch<double> view = cost.view();
    return immiscible::detail::centred_deviation(view, std::vector<double>(view.columns()));
  };
  auto cost = tests::many_values(40, 50, 5);
  CHECK(estimate(cost) == Approx(centred_deviation(cost)).epsilon(1e-9));
  const auto narrow = tests::make_matrix<double>(40, 30, [&](std::size_t i, std::size_t j) { return cost(i, j); });
  for (std::size_t i = 0; i < 40; ++i) {
    for (std::size_t j = 30; j < 50; ++j) cost(i, j) = infinity;
  }
  CHECK(estimate(cost) == Approx(centred_deviation(narrow)).epsilon(1e-9));
  for (double& c : cost.values) c = infinity;
  CHECK(estimate(cost) == 0);
}

TEST_CASE("a price war that no bid ends is finished exactly") {
  // 60 rows want 20 columns; the others cost 1e9 more than bids of epsilon could ever reach.
  auto cost = tests::price_war(60, 60, 3);
  for (double& c : cost.values) c = c > 5000 ? 1e9 * c : c;
  CHECK(tests::is_proved(cost, auction(cost, auction_options{1e-9, 0})));
  for (std::size_t i = 0; i < 30; ++i) {
    for (std::size_t j = 20; j < 60; ++j) cost(i, j) = infinity;
  }
  CHECK(tests::is_infeasible(60, auction(cost)));
}

TEST_CASE("costs near the end of what a double holds still have an answer that keeps its promise") {
  for (const double magnitude : {1e100, 1e153, 1e160, 1e300}) {
    for (const std::size_t n : {5u, 10u, 40u, 80u}) {
      for (const std::size_t m : {n, n + 7}) {
        tests::random_source draw(n);
        const auto cost = tests::make_matrix<double>(n, m, [&](auto, auto) { return magnitude * draw.bell(); });
        const auto exact = immiscible::jonker_volgenant(cost);
        for (const double epsilon : {0.0, 1e-3 * magnitude, 1.7e308}) {
          INFO(n << " x " << m << ", magnitude " << magnitude << ", epsilon " << epsilon);
          const auto answer = auction(cost, auction_options{0.1, epsilon});
          REQUIRE(tests::is_matching(answer.noise_of_image, n, m));
          CHECK(answer.status != status::infeasible);
          CHECK(answer.total_cost >= exact.total_cost - 1e-12 * magnitude * static_cast<double>(n));
          CHECK(answer.lower_bound <= answer.total_cost);
          if (answer.status == status::optimal) CHECK(tests::is_proved(cost, answer));
        }
      }
    }
  }
}

TEST_CASE("an epsilon near the end of what a double holds is no reason to find no matching") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    tests::random_source draw(seed);
    const auto cost = tests::make_matrix<double>(6, 6, [&](std::size_t i, std::size_t j) {
      return i != j && draw.uniform() < 0.3 ? std::numeric_limits<double>::infinity() : 1e306 * draw.uniform();
    });
    CHECK(auction(cost, auction_options{0.1, 1.5e308}).status != status::infeasible);
  }
}

TEST_CASE("rectangular price wars start the exact finish afresh") {
  auto cost = tests::price_war(60, 90, 3);
  for (double& c : cost.values) c = c > 5000 ? 1e6 * c : c;
  CHECK(tests::is_proved(cost, auction(cost, auction_options{1e-7, 0})));
}

TEMPLATE_TEST_CASE("a constant cost at an auction keeps every image its own noise", "", float, double, std::int16_t,
                   std::int32_t) {
  for (const std::size_t n : {0u, 1u, 2u, 50u}) {
    for (const std::size_t m : {n, n + 3}) {
      const auto cost = tests::make_matrix<TestType>(n, m, [](auto, auto) { return 7; });
      const auto answer = auction(cost);
      CHECK(answer.noise_of_image == tests::identity(n));
      CHECK(tests::is_proved(cost, answer));
    }
  }
}

TEMPLATE_TEST_CASE("integer costs give the answer of the same costs in floating point", "", std::int16_t,
                   std::int32_t) {
  const auto cost = tests::rows_alike(64, 80, 2);
  const auto integer = auction(converted<TestType>(cost));
  const auto floating = auction(cost);
  CHECK(integer.noise_of_image == floating.noise_of_image);
  CHECK(integer.total_cost == floating.total_cost);
  CHECK(integer.lower_bound <= floating.total_cost);
}

TEST_CASE("the same costs give the same answer, wherever they stand in memory") {
  const auto cost = converted<float>(tests::rows_alike(50, 70, 6));
  const tests::padded<float> apart(cost, 3, 5, tests::not_a_number<float>);
  CHECK(tests::are_identical(auction(cost), auction(cost)));
  CHECK(tests::are_identical(auction(cost), auction(apart.view())));
}

TEST_CASE("a tolerance that is not positive and finite is refused") {
  const matrix<float> cost(2, 2);
  for (const double tolerance : {0.0, -1.0, infinity, tests::not_a_number<double>}) {
    CHECK_THROWS_WITH(auction(cost, auction_options{tolerance, 0}),
                      "immiscible::auction: needs a tolerance above 0, got " + std::to_string(tolerance));
  }
  CHECK_THROWS_AS(auction(cost, auction_options{-1, 0}), std::invalid_argument);
  for (const double epsilon : {-0.5, infinity, tests::not_a_number<double>}) {
    CHECK_THROWS_WITH(auction(cost, auction_options{0.1, epsilon}),
                      "immiscible::auction: needs a finite epsilon of at least 0, got " + std::to_string(epsilon));
  }
}

TEST_CASE("with an epsilon the tolerance is not looked at") {
  const auto cost = tests::rows_alike(40, 40, 6);
  const auto expected = auction(cost, auction_options{0.1, 2.0});
  for (const double tolerance : {0.0, -1.0, infinity, tests::not_a_number<double>}) {
    CHECK(tests::are_identical(auction(cost, auction_options{tolerance, 2.0}), expected));
  }
}

TEST_CASE("any positive tolerance ends with a matching") {
  const auto cost = tests::many_values(20, 20, 1);
  const auto wide = tests::many_values(20, 25, 1);
  for (const double tolerance : {std::numeric_limits<double>::denorm_min(), 1e-300, 1e300, 1e305, 1.7e308}) {
    INFO("tolerance " << tolerance);
    CHECK(tests::total_is_true(cost, auction(cost, auction_options{tolerance, 0})));
    CHECK(tests::total_is_true(wide, auction(wide, auction_options{tolerance, 0})));
  }
}

}  // namespace auction_tests

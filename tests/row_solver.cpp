// The exact solver on rows in 16 bits (detail/row_solver.hpp), instruction set by instruction set, and its ways out.
#include "support/families.hpp"
#include "support/fast_solvers.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/detail/row_solver.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace row_solver_tests {

using immiscible::detail::simd_target;
using immiscible::detail::solver_result;
using tests::converted;
using tests::finished;
using tests::is_within;
using tests::matrix;

namespace {

template <class Cost>
using outcome = tests::fast_outcome<Cost, immiscible::detail::row_workspace>;

template <class Cost>
outcome<Cost> on_rows(const matrix<Cost>& cost, simd_target target, double epsilon = 0, double tolerance = 0) {
  outcome<Cost> o;
  const immiscible::batch<Cost> view = cost.view();
  o.result = immiscible::detail::solve_on_rows(view, o.state, o.work, {epsilon, tolerance, true}, target);
  return o;
}

/// Costs that are integers but for a tiny part, which is all that tells many matchings apart: far below a unit of 16 bits.
matrix<double> nearly_integers(std::size_t n, std::uint64_t seed) {
  tests::random_source draw(seed);
  return tests::make_matrix<double>(
      n, n, [&](auto, auto) { return static_cast<double>(draw.below(6)) + 1e-6 * draw.uniform(); });
}

}  // namespace

TEMPLATE_TEST_CASE("on rows every instruction set of this machine proves its answers, and finds the same totals", "",
                   float, double) {
  for (const auto& [name, make] : tests::families()) {
    std::size_t solved = 0;
    for (const std::size_t n : {20u, 31u, 32u, 33u, 63u, 64u, 65u, 130u}) {
      const auto cost = converted<TestType>(make(n, n, n));
      const double least = tests::simple_least_total(cost);
      for (const simd_target target : tests::simd_targets()) {
        INFO(name << ", n = " << n << ", target " << static_cast<int>(target));
        const auto o = on_rows(cost, target);
        if (o.result == solver_result::unsuited) continue;
        ++solved;
        CHECK((o.result == solver_result::optimal || o.result == solver_result::prices));
        const auto answer = finished(cost, o);
        CHECK(tests::is_proved(cost, answer));
        CHECK(answer.total_cost == least);
      }
    }
    const std::string family = name;
    const bool suits = family == "many values" || family == "points in the plane" || family == "rows alike";
    if (suits) CHECK(solved == 8 * tests::simd_targets().size());
  }
}

TEST_CASE("image-like costs are solved by the rows alone, alike everywhere") {
  for (const std::size_t n : {20u, 24u, 47u, 64u, 100u, 128u, 257u, 400u, 511u, 640u}) {
    INFO("n = " << n);
    const auto cost = converted<float>(tests::rows_alike(n, n, n));
    const double least = immiscible::jonker_volgenant(cost, immiscible::warm_start::column_minima).total_cost;
    for (const simd_target target : tests::simd_targets()) {
      const auto o = on_rows(cost, target);
      CHECK(o.result == solver_result::optimal);
      const auto answer = finished(cost, o);
      CHECK(tests::is_proved(cost, answer));
      CHECK(answer.total_cost == least);
    }
  }
}

TEST_CASE("where the optimum is unique every instruction set finds the same pairs") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    tests::random_source draw(seed);
    const std::size_t n = 20 + 13 * seed;
    const auto cost = tests::make_matrix<float>(n, n, [&](auto, auto) { return draw.uniform(); });
    std::vector<std::int32_t> first;
    for (const simd_target target : tests::simd_targets()) {
      const auto answer = finished(cost, on_rows(cost, target));
      CHECK(tests::is_proved(cost, answer));
      if (first.empty()) first = answer.noise_of_image;
      CHECK(answer.noise_of_image == first);
    }
  }
}

TEST_CASE("image-like costs take no more work than they did: scans of rows, rows of searches") {
  struct size {
    std::size_t n;
    double scans,
        tree_rows;  // over n, at most: a tenth above what it takes now; searches vary with the last bit of a price
  };
  for (const size& s : {size{32, 4.0, 0.6}, {64, 4.6, 0.6}, {200, 6.0, 0.8}, {400, 7.4, 0.9}, {600, 7.3, 1.0}}) {
    for (const simd_target target : tests::simd_targets()) {
      immiscible::detail::solver_effort all;
      constexpr std::uint64_t problems = 12;  // with fewer, luck moves the mean by a tenth
      for (std::uint64_t seed = 1; seed <= problems; ++seed) {
        const auto o = on_rows(converted<float>(tests::rows_alike(s.n, s.n, seed)), target);
        CHECK(o.work.effort.rows_read == s.n);
        all.lists_read += o.work.effort.lists_read;
        all.tree_rows += o.work.effort.tree_rows;
      }
      const auto share = [&](std::size_t count) {
        return static_cast<double>(count) / static_cast<double>(problems * s.n);
      };
      INFO("n = " << s.n << ", target " << static_cast<int>(target));
      CHECK(share(all.lists_read) <= s.scans);
      CHECK(share(all.tree_rows) <= s.tree_rows);
    }
  }
}

TEMPLATE_TEST_CASE("costs that do not suit the rows are left to others, and nothing is written", "", float, double) {
  constexpr TestType infinity = std::numeric_limits<TestType>::infinity();
  const auto good = converted<TestType>(tests::many_values(50, 50, 1));
  const auto unsuited = [](const outcome<TestType>& o) {
    return o.result == solver_result::unsuited && o.state.column_of_row.empty() && o.state.noise_price.empty();
  };
  for (const simd_target target : tests::simd_targets()) {
    CHECK(on_rows(good, target).result == solver_result::optimal);
    for (const TestType value :
         {infinity, -infinity, tests::not_a_number<TestType>, std::numeric_limits<TestType>::max()}) {
      for (const std::size_t row : {0u, 7u, 49u}) {
        for (const std::size_t column : {0u, 17u, 31u, 48u, 49u}) {
          auto bad = good;
          bad(row, column) = value;
          CHECK(unsuited(on_rows(bad, target)));
        }
      }
    }
    auto tiny = good;
    for (TestType& c : tiny.values) c *= static_cast<TestType>(1e-36);
    CHECK(unsuited(on_rows(tiny, target)));
    CHECK(unsuited(on_rows(matrix<TestType>(50, 50), target)));  // no two costs differ
    CHECK(unsuited(on_rows(matrix<TestType>(19, 19), target)));
    CHECK(unsuited(on_rows(matrix<TestType>(50, 51), target)));
    CHECK(unsuited(on_rows(converted<TestType>(tests::many_values(641, 641, 1)), target)));
  }
  CHECK(unsuited(on_rows(good, simd_target::portable)));
}

TEMPLATE_TEST_CASE("a cost that does not suit the rows is noticed where no sample has read it", "", float, double) {
  constexpr TestType infinity = std::numeric_limits<TestType>::infinity();
  const std::size_t n = 133;
  const auto good = converted<TestType>(tests::rows_alike(n, n, 3));
  std::vector<bool> sampled(n, false);
  for (std::size_t r = 0; r < 64; ++r) sampled[immiscible::detail::sampled_row(r, 64, n)] = true;
  const auto unread = static_cast<std::size_t>(std::find(sampled.begin(), sampled.end(), false) - sampled.begin());
  const auto last_unread =
      static_cast<std::size_t>(sampled.rend() - std::find(sampled.rbegin(), sampled.rend(), false)) - 1;
  for (const simd_target target : tests::simd_targets()) {
    CHECK(on_rows(good, target).result == solver_result::optimal);
    for (const std::size_t row : {unread, last_unread}) {
      for (const std::size_t column : {std::size_t{0}, std::size_t{77}, n - 1}) {
        INFO("row " << row << ", column " << column << ", target " << static_cast<int>(target));
        for (const TestType value :
             {infinity, -infinity, tests::not_a_number<TestType>, TestType(1e10), TestType(-2e37)}) {
          auto bad = good;
          bad(row, column) = value;
          CHECK(on_rows(bad, target).result == solver_result::unsuited);
        }
        for (const TestType value : {TestType(2e4), TestType(-2e4)}) {  // beyond 16 bits: solved all the same
          auto wide = good;
          wide(row, column) = value;
          CHECK(tests::is_proved(wide, immiscible::jonker_volgenant(wide)));
          const auto o = on_rows(wide, target);
          if (o.result != solver_result::unsuited) CHECK(tests::is_proved(wide, finished(wide, o)));
        }
      }
    }
  }
}

TEST_CASE("a level that dwarfs the differences leaves too few bits for them") {
  const auto good = converted<double>(tests::many_values(64, 64, 1));  // deviation about 8,700
  for (const simd_target target : tests::simd_targets()) {
    for (const double level : {0.0, 1e6, -2e6, 1e8, -1e10, 1e13}) {
      INFO("level " << level << ", target " << static_cast<int>(target));
      auto cost = good;
      for (double& c : cost.values) c += level;
      const auto o = on_rows(cost, target);
      CHECK((o.result == (std::abs(level) < 4e6 ? solver_result::optimal : solver_result::unsuited)));
      if (o.result == solver_result::optimal) CHECK(tests::is_proved(cost, finished(cost, o)));
    }
  }
}

TEST_CASE("prices that fall beyond 16 bits end the solve, and the answer is found all the same") {
  for (const auto& costs : {tests::staircase(130, 130, 1), tests::one_forced_pair(64, 64, 1)}) {
    const auto cost = converted<float>(costs);
    for (const simd_target target : tests::simd_targets()) {
      CHECK(on_rows(cost, target).result == solver_result::unsuited);
    }
    CHECK(tests::is_proved(cost, immiscible::jonker_volgenant(cost)));
  }
}

TEST_CASE("costs that are mostly ties go to the dense solver, others to the rows") {
  tests::random_source random(8);
  const auto coarse = [](const auto& cost) {
    immiscible::detail::shortest_paths_state<double> state;
    immiscible::detail::row_workspace work;
    const immiscible::batch<float> view = cost.view();
    return immiscible::detail::solve_on_rows(view, state, work) == solver_result::unsuited;
  };
  const auto uniform = [&](auto value) {
    return tests::make_matrix<float>(100, 100, [&](auto, auto) { return value(); });
  };
  if (tests::simd_targets().empty()) return;  // all are unsuited then
  CHECK(coarse(uniform([&] { return static_cast<double>(random.below(2)); })));
  CHECK(coarse(uniform([&] { return 5 + static_cast<double>(random.below(2)); })));
  CHECK(coarse(uniform([&] { return 0.25 * static_cast<double>(random.below(10)); })));
  CHECK(coarse(uniform([&] { return std::exp(20 * random.uniform()); })));
  CHECK_FALSE(coarse(uniform([&] { return random.uniform(); })));
  CHECK_FALSE(coarse(uniform([&] { return static_cast<double>(random.below(100)); })));
  CHECK_FALSE(coarse(converted<float>(tests::rows_alike(100, 100, 1))));
}

TEST_CASE("differences below a unit of 16 bits are settled all the same, by the dense solver if need be") {
  std::size_t by_rows = 0, by_dense = 0;
  for (const simd_target target : tests::simd_targets()) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      INFO("seed " << seed << ", target " << static_cast<int>(target));
      const auto cost = nearly_integers(24 + seed, seed);
      const auto o = on_rows(cost, target);
      by_dense += o.result == solver_result::prices;
      if (o.result != solver_result::unsuited) CHECK(tests::is_proved(cost, finished(cost, o)));
    }
    for (const double spread : {1e-5, 1e-4, 1e-2, 1.0}) {
      for (const std::size_t n : {40u, 64u, 120u}) {
        tests::random_source draw(n);
        const auto cost = tests::make_matrix<double>(n, n, [&](auto, auto) { return 1 + spread * draw.uniform(); });
        const auto o = on_rows(cost, target);
        by_rows += o.result == solver_result::optimal;
        if (o.result != solver_result::unsuited) CHECK(tests::is_proved(cost, finished(cost, o)));
      }
    }
  }
  if (tests::simd_targets().empty()) return;
  CHECK(by_dense > 0);
  CHECK(by_rows > 0);
}

TEST_CASE("rows whose difference is below a unit of 16 bits exchange columns: the dense solver is not needed") {
  for (const std::size_t copies : {2u, 5u}) {
    const std::size_t n = 100;
    tests::random_source draw(copies);
    const auto base = tests::rows_alike(n, n, copies);
    const auto cost = tests::make_matrix<double>(
        n, n, [&](std::size_t i, std::size_t j) { return base(i / copies * copies, j) + 1e-6 * draw.uniform(); });
    for (const simd_target target : tests::simd_targets()) {
      INFO(copies << " copies, target " << static_cast<int>(target));
      const auto o = on_rows(cost, target);
      CHECK(o.result == solver_result::optimal);
      CHECK(tests::is_proved(cost, finished(cost, o)));
    }
  }
}

TEMPLATE_TEST_CASE("asked for less than exact, the rows stop within epsilon", "", float, double) {
  std::size_t stopped = 0;
  for (const auto& [name, make] : tests::families()) {
    const auto cost = converted<TestType>(make(90, 90, 4));
    const double optimum = tests::simple_least_total(cost);
    for (const simd_target target : tests::simd_targets()) {
      for (const double epsilon : {1e-3, 0.5, 3.0, 40.0, 1000.0, 1e7}) {
        INFO(name << ", epsilon " << epsilon << ", target " << static_cast<int>(target));
        const auto o = on_rows(cost, target, epsilon);
        if (o.result == solver_result::within_epsilon) {
          ++stopped;
          CHECK(is_within(epsilon, cost, o, optimum));
        } else if (o.result != solver_result::unsuited && o.result != solver_result::price_war) {
          CHECK(finished(cost, o).total_cost == optimum);
        }
      }
    }
  }
  CHECK(stopped >= 12 * tests::simd_targets().size());
}

TEST_CASE("a tolerance is in deviations of the cost") {
  const auto cost = converted<float>(tests::rows_alike(200, 200, 2));
  const double optimum = immiscible::jonker_volgenant(cost).total_cost;
  for (const simd_target target : tests::simd_targets()) {
    double before = std::numeric_limits<double>::infinity();
    for (const double tolerance : {1.0, 0.1, 0.01}) {
      const auto o = on_rows(cost, target, 0, tolerance);
      REQUIRE(o.result == solver_result::within_epsilon);
      CHECK(is_within(200 * tolerance, cost, o, optimum));  // a deviation is less than 200 here
      double bound = 0;
      for (const double b : o.state.row_bound) bound += b;
      for (const double p : o.state.noise_price) bound += p;
      CHECK(bound <= optimum);
      CHECK(optimum - bound < before);
      before = optimum - bound;
    }
  }
}

TEST_CASE("the working memory of one problem on rows is no part of the next") {
  for (const simd_target target : tests::simd_targets()) {
    outcome<float> kept;
    for (const std::size_t n : {90u, 40u, 33u, 200u, 32u}) {
      const auto cost = converted<float>(tests::rows_alike(n, n, n));
      const immiscible::batch<float> view = cost.view();
      kept.result = immiscible::detail::solve_on_rows(view, kept.state, kept.work, {0, 0, true}, target);
      const auto fresh = on_rows(cost, target);
      CHECK(kept.result == fresh.result);
      CHECK(kept.state.column_of_row == fresh.state.column_of_row);
      CHECK(kept.state.noise_price == fresh.state.noise_price);
      CHECK(kept.work.effort.lists_read == fresh.work.effort.lists_read);
      CHECK(fresh.work.effort.lists_read >= 2 * n);  // each row bids once, and is looked at once more
    }
  }
}

TEST_CASE("rows of costs may stand apart in memory, and what lies between is not read") {
  const auto cost = converted<float>(tests::rows_alike(45, 45, 3));
  for (const simd_target target : tests::simd_targets()) {
    const auto expected = on_rows(cost, target);
    const tests::padded<float> apart(cost, 3, 8, tests::not_a_number<float>);
    outcome<float> o;
    o.result = immiscible::detail::solve_on_rows(immiscible::batch<float>(apart.view()), o.state, o.work, {}, target);
    CHECK(o.result == solver_result::optimal);
    CHECK(o.state.column_of_row == expected.state.column_of_row);
  }
}

}  // namespace row_solver_tests

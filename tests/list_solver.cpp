// The fast start of the exact solver (detail/list_solver.hpp), instruction set by instruction set, and its ways out.
#include "support/families.hpp"
#include "support/fast_solvers.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/auction.hpp>
#include <immiscible/detail/list_solver.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace list_solver_tests {

using immiscible::detail::simd_target;
using immiscible::detail::solver_result;
using tests::converted;
using tests::finished;
using tests::is_within;
using tests::matrix;

namespace {

template <class Cost>
using outcome = tests::fast_outcome<Cost, immiscible::detail::list_workspace>;

template <class Cost>
outcome<Cost> on_lists(const matrix<Cost>& cost, simd_target target, double epsilon = 0, double tolerance = 0) {
  outcome<Cost> o;
  const immiscible::batch<Cost> view = cost.view();
  o.result = immiscible::detail::solve_on_lists(view, o.state, o.work, {epsilon, tolerance, true}, target);
  return o;
}

}  // namespace

TEMPLATE_TEST_CASE("every instruction set of this machine proves its answers, and finds the same totals", "", float,
                   double, std::int16_t, std::int32_t) {
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t n : {32u, 47u, 48u, 65u, 130u}) {
      const auto cost = converted<TestType>(make(n, n, n));
      const double least = tests::simple_least_total(cost);
      for (const simd_target target : tests::simd_targets()) {
        INFO(name << ", n = " << n << ", target " << static_cast<int>(target));
        const auto o = on_lists(cost, target);
        CHECK((o.result == solver_result::optimal || o.result == solver_result::prices));
        const auto answer = finished(cost, o);
        CHECK(tests::is_proved(cost, answer));
        CHECK(answer.total_cost == least);
      }
    }
  }
}

TEMPLATE_TEST_CASE("more columns than rows: proved, the same totals, and no price above that of unmatched columns",
                   "[slow]", float, double, std::int16_t, std::int32_t) {
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t n : {32u, 47u, 90u}) {
      for (const std::size_t m : {n + 1, n + 17, 2 * n, 7 * n}) {
        const auto cost = converted<TestType>(make(n, m, n));
        const double least = tests::simple_least_total(cost);
        for (const simd_target target : tests::simd_targets()) {
          INFO(name << ", " << n << " x " << m << ", target " << static_cast<int>(target));
          const auto o = on_lists(cost, target);
          CHECK((o.result == solver_result::optimal || o.result == solver_result::unsuited));
          if (o.result != solver_result::optimal) continue;
          const auto answer = finished(cost, o);
          CHECK(tests::is_proved(cost, answer));
          CHECK(answer.total_cost == least);
        }
      }
    }
  }
}

template <class Cost>
void check_more_columns_than_rows(std::size_t n, std::size_t m, Cost level = 0) {
  INFO(n << " x " << m << ", costs about " << level);
  auto cost = converted<Cost>(tests::rows_alike(n, m, 5));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) cost(i, j) += level;
  }
  std::vector<std::int32_t> first;
  for (const simd_target target : tests::simd_targets()) {
    const auto o = on_lists(cost, target);
    CHECK(o.result == solver_result::optimal);
    if (first.empty()) first = o.state.column_of_row;
    CHECK(o.state.column_of_row == first);
    if (target == tests::simd_targets().back()) CHECK(tests::is_proved(cost, finished(cost, o)));
  }
}

TEST_CASE("image-like costs with more columns than rows are solved by the lists alone, alike everywhere") {
  for (const auto& [n, m] : {std::pair(33u, 34u), {200u, 201u}, {200u, 216u}, {300u, 450u}}) {
    check_more_columns_than_rows<float>(n, m);
  }
}

TEMPLATE_TEST_CASE("likewise where all costs are far from 0", "", float, double) {
  for (const TestType level : {-3e6f, 3e6f}) check_more_columns_than_rows(200, 216, level);
}

TEST_CASE("likewise with many more columns, and many rows", "[slow]") {
  for (const auto& [n, m] : {std::pair(128u, 1280u), {700u, 900u}}) check_more_columns_than_rows<float>(n, m);
}

TEST_CASE("image-like costs are solved by the lists alone, at every size that has a policy of its own") {
  for (const std::size_t n : {200u, 400u, 600u, 1200u, 2100u}) {
    INFO("n = " << n);
    const auto cost = converted<float>(tests::rows_alike(n, n, n));
    for (const simd_target target : tests::simd_targets()) {
      const auto o = on_lists(cost, target);
      CHECK(o.result == solver_result::optimal);
      if (target == tests::simd_targets().back()) CHECK(tests::is_proved(cost, finished(cost, o)));
    }
  }
}

TEST_CASE("image-like costs take no more work than they did: rows and lists read, rows of searches", "[slow]") {
  struct size {
    std::size_t n, m;
    double rows_read, lists_read;  // over n, at most: a tenth above what it takes now
    double tree_rows = 0.5;        // 0.05 to 0.25; the last bit of a start price changes it
  };
  for (const size& s : {size{64, 64, 3.2, 6.1},
                        {200, 200, 2.5, 8.4},
                        {400, 400, 1.9, 11.2},
                        {600, 600, 1.6, 13.8},
                        {1200, 1200, 1.5, 19.1},
                        {2100, 2100, 1.5, 20.1},
                        {128, 1280, 7.1, 37.4}}) {
    for (const simd_target target : tests::simd_targets()) {
      immiscible::detail::solver_effort all;
      constexpr std::uint64_t problems = 12;  // with fewer, luck moves the mean by a tenth
      for (std::uint64_t seed = 1; seed <= problems; ++seed) {
        const auto o = on_lists(converted<float>(tests::rows_alike(s.n, s.m, seed)), target);
        all.rows_read += o.work.effort.rows_read;
        all.lists_read += o.work.effort.lists_read;
        all.tree_rows += o.work.effort.tree_rows;
      }
      const auto share = [&](std::size_t count) {
        return static_cast<double>(count) / static_cast<double>(problems * s.n);
      };
      INFO(s.n << " x " << s.m << ", target " << static_cast<int>(target));
      CHECK(share(all.rows_read) <= s.rows_read);
      CHECK(share(all.lists_read) <= s.lists_read);
      CHECK(share(all.tree_rows) <= s.tree_rows);
    }
  }
}

TEST_CASE("integers over the whole range of 32 bits are scaled down, and solved") {
  tests::random_source random(11);
  for (const std::size_t n : {48u, 61u, 64u}) {
    for (const std::int64_t lowest : {-(std::int64_t{1} << 31), -(std::int64_t{1} << 30), std::int64_t{0}}) {
      matrix<std::int32_t> cost(n, n);
      for (std::int32_t& c : cost.values) {  // below 0, around it, above it
        c = static_cast<std::int32_t>(lowest + random.below(std::int64_t{1} << 31));
      }
      const double least = tests::simple_least_total(cost);
      for (const simd_target target : tests::simd_targets()) {
        CAPTURE(n, lowest, static_cast<int>(target));
        const auto o = on_lists(cost, target);
        CHECK(o.result == solver_result::optimal);
        const auto answer = finished(cost, o);
        CHECK(tests::is_proved(cost, answer));
        CHECK(answer.total_cost == least);
      }
    }
  }
}

TEST_CASE("more equal columns than a list holds") {
  // The first rows may take any column at no cost, the others only the first 512: what a list leaves out matters.
  const auto cost = tests::make_matrix<std::int16_t>(
      700, 700, [](std::size_t i, std::size_t j) { return i >= 188 && j >= 512 ? 1 : 0; });
  const auto constant = tests::make_matrix<float>(600, 600, [](auto, auto) { return 3; });
  const auto mostly_equal = converted<std::int16_t>(tests::random_integers(600, 600, 5, 2));
  for (const simd_target target : tests::simd_targets()) {
    CHECK(finished(cost, on_lists(cost, target)).total_cost == 0);
    CHECK(tests::is_proved(cost, finished(cost, on_lists(cost, target))));
    CHECK(tests::is_proved(constant, finished(constant, on_lists(constant, target))));
    CHECK(tests::is_proved(mostly_equal, finished(mostly_equal, on_lists(mostly_equal, target))));
  }
}

TEST_CASE("a cost beyond the scale that sampled rows suggest, wherever it stands", "[slow]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const std::size_t n : {130u, 200u}) {  // every second row is sampled, every third
    const auto good = converted<float>(tests::rows_alike(n, n, 3));
    for (const simd_target target : tests::simd_targets()) {
      CHECK(on_lists(good, target).result == solver_result::optimal);
      for (const std::size_t row : {1u, 65u, static_cast<unsigned>(n) - 1}) {
        for (const std::size_t column : {0u, 77u, static_cast<unsigned>(n) - 1}) {
          INFO("n = " << n << ", row " << row << ", column " << column << ", target " << static_cast<int>(target));
          for (const float value : {infinity, -infinity, tests::not_a_number<float>, 2e37f}) {
            auto bad = good;
            bad(row, column) = value;
            CHECK(on_lists(bad, target).result == solver_result::unsuited);
          }
          for (const float value :
               {1e4f, -3e4f, -1e5f, -2e5f, -4e5f, -1e7f, 1e10f, 1e20f, 1e36f}) {  // finite: solved all the same
            auto wide = good;
            wide(row, column) = value;
            const auto o = on_lists(wide, target);
            CHECK((o.result == solver_result::optimal || o.result == solver_result::prices));
            CHECK(tests::is_proved(wide, finished(wide, o)));
          }
        }
      }
    }
  }
}

TEST_CASE("costs that are mostly ties go to the dense solver at once, others to the lists") {
  tests::random_source random(8);
  const auto uniform = [&](auto value) {
    return tests::make_matrix<float>(100, 100, [&](auto, auto) { return value(); });
  };
  const auto coarse = [](const auto& cost) {
    immiscible::detail::shortest_paths_state<double> state;
    immiscible::detail::list_workspace work;
    const immiscible::batch<float> view = cost.view();
    return immiscible::detail::solve_on_lists(view, state, work) == solver_result::unsuited;
  };
  if (tests::simd_targets().empty()) return;  // all are unsuited then
  CHECK(coarse(uniform([] { return 3.0; })));
  CHECK(coarse(uniform([&] { return static_cast<double>(random.below(2)); })));
  CHECK(coarse(uniform([&] { return 0.25 * static_cast<double>(random.below(10)); })));
  CHECK(coarse(uniform([&] { return 1 + 1e-6 * random.uniform(); })));
  CHECK(coarse(uniform([&] { return std::exp(20 * random.uniform()); })));
  CHECK_FALSE(coarse(uniform([&] { return random.uniform(); })));
  CHECK_FALSE(coarse(uniform([&] { return static_cast<double>(random.below(100)); })));
  CHECK_FALSE(coarse(converted<float>(tests::rows_alike(100, 100, 1))));
}

TEMPLATE_TEST_CASE("costs that do not suit the lists are left to the dense solver", "", float, double) {
  constexpr TestType infinity = std::numeric_limits<TestType>::infinity();
  const auto good = converted<TestType>(tests::many_values(50, 50, 1));
  for (const simd_target target : tests::simd_targets()) {
    CHECK(on_lists(good, target).result == solver_result::optimal);
    for (const TestType value : {infinity, -infinity, tests::not_a_number<TestType>, static_cast<TestType>(2e37)}) {
      for (const std::size_t column : {0u, 17u, 31u, 48u, 49u}) {
        auto bad = good;
        bad(column, column) = value;
        CHECK(on_lists(bad, target).result == solver_result::unsuited);
      }
    }
    auto tiny = good;
    for (TestType& c : tiny.values) c *= static_cast<TestType>(1e-36);
    CHECK(on_lists(tiny, target).result == solver_result::unsuited);
    CHECK(on_lists(matrix<TestType>(50, 50), target).result == solver_result::optimal);  // zeros
    CHECK(on_lists(matrix<TestType>(31, 31), target).result == solver_result::unsuited);
    CHECK(on_lists(matrix<TestType>(50, 49), target).result == solver_result::unsuited);
    CHECK(on_lists(matrix<TestType>(50, 51), target).result == solver_result::optimal);
    CHECK(on_lists(matrix<TestType>(50, 51), target, 0.1).result ==
          solver_result::unsuited);  // within epsilon: n = m only
  }
  CHECK(on_lists(good, simd_target::portable).result == solver_result::unsuited);
  CHECK(tests::simd_targets().size() + 1 >= static_cast<std::size_t>(immiscible::detail::best_target()));
}

TEMPLATE_TEST_CASE("differences that the fixed point rounds away are settled all the same", "", float, double) {
  for (const simd_target target : tests::simd_targets()) {
    for (const double spread : {1e-8, 1e-7, 1e-6, 1e-4, 1e-2}) {
      for (const std::size_t n : {40u, 64u, 120u}) {
        INFO("spread " << spread << ", n = " << n << ", target " << static_cast<int>(target));
        tests::random_source draw(n);
        const auto cost = tests::make_matrix<TestType>(n, n, [&](auto, auto) { return 1 + spread * draw.uniform(); });
        CHECK(tests::is_proved(cost, finished(cost, on_lists(cost, target))));
        const auto wide =
            tests::make_matrix<TestType>(n, n + 9, [&](auto, auto) { return 1 + spread * draw.uniform(); });
        const auto o = on_lists(wide, target);
        if (o.result == solver_result::optimal) CHECK(tests::is_proved(wide, finished(wide, o)));
      }
    }
  }
}

TEST_CASE("differences far below the fixed point, among many equal costs, are found", "[slow]") {
  // A list that ends among equals matters in one of some hundred problems, so there are many.
  for (const simd_target target : tests::simd_targets()) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      tests::random_source draw(seed);
      const std::size_t n = 44 + 15 * (seed % 4);
      const double tiny = 1e-7 * static_cast<double>(1 + seed % 7);
      const auto level = tests::make_matrix<double>(n, 2, [&](auto, auto) { return tiny * draw.uniform(); });
      const auto cost = tests::make_matrix<double>(n, n, [&](std::size_t i, std::size_t j) {
        const double base = i == j || draw.below(3) == 0 ? 0 : 1;
        return base + level(i, 0) + level(j, 1) + (draw.below(50) == 0 ? tiny * draw.uniform() : 0);
      });
      INFO("seed " << seed << ", target " << static_cast<int>(target));
      CHECK(tests::is_proved(cost, finished(cost, on_lists(cost, target))));
    }
  }
}

TEMPLATE_TEST_CASE("rows whose difference the fixed point rounds away exchange columns: the dense solver is not needed",
                   "", double, std::int32_t) {
  constexpr double level = std::is_integral<TestType>::value ? 1e5 : 1, difference = level == 1 ? 1e-6 : 12;
  const std::size_t n = 100;
  for (const std::size_t copies : {2u, 5u}) {
    for (const std::size_t m : {n, n + 1, n + 3, n + 40, 3 * n}) {
      tests::random_source draw(copies);
      const auto base = tests::rows_alike(n, m, copies);
      const auto cost = tests::make_matrix<TestType>(n, m, [&](std::size_t i, std::size_t j) {
        return static_cast<TestType>(level * base(i / copies * copies, j / copies * copies) +
                                     difference * draw.uniform());
      });
      for (const simd_target target : tests::simd_targets()) {
        INFO(copies << " copies, " << n << " x " << m << ", target " << static_cast<int>(target));
        const auto o = on_lists(cost, target);
        CHECK(o.result == solver_result::optimal);
        CHECK(tests::is_proved(cost, finished(cost, o)));
      }
    }
  }
}

TEMPLATE_TEST_CASE("asked for less than exact, the lists stop within epsilon", "", float, double, std::int16_t,
                   std::int32_t) {
  for (const auto& [name, make] : tests::families()) {
    const auto cost = converted<TestType>(make(90, 90, 4));
    const double optimum = tests::simple_least_total(cost);
    for (const simd_target target : tests::simd_targets()) {
      for (const double epsilon : {1e-3, 0.5, 3.0, 40.0, 1000.0, 1e7}) {
        INFO(name << ", epsilon " << epsilon << ", target " << static_cast<int>(target));
        const auto o = on_lists(cost, target, epsilon);
        if (name == std::string("rows alike") && epsilon > 1 && epsilon < 1e4) {
          CHECK(o.result == solver_result::within_epsilon);
        }
        if (o.result == solver_result::within_epsilon) {
          CHECK(is_within(epsilon, cost, o, optimum));
        } else if (o.result != solver_result::price_war) {
          CHECK(finished(cost, o).total_cost == optimum);
        }
      }
    }
  }
}

TEST_CASE("rows that were not read when prices left the fixed point are looked at all the same") {
  // The scale comes from sampled rows, whose costs are small; in the others column 0 is by far the dearest, or by far the best.
  const std::size_t n = 2368;
  std::vector<char> kind(n, 'd');
  for (std::size_t r = 0; r < 8; ++r) kind[immiscible::detail::sampled_row(r, 8, n)] = 'u';
  for (std::size_t r = 0; r < 64; ++r) kind[immiscible::detail::sampled_row(r, 64, n)] = r % 2 == 0 ? 'u' : 's';
  kind[0] = 's';
  tests::random_source draw(1);
  for (std::size_t i = 1, best = 0; best < 20; ++i) {
    if (kind[i] == 'd') kind[i] = 'b', ++best;
  }
  auto cost = tests::make_matrix<float>(n, n, [&](std::size_t i, std::size_t j) {
    const float sign = j == 0 ? 1 : -1;
    return kind[i] == 'u' ? 0.99f * static_cast<float>(draw.uniform())
                          : sign * (kind[i] == 's'   ? 0.99f
                                    : kind[i] == 'd' ? 4
                                                     : -4);
  });
  std::size_t last = n - 1;
  while (kind[last] != 'd') --last;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    cost(last, 5) = bad;
    CHECK_THROWS_AS(immiscible::jonker_volgenant(cost), std::invalid_argument);
    CHECK_THROWS_AS(immiscible::auction(cost, immiscible::auction_options{0.1, 1000}), std::invalid_argument);
  }
}

TEST_CASE("with many columns to spare a solve is a few bids a row, whatever the costs") {
  for (const simd_target target : tests::simd_targets()) {
    for (const std::size_t m : {300u, 512u, 1024u}) {
      tests::random_source draw(m);
      const auto bell = tests::make_matrix<float>(256, m, [&](auto, auto) { return draw.bell(); });
      const auto uniform = tests::make_matrix<float>(256, m, [&](auto, auto) { return draw.uniform(); });
      for (const auto& cost : {bell, uniform}) {
        const auto o = on_lists(cost, target);
        CHECK(o.result == solver_result::optimal);
        CHECK(tests::is_proved(cost, finished(cost, o)));
        CHECK(o.work.effort.tree_rows < 256);
        CHECK(o.work.effort.lists_read < 20 * 256);
      }
    }
  }
}

TEST_CASE("a sampled row in which all is forbidden is no overflow") {
  tests::random_source draw(3);
  auto cost = tests::make_matrix<float>(700, 700, [&](auto, auto) { return draw.bell(); });
  const std::size_t i = immiscible::detail::sampled_row(3, 8, 700);
  for (std::size_t j = 0; j < 700; ++j) cost(i, j) = std::numeric_limits<float>::infinity();
  CHECK(immiscible::jonker_volgenant(cost).status == immiscible::status::infeasible);
}

TEMPLATE_TEST_CASE("costs that are all zero, or all alike", "", float, double, std::int16_t, std::int32_t) {
  for (const int value : {0, -7, 30000}) {
    const auto cost = tests::make_matrix<TestType>(50, 50, [&](auto, auto) { return value; });
    for (const simd_target target : tests::simd_targets()) {
      CHECK(tests::is_proved(cost, finished(cost, on_lists(cost, target))));
      const auto o = on_lists(cost, target, 0.5);
      if (o.result == solver_result::within_epsilon) CHECK(is_within(0.5, cost, o, 50.0 * value));
    }
  }
}

TEST_CASE("three rows that can afford but two columns: what is far is no answer within epsilon") {
  constexpr std::size_t n = 200;
  std::vector<std::size_t> poor;  // rows that no sample reads
  for (std::size_t i = 0; poor.size() < 3; ++i) {
    bool is_sampled = i == 0;
    for (std::size_t r = 0; r < 64; ++r) is_sampled |= immiscible::detail::sampled_row(r, 64, n) == i;
    if (!is_sampled) poor.push_back(i);
  }
  auto cost = converted<float>(tests::rows_alike(n, n, 7));
  for (std::size_t k = 0; k < 3; ++k) {  // what one of them has to pay is far, but not equally far
    for (std::size_t j = 2; j < n; ++j)
      cost(poor[k], j) = (k == 0 ? 4e7f : k == 1 ? 4e5f : 4e6f) + static_cast<float>(j);
  }
  const double optimum = tests::simple_least_total(cost);
  for (const simd_target target : tests::simd_targets()) {
    CHECK(tests::is_proved(cost, finished(cost, on_lists(cost, target))));
    CHECK(finished(cost, on_lists(cost, target)).total_cost == optimum);
    for (const double epsilon : {100.0, 1e3, 1e4, 1e5}) {
      const auto o = on_lists(cost, target, epsilon);
      if (o.result == solver_result::within_epsilon) {
        CHECK(is_within(epsilon, cost, o, optimum));
      } else {
        CHECK(o.result == solver_result::price_war);
      }
    }
  }
}

TEST_CASE("an epsilon that drives prices out of the fixed point is answered within it") {
  const auto cost = converted<float>(tests::few_values(64, 64, 2));
  const double optimum = tests::simple_least_total(cost);
  for (const simd_target target : tests::simd_targets()) {
    for (const double epsilon : {10.0, 1e3, 1e30}) {
      const auto o = on_lists(cost, target, epsilon);
      if (o.result != solver_result::price_war) CHECK(is_within(epsilon, cost, o, optimum));
      CHECK(immiscible::auction(cost, immiscible::auction_options{0.1, epsilon}).total_cost <= optimum + 64 * epsilon);
    }
  }
}

TEST_CASE("the working memory of one problem is no part of the next") {
  for (const simd_target target : tests::simd_targets()) {
    outcome<float> kept;
    for (const std::size_t n : {90u, 40u, 33u, 200u, 32u}) {
      const auto cost = converted<float>(tests::rows_alike(n, n % 3 == 0 ? n + 40 : n, n));
      const immiscible::batch<float> view = cost.view();
      kept.result = immiscible::detail::solve_on_lists(view, kept.state, kept.work, {0, 0, true}, target);
      const auto fresh = on_lists(cost, target);
      CHECK(kept.result == fresh.result);
      CHECK(kept.state.column_of_row == fresh.state.column_of_row);
      CHECK(kept.state.noise_price == fresh.state.noise_price);
    }
  }
}

}  // namespace list_solver_tests

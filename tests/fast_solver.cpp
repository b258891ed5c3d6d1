// Costs that forbid pairs, on their way to the fast solvers (detail/fast_solver.hpp).
#include "support/families.hpp"
#include "support/fast_solvers.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/auction.hpp>
#include <immiscible/detail/fast_solver.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace fast_solver_tests {

using immiscible::detail::solver_result;
using tests::converted;
using tests::infinity;
using tests::matrix;

namespace {

template <class Cost>
using outcome = tests::fast_outcome<Cost, immiscible::detail::fast_workspace<Cost>>;

template <class Cost>
outcome<Cost> around_forbidden(const matrix<Cost>& cost, double epsilon = 0) {
  outcome<Cost> o;
  o.result = immiscible::detail::solve_fast_around_forbidden(cost.view(), o.state, o.work, {epsilon, 0});
  return o;
}

/// Image-like costs, of which a share is forbidden.
matrix<double> image_like(std::size_t n, std::size_t m, int percent) {
  return tests::with_forbidden(tests::rows_alike(n, m, n + m), static_cast<std::uint64_t>(percent), percent);
}

/// Image-like costs, pairs allowed within classes only.
matrix<double> in_classes(std::size_t n, std::size_t classes) {
  auto cost = tests::rows_alike(n, n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) cost(i, j) = i % classes == j % classes ? cost(i, j) : infinity;
  }
  return cost;
}

/// One matching exists, and it is dear: row i may take column i at 10, or i + 1 at 0. If forbidden pairs cost a few times as much, the
/// best is to take i + 1 everywhere, and the last row column 0.
matrix<double> one_dear_matching(std::size_t n, std::size_t m) {
  return tests::make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
    return j == i ? 10 : j == i + 1 && j < n ? 0 : infinity;
  });
}

bool has_simd() { return !tests::simd_targets().empty(); }

}  // namespace

TEST_CASE("sampled rows: in order, and of every class, however classes take turns") {
  for (const std::size_t n : {20u, 64u, 100u, 512u, 640u, 700u, 1024u, 2000u, 4096u, 8192u}) {
    for (const std::size_t rows : {8u, 64u, 256u}) {
      if (rows > n) continue;
      for (std::size_t classes = 1; classes <= 20; ++classes) {
        std::vector<bool> met(classes, false);
        bool in_order = true;
        for (std::size_t r = 0; r < rows; ++r) {
          const std::size_t i = immiscible::detail::sampled_row(r, rows, n);
          in_order &= i >= r * n / rows && i < (r + 1) * n / rows;  // equal parts that make up the whole
          met[i % classes] = true;
        }
        INFO("n = " << n << ", " << rows << " rows, " << classes << " classes");
        CHECK(in_order);
        const auto count = static_cast<std::size_t>(std::count(met.begin(), met.end(), true));
        CHECK(3 * count >= std::min(classes, rows));
        if (classes > 1) CHECK(count > 1);
        if (rows >= 8 * classes) CHECK(count == classes);
      }
    }
  }
}

TEMPLATE_TEST_CASE(
    "what stands in for +infinity: as dear as the dearest finite cost or a little more, after the levels of rows and "
    "columns",
    "", float, double) {
  // Rows and columns at levels of their own, up to 40 more here and there, a third forbidden; one row and one column are all so.
  tests::random_source draw(1);
  const auto cost = tests::make_matrix<TestType>(30, 43, [&](std::size_t i, std::size_t j) {
    const double level = 100.0 * static_cast<double>(i) - 300.0 * static_cast<double>(j);
    const double extra = static_cast<double>(draw.below(40));
    return draw.below(3) == 0 || i == 7 || j == 9 ? infinity : level + extra;
  });
  const tests::padded<TestType> apart(cost, 2, 3, tests::not_a_number<TestType>);
  for (const auto target : tests::simd_targets()) {
    immiscible::detail::forbidden_workspace<TestType> work, work_apart;
    const auto finite = immiscible::detail::replace_forbidden(cost.view(), work, target);
    const immiscible::batch<TestType> view = apart.view();
    const auto from_apart = immiscible::detail::replace_forbidden(view, work_apart, target);
    REQUIRE(finite.rows() == 30);
    REQUIRE(finite.columns() == 43);
    double most = -infinity;
    const auto residual = [&](std::size_t i, std::size_t j) {
      return static_cast<double>(finite(i, j)) - static_cast<double>(work.row_level[i]) -
             static_cast<double>(work.column_level[j]);
    };
    for (std::size_t i = 0; i < 30; ++i) {
      for (std::size_t j = 0; j < 43; ++j) most = cost(i, j) < infinity ? std::max(most, residual(i, j)) : most;
    }
    for (std::size_t i = 0; i < 30; ++i) {
      double mean = 0, count = 0;
      for (std::size_t j = 0; j < 43; ++j) {
        INFO("row " << i << ", column " << j);
        CHECK(from_apart(i, j) == finite(i, j));
        if (cost(i, j) < infinity) {
          CHECK(finite(i, j) == cost(i, j));
          mean += residual(i, j);
          ++count;
        } else {
          const auto stand_in = static_cast<double>(finite(i, j));
          const double grain = std::ldexp(1.0, std::ilogb(most) - 2);
          CHECK(residual(i, j) >= most - 1e-2);
          CHECK(residual(i, j) <= most + grain + 1e-2);
          CHECK(std::fmod(stand_in, grain) == 0);
        }
      }
      if (count > 0) CHECK(mean / count == Approx(0).margin(1e-2));
    }
    for (std::size_t j = 1; j < 43; ++j) {  // rows that lack in one column and not in the next move its mean
      if (j == 9 || j == 10) continue;
      const double step = static_cast<double>(work.column_level[j]) - static_cast<double>(work.column_level[j - 1]);
      CHECK(step == Approx(-300).margin(200));
    }
  }
}

TEST_CASE("small integers with forbidden pairs among them are still known to be mostly ties") {
  tests::random_source draw(5);
  const auto cost = tests::make_matrix<float>(64, 64, [&](std::size_t, std::size_t) {
    const double value = static_cast<double>(draw.below(10));
    return draw.below(10) == 0 ? infinity : value;
  });
  for (const auto target : tests::simd_targets()) {
    immiscible::detail::forbidden_workspace<float> work;
    immiscible::detail::list_workspace lists;
    immiscible::detail::shortest_paths_state<double> state;
    const auto finite = immiscible::detail::replace_forbidden(cost.view(), work, target);
    CHECK(immiscible::detail::solve_on_lists(finite, state, lists, {}, target) == solver_result::unsuited);
  }
}

TEST_CASE("where no cost is finite, or there is no SIMD version, nothing stands in") {
  using immiscible::detail::replace_forbidden;
  const auto all_forbidden = tests::make_matrix<double>(20, 20, [](auto, auto) { return infinity; });
  immiscible::detail::forbidden_workspace<double> work;
  CHECK(replace_forbidden(all_forbidden.view(), work).empty());
  const auto some = image_like(20, 20, 30);
  CHECK(replace_forbidden(some.view(), work, immiscible::detail::simd_target::portable).empty());
  const auto integers = converted<std::int32_t>(tests::many_values(20, 20, 1));
  immiscible::detail::forbidden_workspace<std::int32_t> unused;
  CHECK(replace_forbidden(integers.view(), unused).empty());
}

TEST_CASE("classes that take turns with the sampled rows cost no more work than others", "[slow]") {
  for (const std::size_t n : {512u, 1024u}) {
    for (const std::size_t classes : {7u, 8u, 10u, 16u}) {
      INFO("n = " << n << ", " << classes << " classes");
      const auto o = around_forbidden(converted<float>(in_classes(n, classes)));
      if (!has_simd()) return;
      CHECK(o.result == solver_result::optimal);
      const std::size_t looks = o.work.rows.effort.lists_read + o.work.lists.effort.lists_read;
      CHECK(looks < 60 * n);
    }
  }
}

TEST_CASE("the look at the costs tells whether a pair is forbidden") {
  const auto forbids = [](const auto& cost) { return immiscible::detail::require_costs("a test", cost.view()); };
  auto cost = converted<float>(tests::many_values(5, 7, 1));
  CHECK_FALSE(forbids(cost));
  for (const std::size_t k : {0u, 17u, 34u}) {
    auto one = cost;
    one.values[k] = std::numeric_limits<float>::infinity();
    CHECK(forbids(one));
    CHECK(forbids(converted<double>(one)));
  }
  CHECK_FALSE(forbids(tests::make_matrix<std::int32_t>(2, 2, [](auto, auto) { return 2147483647; })));
  CHECK_FALSE(forbids(matrix<float>()));
}

/// Square and rectangular problems of n rows, of whose pairs some or most are forbidden.
template <class Cost>
void check_the_way_around_forbidden_pairs(std::size_t n) {
  for (const int percent : {1, 10, 50, 90}) {
    if (n * static_cast<std::size_t>(100 - percent) < 1000) continue;  // no matching may exist
    for (const std::size_t m : {n, n + n / 4}) {
      INFO(n << " x " << m << ", " << percent << " %");
      const auto cost = converted<Cost>(image_like(n, m, percent));
      const auto o = around_forbidden(cost);
      if (!has_simd() || (n < m && n < 32)) continue;
      REQUIRE(o.result != solver_result::unsuited);
      CHECK(tests::is_proved(cost, finished(cost, o)));
    }
  }
}

TEMPLATE_TEST_CASE("the fast solvers find the way around forbidden pairs, and prove it", "", float, double) {
  for (const std::size_t n : {20u, 64u, 200u}) check_the_way_around_forbidden_pairs<TestType>(n);
}

TEMPLATE_TEST_CASE("likewise where square problems are solved on lists", "[slow]", float, double) {
  check_the_way_around_forbidden_pairs<TestType>(700);
}

TEMPLATE_TEST_CASE("answers around forbidden pairs have the total of the simple solver", "", float, double) {
  for (const auto& costs : {image_like(64, 64, 10), image_like(64, 80, 50), in_classes(200, 10), in_classes(120, 40),
                            one_dear_matching(60, 60), one_dear_matching(60, 75), one_dear_matching(700, 700)}) {
    const auto cost = converted<TestType>(costs);
    const auto answer = immiscible::jonker_volgenant(cost);
    CHECK(tests::is_proved(cost, answer));
    CHECK(answer.total_cost == immiscible::jonker_volgenant(cost, immiscible::warm_start::column_minima).total_cost);
  }
}

TEST_CASE("where the best answer to the stand-ins takes forbidden pairs, those are parted") {
  if (!has_simd()) return;
  for (const std::size_t n : {60u, 700u}) {  // on rows in 16 bits, on lists
    INFO("n = " << n);
    const auto cost = one_dear_matching(n, n);
    const auto o = around_forbidden(cost);
    CHECK(o.result == solver_result::prices);
    for (std::size_t i = 0; i < n; ++i) {
      const std::int32_t j = o.state.column_of_row[i];
      if (j < 0) continue;
      CHECK(o.state.row_of_column[static_cast<std::size_t>(j)] == static_cast<std::int32_t>(i));
      CHECK(cost(i, static_cast<std::size_t>(j)) < infinity);
    }
    CHECK(tests::is_proved(cost, finished(cost, o)));
  }
  CHECK(around_forbidden(one_dear_matching(60, 75)).result ==
        solver_result::unsuited);  // a free column must have the highest price
}

TEST_CASE("an auction whose answer to the stand-ins takes forbidden pairs keeps its promise") {
  for (const auto& cost : {one_dear_matching(60, 60), one_dear_matching(60, 75), one_dear_matching(700, 700)}) {
    const auto n = static_cast<double>(cost.rows);
    for (const double epsilon : {1e-3, 0.3, 2.0}) {
      const auto answer = immiscible::auction(cost, immiscible::auction_options{0.1, epsilon});
      CHECK(tests::total_is_true(cost, answer));
      CHECK(tests::prices_are_feasible(cost, answer));
      CHECK(answer.lower_bound <= 10 * n);
      CHECK(answer.total_cost == 10 * n);  // the only matching
      if (answer.status == immiscible::status::optimal) CHECK(tests::is_proved(cost, answer));
    }
  }
}

TEST_CASE("where no matching exists that is the answer, whatever stands in") {
  auto row = image_like(80, 80, 10), column = row, two_for_one = row;
  for (std::size_t k = 0; k < 80; ++k) {
    row(7, k) = infinity;
    column(k, 7) = infinity;
    if (k != 3) two_for_one(5, k) = two_for_one(70, k) = infinity;
  }
  for (const auto& cost : {row, column, two_for_one}) {
    CHECK(tests::is_infeasible(80, immiscible::jonker_volgenant(cost)));
    CHECK(tests::is_infeasible(80, immiscible::auction(cost)));
    CHECK(tests::is_infeasible(80, immiscible::auction(cost, immiscible::auction_options{0.1, 1e-3})));
  }
}

TEST_CASE("an auction around forbidden pairs keeps its promise in deviations of the finite costs") {
  for (const auto& cost : {image_like(100, 100, 10), image_like(100, 100, 50), in_classes(200, 4)}) {
    const double optimum = immiscible::jonker_volgenant(cost, immiscible::warm_start::column_minima).total_cost;
    immiscible::detail::shortest_paths_state<double> state;
    const immiscible::batch<double> view = cost.view();
    const double epsilon = immiscible::detail::start_auction(view, {0.1, 0}, state);
    const auto all_allowed = tests::rows_alike(cost.rows, cost.rows, cost.rows == 200 ? 200 : 2 * cost.rows);
    const immiscible::batch<double> all = all_allowed.view();
    CHECK(epsilon == Approx(immiscible::detail::start_auction(all, {0.1, 0}, state)).epsilon(0.1));
    const auto answer = immiscible::auction(cost);
    CHECK(answer.status == immiscible::status::feasible);
    CHECK(tests::total_is_true(cost, answer));
    CHECK(tests::prices_are_feasible(cost, answer));
    CHECK(answer.lower_bound <= optimum);
    CHECK(answer.total_cost <= optimum + static_cast<double>(cost.rows) * epsilon);
    if (has_simd()) {
      CHECK(around_forbidden(cost, epsilon).result == solver_result::within_epsilon);
    }
  }
}

TEST_CASE("the working memory of one problem with forbidden pairs is no part of the next") {
  immiscible::jonker_volgenant_workspace<float> workspace;
  immiscible::assignment answer;
  for (const auto& costs : {image_like(90, 90, 20), tests::rows_alike(90, 90, 1), image_like(40, 55, 50),
                            one_dear_matching(60, 60), image_like(90, 90, 20)}) {
    const auto cost = converted<float>(costs);
    jonker_volgenant(immiscible::batch<float>(cost.view()), answer, workspace);
    CHECK(tests::are_identical(answer, immiscible::jonker_volgenant(cost)));
  }
}

TEST_CASE("nor that of an auction") {
  immiscible::auction_workspace<double> workspace;
  immiscible::assignment answer;
  for (const auto& cost : {image_like(90, 90, 20), image_like(19, 30, 20), tests::rows_alike(90, 90, 1),
                           image_like(40, 55, 50), one_dear_matching(60, 60), image_like(90, 90, 20)}) {
    answer.precision = immiscible::precision::int8;  // as `assign` in bytes would leave it
    immiscible::auction(immiscible::batch<double>(cost.view()), {0.1, 0}, answer, workspace);
    CHECK(answer.precision == immiscible::precision::full);
    CHECK(tests::are_identical(answer, immiscible::auction(cost)));
  }
}

TEST_CASE("what is neither finite nor +infinity is refused among forbidden pairs too") {
  auto cost = converted<float>(image_like(50, 50, 30));
  cost(31, 7) = tests::not_a_number<float>;
  CHECK_THROWS_WITH(immiscible::jonker_volgenant(cost), Catch::Contains("got NaN at row 31, column 7"));
  cost(31, 7) = -std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(immiscible::auction(cost), Catch::Contains("got -infinity at row 31, column 7"));
}

}  // namespace fast_solver_tests

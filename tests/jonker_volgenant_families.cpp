// The exact solver on hard problems: every answer must carry its proof, whatever the costs.
#include "support/families.hpp"
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace jonker_volgenant_families_tests {

using immiscible::jonker_volgenant;
using immiscible::warm_start;
using tests::converted;
using tests::infinity;
using tests::matrix;

namespace {

/// Costs that strain floating-point arithmetic.
struct strain {
  const char* name;
  double (*value)(tests::random_source& draw, std::size_t i, std::size_t j);
};

const strain strains[] = {
    {"near-equal", [](tests::random_source& draw, std::size_t, std::size_t) { return 1e6 + draw.uniform(); }},
    {"equal but for the last bits",
     [](tests::random_source& draw, std::size_t, std::size_t) { return 1.0 + 0x1p-22 * draw.uniform(); }},
    {"huge", [](tests::random_source& draw, std::size_t, std::size_t) { return 1e30 * draw.bell(); }},
    {"huge beside tiny", [](tests::random_source& draw, std::size_t,
                            std::size_t) { return (draw.below(2) != 0 ? 1e30 : 1e-30) * draw.uniform(); }},
    {"tiny", [](tests::random_source& draw, std::size_t, std::size_t) { return 1e-37 * draw.bell(); }},
    {"fractions of what the fixed point holds as it is",
     [](tests::random_source& draw, std::size_t, std::size_t) { return 0x1.8p24 + 10 * draw.uniform(); }},
    {"of every magnitude",
     [](tests::random_source& draw, std::size_t, std::size_t) {
       return std::ldexp(draw.uniform() - 0.5, static_cast<int>(draw.below(120)) - 60);
     }},
    {"the greatest floats",
     [](tests::random_source& draw, std::size_t, std::size_t) { return (draw.below(2) != 0 ? 3.4e38 : -3.4e38); }},
    {"one row beyond all others",
     [](tests::random_source& draw, std::size_t i, std::size_t) { return draw.uniform() * (i == 3 ? 1e25 : 1); }},
    {"columns at different levels", [](tests::random_source& draw, std::size_t,
                                       std::size_t j) { return draw.uniform() + 1e4 * static_cast<double>(j % 7); }},
};

}  // namespace

TEMPLATE_TEST_CASE("hard families are solved and proved, square and rectangular", "", float, double, std::int16_t,
                   std::int32_t) {
  const auto start = GENERATE(warm_start::automatic, warm_start::column_minima);
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t n : {3u, 8u, 17u, 64u, 121u}) {
      for (const std::size_t m : {n, n + 1, n + n / 2, 4 * n}) {
        if (n * m > 20000) continue;
        INFO(name << ", n = " << n << ", m = " << m);
        const auto cost = converted<TestType>(make(n, m, n + m));
        CHECK(tests::is_proved(cost, jonker_volgenant(cost, start)));
      }
    }
  }
}

TEMPLATE_TEST_CASE("both starts reach the same total", "[slow]", float, std::int32_t) {
  for (const auto& [name, make] : tests::families()) {
    for (const std::size_t m : {150u, 151u, 180u}) {
      INFO(name << ", m = " << m);
      const auto cost = converted<TestType>(make(150, m, m));
      CHECK(jonker_volgenant(cost).total_cost == jonker_volgenant(cost, warm_start::column_minima).total_cost);
    }
  }
}

TEST_CASE("32-bit integers of the whole range are solved exactly") {
  for (const std::size_t n : {31u, 40u, 64u, 100u}) {  // without vectors, a part of one over, whole ones, both
    for (const std::size_t m : {n, n + 5}) {
      for (const std::int64_t step : {1, 3, 1 << 20}) {
        INFO("n = " << n << ", m = " << m << ", step " << step);
        tests::random_source draw(n + m);
        const auto cost = tests::make_matrix<std::int32_t>(n, m, [&](auto, auto) {
          return (draw.below(std::int64_t{1} << 32) - (std::int64_t{1} << 31)) / step * step;
        });
        CHECK(tests::is_proved(cost, jonker_volgenant(cost)));
        const auto high =
            tests::make_matrix<std::int32_t>(n, m, [&](auto, auto) { return 2147483647 - draw.below(90) * step; });
        CHECK(tests::is_proved(high, jonker_volgenant(high)));
        const auto low =
            tests::make_matrix<std::int32_t>(n, m, [&](auto, auto) { return draw.below(90) * step - 2147483648; });
        CHECK(tests::is_proved(low, jonker_volgenant(low)));
      }
    }
  }
}

TEST_CASE("Machol-Wien problems have the total of the closed form") {
  for (const std::size_t n : {1u, 2u, 30u, 181u, 300u}) {
    const auto least = static_cast<double>(n * (n + 1) * (n + 2) / 6);
    const auto cost = tests::machol_wien(n, n);
    CHECK(jonker_volgenant(cost).total_cost == least);
    CHECK(jonker_volgenant(converted<float>(cost)).total_cost == least);
    CHECK(jonker_volgenant(converted<std::int32_t>(cost)).total_cost == least);
    if (n <= 181) CHECK(jonker_volgenant(converted<std::int16_t>(cost)).total_cost == least);
  }
}

TEMPLATE_TEST_CASE("a constant cost keeps every image its own noise", "", float, double, std::int16_t, std::int32_t) {
  for (const warm_start start : {warm_start::automatic, warm_start::column_minima}) {
    for (const double value : {0.0, -3.0, 0.1, 12345.678}) {
      for (const std::size_t n : {1u, 2u, 7u, 64u, 200u}) {
        for (const std::size_t m : {n, n + 1, 3 * n}) {
          INFO("value " << value << ", n = " << n << ", m = " << m);
          const auto cost = tests::make_matrix<TestType>(n, m, [&](std::size_t, std::size_t) { return value; });
          CHECK(jonker_volgenant(cost, start).noise_of_image == tests::identity(n));
        }
      }
    }
  }
}

TEST_CASE("costs that strain floating-point arithmetic are proved to its precision") {
  const auto start = GENERATE(warm_start::automatic, warm_start::column_minima);
  std::uint64_t seed = 300;
  for (const strain& s : strains) {
    for (const std::size_t n : {5u, 40u, 128u}) {
      for (const std::size_t m : {n, n + 3, 2 * n}) {
        INFO(s.name << ", n = " << n << ", m = " << m << ", seed = " << seed);
        tests::random_source draw(seed++);
        const auto cost =
            tests::make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) { return s.value(draw, i, j); });
        CHECK(tests::is_proved(cost, jonker_volgenant(cost, start)));
        const auto rounded = converted<float>(cost);
        CHECK(tests::is_proved(rounded, jonker_volgenant(rounded, start)));
      }
    }
  }
}

TEST_CASE("doubles near the end of their range are solved or refused, never overflowed") {
  for (const warm_start start : {warm_start::automatic, warm_start::column_minima}) {
    for (const double scale : {1e150, 1e290, 1.7e308}) {
      for (const std::size_t m : {6u, 8u}) {
        INFO("scale " << scale << ", m = " << m);
        tests::random_source draw(77);
        const auto small = tests::make_matrix<double>(6, m, [&](auto, auto) { return draw.uniform() * 2 - 1; });
        auto cost = small;
        for (double& c : cost.values) c *= scale;
        if (scale > 1e300) {
          CHECK_THROWS_AS(jonker_volgenant(cost, start), std::invalid_argument);  // their sum is no double
          continue;
        }
        const auto answer = jonker_volgenant(cost, start);
        CHECK(tests::is_proved(cost, answer));
        CHECK(answer.total_cost / scale == Approx(tests::least_total(small)));
      }
    }
  }
}

TEST_CASE("image-like costs of 500 and 1000 images are proved", "[slow]") {
  const auto square = converted<float>(tests::rows_alike(500, 500, 1));
  CHECK(tests::is_proved(square, jonker_volgenant(square)));
  const auto wide = converted<std::int32_t>(tests::rows_alike(500, 600, 2));
  CHECK(tests::is_proved(wide, jonker_volgenant(wide)));
  const auto large = converted<std::int16_t>(tests::rows_alike(1000, 1000, 3));
  CHECK(tests::is_proved(large, jonker_volgenant(large)));
}

TEST_CASE("ties, points and duplicates of 500 images are proved") {
  for (const auto make : {tests::few_values, tests::points_in_plane, tests::duplicates, tests::one_forced_pair}) {
    const auto cost = converted<float>(make(500, 500, 9));
    CHECK(tests::is_proved(cost, jonker_volgenant(cost)));
  }
}

TEST_CASE("few images among very many noises") {
  const auto cost = converted<float>(tests::rows_alike(3, 20000, 5));
  CHECK(tests::is_proved(cost, jonker_volgenant(cost)));
  const auto tied = converted<std::int16_t>(tests::few_values(40, 5000, 5));
  CHECK(tests::is_proved(tied, jonker_volgenant(tied)));
  const auto one = tests::random_integers(1, 5000, 6, 1 << 20);
  CHECK(jonker_volgenant(one).total_cost == *std::min_element(one.values.begin(), one.values.end()));
}

TEMPLATE_TEST_CASE("large problems with forbidden pairs are solved, or found to have no matching", "", float, double) {
  const auto start = GENERATE(warm_start::automatic, warm_start::column_minima);
  for (const std::size_t m : {120u, 150u}) {
    for (const int percent : {10, 50, 90}) {
      INFO("m = " << m << ", " << percent << " % forbidden");
      auto cost = tests::with_forbidden(tests::random_integers(120, m, m, 1000), m, percent);
      for (std::size_t i = 0; i < 120; ++i) cost(i, (i * 7) % 120) = 5000;  // a matching exists
      const auto solvable = converted<TestType>(cost);
      CHECK(tests::is_proved(solvable, jonker_volgenant(solvable, start)));
      // Thirty rows that may take only the same 29 columns: no matching, although every row has many choices.
      for (std::size_t i = 50; i < 80; ++i) {
        for (std::size_t j = 29; j < m; ++j) cost(i, j) = infinity;
        for (std::size_t j = 0; j < 29; ++j) cost(i, j) = static_cast<double>(i * j % 13);
      }
      CHECK(tests::is_infeasible(120, jonker_volgenant(converted<TestType>(cost), start)));
    }
    auto empty_row = converted<TestType>(tests::many_values(60, 60, 3));
    for (std::size_t j = 0; j < 60; ++j) empty_row(59, j) = std::numeric_limits<TestType>::infinity();
    CHECK(tests::is_infeasible(60, jonker_volgenant(empty_row, start)));
    auto empty_column = converted<TestType>(tests::many_values(60, 60, 3));
    for (std::size_t i = 0; i < 60; ++i) empty_column(i, 59) = std::numeric_limits<TestType>::infinity();
    CHECK(tests::is_infeasible(60, jonker_volgenant(empty_column, start)));
  }
}

}  // namespace jonker_volgenant_families_tests

// The pieces of the simple exact solver (detail/shortest_paths.hpp), each beside what its documentation says. Any start is
// finished exactly, so the tests of whole solves do not notice a bad one: it would only take longer.
#include "support/families.hpp"
#include "support/matrix.hpp"

#include <immiscible/detail/shortest_paths.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace shortest_paths_tests {

using immiscible::detail::shortest_paths_state;
using tests::matrix;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Small integers, so that ties are many and doubles exact; about one in `forbidden` costs is +infinity.
matrix<double> with_ties(std::size_t n, std::size_t m, std::uint64_t seed, int forbidden) {
  tests::random_source draw(seed);
  return tests::make_matrix<double>(n, m, [&](std::size_t, std::size_t) {
    return draw.below(forbidden) == 0 ? infinity : static_cast<double>(draw.below(6));
  });
}

/// Pairs for about half of the columns, those of `seed`; the other columns are free.
void take_some_columns(shortest_paths_state<double>& s, std::uint64_t seed) {
  tests::random_source draw(seed);
  for (std::size_t j = 0; j < s.row_of_column.size(); ++j) {
    const std::size_t i = s.column_of_row.size() - 1 - j;
    if (j >= s.column_of_row.size() || draw.below(2) == 0) continue;
    s.row_of_column[j] = static_cast<std::int32_t>(i);
    s.column_of_row[i] = static_cast<std::int32_t>(j);
  }
}

}  // namespace

TEST_CASE("start from column minima: each row's own least taken off first, columns nobody may take at 0") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto cost = with_ties(9, 9, seed, 4);
    for (std::size_t k = 0; k < 9; ++k) cost(seed % 9, k) = cost(k, (seed + 4) % 9) = infinity;
    shortest_paths_state<double> s;
    s.noise_price.assign(3, 17);  // from a problem before
    immiscible::detail::start_from_column_minima(cost.view(), s);
    CHECK(s.column_of_row == std::vector<std::int32_t>(9, -1));
    CHECK(s.row_of_column == std::vector<std::int32_t>(9, -1));
    for (std::size_t j = 0; j < 9; ++j) {
      double least = infinity;
      for (std::size_t i = 0; i < 9; ++i) {
        const double* row = &cost.values[i * 9];
        if (cost(i, j) < infinity) least = std::min(least, cost(i, j) - *std::min_element(row, row + 9));
      }
      CHECK(s.noise_price.at(j) == (least < infinity ? least : 0));
    }
  }
}

TEST_CASE("start from column means: of the finite costs") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto cost = with_ties(8, 8, seed, 5);
    shortest_paths_state<double> s;
    s.noise_price.assign(8, 17);
    immiscible::detail::start_from_column_means(cost.view(), s);
    CHECK(s.column_of_row == std::vector<std::int32_t>(8, -1));
    CHECK(s.row_of_column == std::vector<std::int32_t>(8, -1));
    for (std::size_t j = 0; j < 8; ++j) {
      double sum = 0, finite = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        sum += cost(i, j) < infinity ? cost(i, j) : 0;
        finite += cost(i, j) < infinity;
      }
      CHECK(s.noise_price.at(j) == (finite > 0 ? sum / finite : 0));
    }
  }
}

TEST_CASE("with more columns than rows, both starts leave all prices at 0") {
  const auto cost = tests::many_values(4, 7, 1);
  shortest_paths_state<double> s;
  s.noise_price.assign(9, 17);
  immiscible::detail::start_from_column_minima(cost.view(), s);
  CHECK(s.noise_price == std::vector<double>(7, 0));
  s.noise_price.assign(9, 17);
  immiscible::detail::start_from_column_means(cost.view(), s);
  CHECK(s.noise_price == std::vector<double>(7, 0));
}

TEST_CASE("tight pairs: each free row, in turn, gets the first free column that it is tight with") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto cost = with_ties(12, 12, seed, 6);
    shortest_paths_state<double> s;
    immiscible::detail::start_from_nothing(12, 12, s);
    tests::random_source draw(seed);
    for (double& price : s.noise_price) price = static_cast<double>(draw.below(3));
    take_some_columns(s, seed);
    auto expected = s.column_of_row;
    auto owners = s.row_of_column;
    for (std::size_t i = 0; i < 12; ++i) {
      if (expected[i] >= 0) continue;
      double least = infinity;
      for (std::size_t j = 0; j < 12; ++j) least = std::min(least, cost(i, j) - s.noise_price[j]);
      for (std::size_t j = 0; j < 12 && expected[i] < 0; ++j) {
        if (owners[j] >= 0 || cost(i, j) == infinity || cost(i, j) - s.noise_price[j] > least) continue;
        expected[i] = static_cast<std::int32_t>(j);
        owners[j] = static_cast<std::int32_t>(i);
      }
    }
    immiscible::detail::assign_tight_pairs(cost.view(), s);
    INFO("seed " << seed);
    CHECK(s.column_of_row == expected);
    CHECK(s.row_of_column == owners);
  }
}

TEST_CASE("a relaxed row: the nearest open column, among equals a free one, then the lowest index") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto cost = with_ties(10, 10, seed, 8);
    shortest_paths_state<double> s;
    immiscible::detail::start_from_nothing(10, 10, s);
    take_some_columns(s, seed + 1);
    s.open_price = s.noise_price;
    tests::random_source draw(seed);
    for (double& far : s.distance) far = draw.below(2) == 0 ? infinity : static_cast<double>(draw.below(6));
    const auto before = s.distance;
    const std::size_t nearest = immiscible::detail::relax_row(cost.view().row(3), 3, 2.0, 10, s);
    std::vector<double> distance(10);
    for (std::size_t j = 0; j < 10; ++j) distance[j] = std::min(before[j], cost(3, j) + 2);
    const double least = *std::min_element(distance.begin(), distance.end());
    std::size_t expected = 10;
    for (const bool free : {true, false}) {
      for (std::size_t j = 0; j < 10 && expected == 10; ++j) {
        if (distance[j] == least && (s.row_of_column[j] < 0) == free) expected = j;
      }
    }
    INFO("seed " << seed);
    CHECK(s.distance == distance);
    CHECK(nearest == expected);
    for (std::size_t j = 0; j < 10; ++j) {
      if (distance[j] < before[j]) CHECK(s.parent[j] == 3);
    }
  }
}

}  // namespace shortest_paths_tests

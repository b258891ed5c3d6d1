// Cost matrices that are hard, each for a reason of its own. All values are integers unless the name says otherwise.
#pragma once

#include "support/matrix.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace tests {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Random integers 0 ... values - 1; few values mean many ties.
inline matrix<double> random_integers(std::size_t n, std::size_t m, std::uint64_t seed, std::int64_t values) {
  random_source draw(seed);
  return make_matrix<double>(n, m, [&](std::size_t, std::size_t) { return draw.below(values); });
}

/// Each entry becomes +infinity with probability `percent` / 100.
inline matrix<double> with_forbidden(matrix<double> cost, std::uint64_t seed, int percent) {
  random_source draw(seed);
  for (double& c : cost.values) c = draw.below(100) < percent ? infinity : c;
  return cost;
}

/// Machol and Wien (1969): c_ij = i j from 1. Every shortest path is long; the optimum (n = m) is n (n + 1) (n + 2) / 6.
inline matrix<double> machol_wien(std::size_t n, std::size_t m, std::uint64_t = 0) {
  return make_matrix<double>(n, m, [](std::size_t i, std::size_t j) { return (i + 1) * (j + 1); });
}

inline matrix<double> constant(std::size_t n, std::size_t m, std::uint64_t seed) {
  return make_matrix<double>(n, m, [&](std::size_t, std::size_t) { return static_cast<double>(seed % 7) - 3; });
}

inline matrix<double> few_values(std::size_t n, std::size_t m, std::uint64_t seed) {
  return random_integers(n, m, seed, 3);
}

inline matrix<double> many_values(std::size_t n, std::size_t m, std::uint64_t seed) {
  return random_integers(n, m, seed, 30000);
}

/// Rows and columns each come in three copies.
inline matrix<double> duplicates(std::size_t n, std::size_t m, std::uint64_t seed) {
  const matrix<double> base = random_integers(n / 3 + 1, m / 3 + 1, seed, 1000);
  return make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) { return base(i / 3, j / 3); });
}

/// Squared distances between points of a small grid in the plane.
inline matrix<double> points_in_plane(std::size_t n, std::size_t m, std::uint64_t seed) {
  random_source draw(seed);
  std::vector<std::array<double, 2>> points(n + m);
  for (auto& point : points) point = {static_cast<double>(draw.below(64)), static_cast<double>(draw.below(64))};
  return make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
    const double dx = points[i][0] - points[n + j][0], dy = points[i][1] - points[n + j][1];
    return dx * dx + dy * dy;
  });
}

/// Minus the products of samples that share most of what they are, as images do, with bell-shaped noise: rows alike.
inline matrix<double> rows_alike(std::size_t n, std::size_t m, std::uint64_t seed) {
  random_source draw(seed);
  constexpr std::size_t d = 12;
  const auto common = make_matrix<double>(1, d, [&](std::size_t, std::size_t) { return draw.below(40); });
  const auto images = make_matrix<double>(
      n, d, [&](std::size_t, std::size_t k) { return common(0, k) + static_cast<double>(draw.below(12)); });
  const auto noise = make_matrix<double>(
      m, d, [&](std::size_t, std::size_t) { return draw.below(16) + draw.below(16) + draw.below(16) - 22; });
  return make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
    double product = 0;
    for (std::size_t k = 0; k < d; ++k) product += images(i, k) * noise(j, k);
    return -product;
  });
}

/// Row i is cheap in columns i and i + 1 only, and cheapest in the later: row 0's choice moves every row.
inline matrix<double> staircase(std::size_t n, std::size_t m, std::uint64_t seed) {
  random_source draw(seed);
  return make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
    const std::int64_t cheap = j == (i + 1) % n ? 0 : 1;
    return j == i || j == i + 1 ? cheap : 1000 + draw.below(20);
  });
}

/// One row can take one column only, which every other row would rather have.
inline matrix<double> one_forced_pair(std::size_t n, std::size_t m, std::uint64_t seed) {
  matrix<double> cost = random_integers(n, m, seed, 1000);
  if (n == 0) return cost;
  const std::size_t row = n / 2, column = m / 3;
  for (std::size_t i = 0; i < n; ++i) cost(i, column) = -20000;
  for (std::size_t j = 0; j < m; ++j) cost(row, j) = j == column ? 5000 : 30000;
  return cost;
}

/// More rows want the first third of the columns than there is room for, at any price below 10000: a price war.
inline matrix<double> price_war(std::size_t n, std::size_t m, std::uint64_t seed) {
  random_source draw(seed);
  return make_matrix<double>(n, m, [&](std::size_t, std::size_t j) { return (j < m / 3 ? 0 : 10000) + draw.below(2); });
}

/// One row dear, one column dear, by the whole range of 16 bits.
inline matrix<double> one_huge_row(std::size_t n, std::size_t m, std::uint64_t seed) {
  random_source draw(seed);
  return make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
    return i == 1 ? 32767 - draw.below(3) : j == 2 ? -32768 + draw.below(3) : draw.below(50);
  });
}

/// The whole range of 16 bits, ends included.
inline matrix<double> whole_range_16(std::size_t n, std::size_t m, std::uint64_t seed) {
  random_source draw(seed);
  return make_matrix<double>(n, m, [&](std::size_t, std::size_t) {
    const std::int64_t pick = draw.below(8);
    return pick == 0 ? -32768 : pick == 1 ? 32767 : draw.below(65536) - 32768;
  });
}

struct family {
  const char* name;
  matrix<double> (*make)(std::size_t n, std::size_t m, std::uint64_t seed);
};

/// The families that fit 16-bit integers (Machol-Wien up to n = m = 181).
inline const std::vector<family>& families() {
  static const std::vector<family> all{
      {"Machol-Wien", machol_wien}, {"constant", constant},         {"few values", few_values},
      {"many values", many_values}, {"duplicates", duplicates},     {"points in the plane", points_in_plane},
      {"rows alike", rows_alike},   {"staircase", staircase},       {"one forced pair", one_forced_pair},
      {"price war", price_war},     {"one huge row", one_huge_row}, {"whole range of 16 bits", whole_range_16},
  };
  return all;
}

}  // namespace tests

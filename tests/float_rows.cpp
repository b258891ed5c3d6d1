// Samples of costs as floats (detail/float_rows-inl.hpp) beside plain loops in double, instruction set by instruction set. Start prices
// come from them, and any would do: the solvers' answers would stay right with some of this wrong, and only take longer.
#include "support/fast_solvers.hpp"
#include "support/matrix.hpp"

#include <immiscible/detail/aligned_vector.hpp>
#include <immiscible/detail/float_rows.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tests {

struct column_samples {
  immiscible::detail::aligned_vector<float> first, value, mean, square;

  explicit column_samples(std::size_t padded)
      : first(padded, 0.0f), value(padded, 0.0f), mean(padded, 0.0f), square(padded, 0.0f) {}
};

}  // namespace tests

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE "support/float_rows_results-inl.hpp"
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace float_rows_tests {

namespace {

template <class Cost>
tests::column_samples sampled_columns_portable(const immiscible::batch<Cost>& cost, std::size_t rows, float scale,
                                               std::size_t padded) {
  tests::column_samples s(padded);
  const std::size_t n = cost.rows(), m = cost.columns();
  const auto count = static_cast<double>(rows);
  std::vector<double> sum(m), squares(m);
  const auto above_first = [&](std::size_t i, std::size_t j) {
    return static_cast<double>(scale) * (static_cast<double>(cost(i, j)) - static_cast<double>(cost(0, j)));
  };
  for (std::size_t r = 1; r < rows; ++r) {
    const std::size_t i = immiscible::detail::sampled_row(r, rows, n);
    double own = 0;
    for (std::size_t j = 0; j < m; ++j) own += above_first(i, j) / static_cast<double>(m);
    for (std::size_t j = 0; j < m; ++j) {
      sum[j] += above_first(i, j) - own;
      squares[j] += (above_first(i, j) - own) * (above_first(i, j) - own);
    }
  }
  for (std::size_t j = 0; j < m; ++j) {
    const double mean = sum[j] / count;
    s.first[j] = scale * static_cast<float>(cost(0, j));
    s.mean[j] = static_cast<float>(mean);
    s.square[j] = static_cast<float>(squares[j] / count - mean * mean);
  }
  return s;
}

[[maybe_unused]] void rough_exponentials_portable(const std::vector<float>&, float, float, float*) {}
[[maybe_unused]] void demand_portable(const float*, float, std::size_t, float*) {}

template <class Cost>
tests::column_samples sampled_columns(immiscible::detail::simd_target target, const immiscible::batch<Cost>& cost,
                                      std::size_t rows, float scale, std::size_t padded) {
  using namespace immiscible::detail;
  return IMMISCIBLE_SIMD_CHOOSE(target, sampled_columns_simd<Cost>, sampled_columns_portable<Cost>)(cost, rows, scale,
                                                                                                    padded);
}

std::vector<float> rough_exponentials(immiscible::detail::simd_target target, const std::vector<float>& x,
                                      float temperature, float least) {
  using namespace immiscible::detail;
  std::vector<float> out(x.size());
  IMMISCIBLE_SIMD_CHOOSE(target, rough_exponentials_simd, rough_exponentials_portable)
  (x, temperature, least, out.data());
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("means and variances of sampled columns, each row less its own mean", "", float, double,
                   std::int16_t, std::int32_t) {
  tests::random_source draw(1);
  for (const auto& [n, m, padded] :
       {std::array<std::size_t, 3>{70, 64, 64}, {40, 45, 48}, {90, 33, 64}, {33, 47, 64}, {200, 16, 32}}) {
    const auto cost = tests::converted<TestType>(tests::make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
      const double level = 50.0 * static_cast<double>(i) - 90.0 * static_cast<double>(j);
      return level + static_cast<double>(draw.below(1000));
    }));
    const std::size_t rows = std::min<std::size_t>(64, n);
    for (const float scale : {1.0f, 0.25f, 16.0f}) {
      const immiscible::batch<TestType> view = cost.view();
      const auto plain = sampled_columns(immiscible::detail::simd_target::portable, view, rows, scale, padded);
      for (const auto target : tests::simd_targets()) {
        const auto here = sampled_columns(target, view, rows, scale, padded);
        for (std::size_t j = 0; j < padded; ++j) {
          INFO("n = " << n << ", m = " << m << ", column " << j << ", scale " << scale);
          CHECK(here.first[j] == plain.first[j]);
          CHECK(here.mean[j] == Approx(plain.mean[j]).margin(2e-3 * static_cast<double>(scale)));
          CHECK(here.square[j] == Approx(plain.square[j]).epsilon(1e-3));
        }
      }
    }
  }
}

TEST_CASE("the exponential is right to 3 %, wherever the least is, and ends in nothing") {
  for (const auto target : tests::simd_targets()) {
    for (const float temperature : {1.0f, 1024.0f, 40000.0f}) {
      for (const float least : {0.0f, -300 * temperature, 5000 * temperature}) {
        std::vector<float> x;
        for (int k = 0; k < 2000; ++k) x.push_back(least + temperature * 0.01f * static_cast<float>(k));
        const auto out = rough_exponentials(target, x, temperature, least);
        const float relative_to_nothing = rough_exponentials(target, {least}, temperature, least)[0];
        CHECK(relative_to_nothing == Approx(1).epsilon(0.05));
        for (std::size_t k = 0; k < x.size(); ++k) {
          const double above =
              (static_cast<double>(x[k]) - static_cast<double>(least)) / static_cast<double>(temperature);
          INFO("temperature " << temperature << ", least " << least << ", " << above << " above");
          CHECK(static_cast<double>(out[k]) == Approx(std::exp(-above)).epsilon(0.04));
        }
        const auto far =
            rough_exponentials(target, {least + 100 * temperature, least + 1e6f * temperature}, temperature, least);
        CHECK(far[0] < 1e-30f);
        CHECK(far[1] < 1e-30f);
        CHECK(far[1] >= 0);
      }
    }
  }
}

TEST_CASE("a row's demand: its shares of one, added") {
  using namespace immiscible::detail;
  for (const auto target : tests::simd_targets()) {
    aligned_vector<float> value(48), demand(48);
    for (std::size_t j = 0; j < 48; ++j) {
      value[j] = static_cast<float>(j);
      demand[j] = 3.0f;
    }
    IMMISCIBLE_SIMD_CHOOSE(target, demand_simd, demand_portable)(value.data(), 64.0f, 48, demand.data());
    for (std::size_t j = 0; j < 48; ++j) CHECK(demand[j] == 3.0f + static_cast<float>(j) / 64);
  }
}

}  // namespace float_rows_tests

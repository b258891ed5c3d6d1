// Costs in bytes: the integers are right, the pairs are nearly as good, and what bytes cannot hold is left to float.
#include "support/matrix.hpp"

#include <immiscible/immiscible.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace int8_tests {

using Catch::Matchers::Contains;
using immiscible::assign;
using immiscible::assign_options;
using immiscible::assignment;
using immiscible::cost_function;
using immiscible::method;
using immiscible::precision;
using tests::make_matrix;
using tests::matrix;

namespace {

matrix<float> normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  matrix<float> values(rows, columns);
  immiscible::normal_rows(seed, 0, 0, values.view());
  return values;
}

/// Values from -1 to 1 that vary slowly along a row, with a frequency and a phase of the row's own: dull pictures.
matrix<float> pictures(std::size_t rows, std::size_t columns) {
  tests::random_source random(3);
  std::vector<double> frequency(rows), phase(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    frequency[i] = 0.5 + 3 * random.uniform();
    phase[i] = 6.3 * random.uniform();
  }
  return make_matrix<float>(rows, columns, [&](std::size_t i, std::size_t k) {
    const double x = static_cast<double>(k) / static_cast<double>(columns);
    return static_cast<float>(std::sin(phase[i] + 6.3 * frequency[i] * x));
  });
}

assign_options options_of(precision wanted, method how = method::exact,
                          cost_function cost = cost_function::squared_l2) {
  assign_options options;
  options.precision = wanted;
  options.method = how;
  options.cost = cost;
  return options;
}

double product(const matrix<float>& images, const matrix<float>& noise, std::size_t i, std::size_t j) {
  double sum = 0;
  for (std::size_t k = 0; k < images.columns; ++k) {
    sum += static_cast<double>(images(i, k)) * static_cast<double>(noise(j, k));
  }
  return sum;
}

double total_product(const matrix<float>& images, const matrix<float>& noise,
                     const std::vector<std::int32_t>& noise_of_image) {
  double sum = 0;
  for (std::size_t i = 0; i < images.rows; ++i) {
    sum += product(images, noise, i, static_cast<std::size_t>(noise_of_image[i]));
  }
  return sum;
}

double mean_total_product(const matrix<float>& images, const matrix<float>& noise) {
  double sum = 0;
  for (std::size_t i = 0; i < images.rows; ++i) {
    for (std::size_t j = 0; j < noise.rows; ++j) sum += product(images, noise, i, j);
  }
  return sum / static_cast<double>(noise.rows);
}

/// The share of what exact pairing gains in float that these pairs gain.
double kept(const matrix<float>& images, const matrix<float>& noise, const assignment& rounded) {
  const double unpaired = mean_total_product(images, noise);
  const assignment full = assign(images, noise);
  return (total_product(images, noise, rounded.noise_of_image) - unpaired) /
         (total_product(images, noise, full.noise_of_image) - unpaired);
}

}  // namespace

TEST_CASE("pairs from bytes keep 99.95 % of the exact gain") {
  for (const std::size_t n : {100, 256}) {
    const matrix<float> noise = normal(n, 512, 5);
    for (const matrix<float>& images : {pictures(n, 512), normal(n, 512, 4)}) {
      const assignment paired = assign(images, noise, options_of(precision::automatic));
      CHECK(paired.precision == precision::int8);
      CHECK(paired.status == immiscible::status::optimal);
      CHECK(kept(images, noise, paired) > 0.9995);
      CHECK(paired.total_cost ==
            Approx(assign(images, noise).total_cost).epsilon(1e-3));  // of the rounded costs, in the same units
    }
  }
}

TEST_CASE("the answer is exact for the rounded costs, and its prices prove it") {
  for (const std::size_t m : {70, 90}) {
    const std::size_t n = 70, d = 300;
    const matrix<float> images = pictures(n, d), noise = normal(m, d, 6);
    // The rounding, written out: least and greatest image value become 0 and 127, noise is cut at 4 root mean squares.
    float least = 0, most = 0;
    double squares = 0;
    for (const float x : images.values) least = std::min(least, x), most = std::max(most, x);
    for (const float e : noise.values) squares += static_cast<double>(e) * static_cast<double>(e);
    const double root = std::sqrt(squares / static_cast<double>(noise.values.size()));
    const double a = 127 / (static_cast<double>(most) - static_cast<double>(least)), s = 127 / (4 * root);
    const auto rounded_image = [&](float x) {
      return std::nearbyint((static_cast<double>(x) - least) * a) / a + least;
    };
    const auto rounded_noise = [&](float e) {
      return std::max(-127.0, std::min(127.0, std::nearbyint(static_cast<double>(e) * s))) / s;
    };
    const auto cost = make_matrix<double>(n, m, [&](std::size_t i, std::size_t j) {
      double image_norm = 0, noise_norm = 0, sum = 0;
      for (std::size_t k = 0; k < d; ++k) {
        image_norm += static_cast<double>(images(i, k)) * static_cast<double>(images(i, k));
        noise_norm += static_cast<double>(noise(j, k)) * static_cast<double>(noise(j, k));
        sum += rounded_image(images(i, k)) * rounded_noise(noise(j, k));
      }
      return image_norm + noise_norm - 2 * sum;
    });
    for (const method how : {method::exact, method::auction}) {
      const assignment paired = assign(images, noise, options_of(precision::int8, how));
      CHECK(paired.precision == precision::int8);
      double total = 0;
      for (std::size_t i = 0; i < n; ++i) total += cost(i, static_cast<std::size_t>(paired.noise_of_image[i]));
      CHECK(paired.total_cost == Approx(total).epsilon(1e-6));
      const double optimum = immiscible::jonker_volgenant(cost).total_cost;
      if (how == method::exact) {
        CHECK(immiscible::is_optimal(cost.view(), paired, 1e-6));
        CHECK(paired.total_cost == Approx(optimum).epsilon(1e-6));
      }
      CHECK(paired.lower_bound <= optimum * (1 + 1e-6));
      CHECK(total >= optimum * (1 - 1e-6));
    }
  }
}

TEST_CASE("inner products in bytes") {
  const matrix<float> images = pictures(64, 300), noise = normal(64, 300, 7);
  const auto paired = assign(images, noise, options_of(precision::int8, method::exact, cost_function::inner_product));
  CHECK(paired.total_cost == Approx(-total_product(images, noise, paired.noise_of_image)).epsilon(5e-3));
  CHECK(paired.noise_of_image == assign(images, noise, options_of(precision::int8)).noise_of_image);  // n = m: the same
}

TEST_CASE("the pairs do not depend on the number of threads or on what the workspace held") {
  const matrix<float> images = pictures(200, 333), noise = normal(200, 333, 8);
  assign_options options = options_of(precision::int8);
  const assignment once = assign(images, noise, options);
  immiscible::assign_workspace<float> workspace;
  assignment again;
  for (const std::size_t threads : {2, 3, 1}) {
    options.threads = threads;
    const matrix<float> others = normal(40 * threads, 100, 9);
    assign(others.view(), immiscible::batch<float>(others.view()), options, again, workspace);
    assign(images.view(), noise.view(), options, again, workspace);
    CHECK(again.noise_of_image == once.noise_of_image);
    CHECK(again.noise_price == once.noise_price);
    CHECK(again.total_cost == once.total_cost);
  }
  options.precision = precision::full;
  assign(images.view(), noise.view(), options, again, workspace);
  CHECK(again.precision == precision::full);
}

TEST_CASE("automatic leaves to float what bytes would spoil") {
  const matrix<float> noise = normal(64, 512, 10), images = pictures(64, 512);
  const auto chosen = [&](const matrix<float>& x, const matrix<float>& e, method how = method::exact,
                          cost_function cost = cost_function::squared_l2) {
    return assign(x, e, options_of(precision::automatic, how, cost)).precision;
  };
  CHECK(chosen(images, noise) == precision::int8);
  CHECK(chosen(images, noise, method::auction) == precision::int8);
  for (const method how : {method::greedy, method::greedy_by_row, method::nearest, method::none}) {
    CHECK(chosen(images, noise, how) == precision::full);
  }
  for (const auto cost : {cost_function::l2, cost_function::cosine, cost_function::published}) {
    CHECK(chosen(images, noise, method::exact, cost) == precision::full);
  }
  CHECK(chosen(pictures(16, 100), normal(16, 100, 1)) == precision::full);  // too small to matter

  matrix<float> outlier = images;  // one value far out: all others would share a few bytes
  outlier(5, 5) = 1000;
  CHECK(chosen(outlier, noise) == precision::full);
  for (const std::size_t row : {0u, 1u, 17u}) {  // an image far out: all others would be rounded to a few bytes
    matrix<float> far_image = images;
    for (std::size_t k = 0; k < 512; ++k) far_image(row, k) = 255 * (1 + images(row, k));
    CHECK(chosen(far_image, noise) == precision::full);
  }
  matrix<float> far_noise = noise;
  far_noise(5, 5) = 100;
  CHECK(chosen(images, far_noise) == precision::full);
  const auto constant = make_matrix<float>(64, 512, [](std::size_t, std::size_t) { return 0.5f; });
  CHECK(chosen(constant, noise) == precision::full);
  CHECK(chosen(images, make_matrix<float>(64, 512, [](std::size_t, std::size_t) { return 0.0f; })) ==
        precision::int8);  // any pairing is as good

  const auto wide =
      make_matrix<double>(64, 512, [&](std::size_t i, std::size_t k) { return static_cast<double>(images(i, k)); });
  CHECK(assign(wide, wide, options_of(precision::automatic)).precision == precision::full);
}

TEST_CASE("bytes work for samples that are hard to round, and no samples at all") {
  const auto huge = make_matrix<float>(40, 50, [](std::size_t i, std::size_t k) {
    return 1e15f * static_cast<float>(static_cast<int>((i * 7 + k) % 11) - 5);
  });
  const auto tiny = make_matrix<float>(40, 50, [](std::size_t i, std::size_t k) {
    return 1e-15f * static_cast<float>(static_cast<int>((i * 7 + k) % 11) - 5);
  });
  const matrix<float> noise = normal(40, 50, 2);
  for (const matrix<float>& images : {huge, tiny}) {
    const assignment paired = assign(images, noise, options_of(precision::int8));
    CHECK(kept(images, noise, paired) > 0.99);
  }
  const matrix<float> black(4, 16);  // more noises than images: the norms of the noise decide, in whatever unit it is
  for (const float deviation : {1.0f, 1e-3f, 1e-6f, 1e3f}) {
    matrix<float> many = normal(60, 16, 3);
    for (float& e : many.values) e *= deviation;
    const assignment paired = assign(black, many, options_of(precision::int8));
    const double optimum = assign(black, many).total_cost;
    CHECK(paired.total_cost == Approx(optimum).epsilon(1e-2));
    double total = 0;
    for (const std::int32_t j : paired.noise_of_image) {
      for (std::size_t k = 0; k < 16; ++k) {
        const auto e = static_cast<double>(many(static_cast<std::size_t>(j), k));
        total += e * e;
      }
    }
    CHECK(total == Approx(optimum).epsilon(1e-3));
  }
  const auto zero = make_matrix<float>(40, 50, [](std::size_t, std::size_t) { return 0.0f; });
  CHECK(assign(zero, zero, options_of(precision::int8)).noise_of_image ==
        assign(zero, zero).noise_of_image);  // all equal: the identity
  CHECK(assign(matrix<float>(0, 5), matrix<float>(0, 5), options_of(precision::int8)).noise_of_image.empty());
  CHECK(assign(matrix<float>(3, 0), matrix<float>(3, 0), options_of(precision::automatic)).noise_of_image ==
        std::vector<std::int32_t>{0, 1, 2});
}

TEST_CASE("int8 says clearly what it cannot do") {
  const matrix<float> images = pictures(8, 20), noise = normal(8, 20, 1);
  CHECK_THROWS_WITH(assign(images, noise, options_of(precision::int8, method::greedy)),
                    Contains("method::exact or auction"));
  CHECK_THROWS_WITH(assign(images, noise, options_of(precision::int8, method::exact, cost_function::l2)),
                    Contains("inner_product for precision::int8"));
  const matrix<double> wide(8, 20);
  CHECK_THROWS_WITH(assign(wide, wide, options_of(precision::int8)), Contains("needs float samples"));
  const matrix<float> long_rows(2, 140000);
  CHECK_THROWS_WITH(assign(long_rows, long_rows, options_of(precision::int8)), Contains("rounded costs fit int32"));
  matrix<float> broken = images;
  broken(3, 4) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(assign(broken, noise, options_of(precision::int8)), Contains("NaN in row 3"));
}

TEST_CASE("noise_matcher pairs in bytes, and its noise stays a permutation of what was drawn") {
  const matrix<float> images = pictures(128, 512);
  immiscible::noise_matcher_options options;
  options.seed = 9;
  options.pairing = options_of(precision::automatic);
  immiscible::noise_matcher match(options);
  const auto matched = match(images, 3);
  CHECK(matched.pairs.precision == precision::int8);
  matrix<float> drawn(128, 512);
  immiscible::normal_rows(9, 3, 0, drawn.view());
  for (std::size_t i = 0; i < 128; ++i) {
    const auto source = static_cast<std::size_t>(matched.pairs.noise_of_image[i]);
    for (std::size_t k = 0; k < 512; ++k) REQUIRE(matched.noise(i, k) == drawn(source, k));
  }
}

TEST_CASE("the caller's number of OpenMP threads stays as it was") {
  omp_set_num_threads(3);
  assign(pictures(64, 64), normal(64, 64, 1), options_of(precision::int8));
  assign(pictures(64, 64), normal(64, 64, 1));
  CHECK(omp_get_max_threads() == 3);
}

}  // namespace int8_tests

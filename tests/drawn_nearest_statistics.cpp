// Noise drawn as the nearest of k has the law of the nearest of k: against brute force, by Kolmogorov-Smirnov tests.
// Seeds are fixed, so each bound is either kept for ever or never. Wrong laws are tested too: they must be seen.
#include "support/matrix.hpp"
#include "support/noise_laws.hpp"

#include <immiscible/drawn_nearest.hpp>
#include <immiscible/nearest_noise.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace drawn_nearest_statistics_tests {

namespace detail = immiscible::detail;
using immiscible::cost_function;
using tests::add_features;
using tests::check_same_law;
using tests::critical;
using tests::feature_samples;
using tests::matrix;
using tests::two_sample_statistic;
using tests::worst_statistic;

namespace {

/// sqrt(n) times the largest distance of the sample's distribution function from `cdf`.
template <class Cdf>
double one_sample_statistic(std::vector<double> sample, const Cdf& cdf) {
  std::sort(sample.begin(), sample.end());
  const auto count = static_cast<double>(sample.size());
  double largest = 0;
  for (std::size_t k = 0; k < sample.size(); ++k) {
    const double p = cdf(sample[k]), below = static_cast<double>(k) / count;
    largest = std::max({largest, p - below, below + 1 / count - p});
  }
  return std::sqrt(count) * largest;
}

double normal_cdf(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

/// P(chi-square with `degrees` <= x), by the series of the incomplete gamma function.
double chi_square_cdf(double degrees, double x) {
  const double a = degrees / 2, y = x / 2;
  if (!(y > 0)) return 0;
  double term = std::exp(a * std::log(y) - y - std::lgamma(a + 1)), sum = 0;
  for (double k = 1; term > 1e-17 * sum; ++k) {
    sum += term;
    term *= y / (a + k);
  }
  return std::min(sum, 1.0);
}

struct setting {
  std::size_t d;
  unsigned k;
  double scale;  ///< of the image, whose values are about N(0, scale^2)
  std::size_t count;
};

std::vector<float> image_of(const setting& test) {
  return tests::bell_samples<float>(1, test.d, 77, 0, test.scale).values;
}

constexpr std::uint64_t drawn_seed = 1, brute_seed = 2;

feature_samples drawn(const setting& test, cost_function function = cost_function::squared_l2, double k = 0) {
  const std::vector<float> x = image_of(test);
  const immiscible::batch<float> image(x.data(), 1, test.d);
  std::vector<float> noise(test.d);
  feature_samples out;
  for (std::size_t i = 0; i < test.count; ++i) {
    immiscible::nearest_normal_rows(drawn_seed, 3, i, image, k > 0 ? k : test.k, {noise.data(), 1, test.d}, function);
    add_features(x.data(), noise.data(), test.d, out);
  }
  return out;
}

/// Brute force: k rows of noise, of which the first with the least cost is kept.
feature_samples brute(const setting& test, cost_function function = cost_function::squared_l2,
                      std::uint64_t seed = brute_seed) {
  const std::vector<float> x = image_of(test);
  std::vector<float> candidates(test.k * test.d);
  feature_samples out;
  for (std::size_t i = 0; i < test.count; ++i) {
    immiscible::normal_rows(seed, 4, i * test.k, {candidates.data(), test.k, test.d});
    const float* best = nullptr;
    double least = 0;
    for (std::size_t c = 0; c < test.k; ++c) {
      const float* n = candidates.data() + c * test.d;
      double square = 0, product = 0;
      for (std::size_t j = 0; j < test.d; ++j) {
        square += double{n[j]} * n[j];
        product += double{n[j]} * x[j];
      }
      const double cost = function == cost_function::inner_product ? -product : square - 2 * product;
      if (best == nullptr || cost < least) {
        best = n;
        least = cost;
      }
    }
    add_features(x.data(), best, test.d, out);
  }
  return out;
}

}  // namespace

TEST_CASE("drawn by distance: distance, s, lengths and values have the law of brute force, from 1 to 12,288 values") {
  const setting tests[] = {{1, 8, 0.5, 20000},   {2, 2, 0.5, 20000},   {2, 64, 1.5, 10000},   {3, 8, 0.5, 20000},
                           {4, 64, 0.5, 10000},  {16, 4, 0.5, 20000},  {16, 1000, 0.5, 1500}, {100, 64, 0.5, 4000},
                           {784, 16, 0.5, 3000}, {3072, 8, 0.5, 4000}, {3072, 64, 0.5, 2000}, {12288, 8, 0.5, 1500}};
  for (const setting& test : tests) {
    CAPTURE(test.d, test.k);
    check_same_law(drawn(test), brute(test));
  }
}

TEST_CASE("drawn by distance: images of zeros, of tiny and of huge values") {
  for (const double scale : {0.0, 1e-30, 0.01, 20.0, 1e6, 1e30}) {
    for (const std::size_t d : {1u, 2u, 16u}) {
      const setting test{d, 8, scale, 8000};
      CAPTURE(d, scale);
      check_same_law(drawn(test), brute(test));
    }
  }
}

TEST_CASE("drawn by inner product: the law of brute force, and the greatest of k normals for every real k") {
  const setting tests[] = {{1, 8, 0.5, 20000}, {2, 64, 0.5, 10000}, {16, 4, 0.5, 20000}, {784, 16, 0.5, 2000}};
  for (const setting& test : tests) {
    CAPTURE(test.d, test.k);
    check_same_law(drawn(test, cost_function::inner_product), brute(test, cost_function::inner_product));
  }
  const setting test{8, 1, 0.5, 20000};
  for (const double k : {1.0, 1.25, 2.5, 64.0, 1e6}) {
    const feature_samples samples = drawn(test, cost_function::inner_product, k);
    CAPTURE(k);
    CHECK(one_sample_statistic(samples[1], [&](double s) { return std::pow(normal_cdf(s), k); }) < critical(1e-4));
    CHECK(one_sample_statistic(samples[3], [&](double r2) { return chi_square_cdf(7, r2); }) < critical(1e-4));
  }
}

TEST_CASE("the mean and the covariance of drawn noise are those of brute force") {
  constexpr std::size_t d = 4, count = 50000;
  const std::vector<float> x = {0.9f, -0.3f, 0.5f, 1.2f};
  const auto moments = [&](bool is_drawn) {  // means of n_a and of n_a n_b
    std::array<double, d*(d + 1)> sums{};
    std::vector<float> noise(d), candidates(8 * d);
    for (std::size_t i = 0; i < count; ++i) {
      const immiscible::batch<float> image(x.data(), 1, d);
      if (is_drawn) {
        immiscible::nearest_normal_rows(drawn_seed, 5, i, image, 8, {noise.data(), 1, d});
      } else {
        immiscible::normal_rows(brute_seed, 5, i * 8, {candidates.data(), 8, d});
        const immiscible::batch<float> own(candidates.data(), 8, d);
        const auto chosen = immiscible::nearest_noise(image, own, 8).noise_of_image[0];
        std::copy_n(own.row(static_cast<std::size_t>(chosen)), d, noise.begin());
      }
      for (std::size_t a = 0; a < d; ++a) {
        sums[d * d + a] += noise[a];
        for (std::size_t b = 0; b < d; ++b) sums[a * d + b] += double{noise[a]} * noise[b];
      }
    }
    for (double& sum : sums) sum /= static_cast<double>(count);
    return sums;
  };
  const auto of_drawn = moments(true), of_brute = moments(false);
  for (std::size_t e = 0; e < of_drawn.size(); ++e) {
    CAPTURE(e);  // variances of n_a and n_a n_b stay below those of N(0, I), 1 and 2 (a == b) or 1
    CHECK(std::abs(of_drawn[e] - of_brute[e]) < 4.5 * std::sqrt(2 * 2.0 / count));
  }
  CHECK(of_drawn[0] < 0.95);           // the law is not N(0, I): shorter,
  CHECK(of_drawn[d * d + 3] > 0.5);    // and moved towards x
  CHECK(std::abs(of_drawn[3]) > 0.2);  // with values that depend on each other
}

TEST_CASE("candidates: s is N(0, 1), r2 is chi-square, and they are independent") {
  for (const std::size_t degrees : {1u, 2u, 3u, 4u, 10u, 99u, 783u, 3071u, 12287u}) {
    CAPTURE(degrees);
    const std::uint32_t count = degrees < 1000 ? 40000 : 10000;
    const detail::candidate_row row{1, 2, 3, 0, detail::chi_square_of(degrees)};
    std::vector<double> s, r2;
    double products = 0, squares = 0;
    for (std::uint32_t c = 1; c <= count; ++c) {
      const detail::drawn_candidate candidate = detail::draw_candidate(row, c);
      s.push_back(candidate.along);
      r2.push_back(candidate.across);
      const auto k = static_cast<double>(degrees);
      const double z = (candidate.across - k) / std::sqrt(2 * k);
      products += z * candidate.along;
      squares += z * (candidate.along * candidate.along - 1) / std::sqrt(2.0);
    }
    CHECK(one_sample_statistic(s, normal_cdf) < critical(1e-4));
    CHECK(one_sample_statistic(r2, [&](double x) { return chi_square_cdf(static_cast<double>(degrees), x); }) <
          critical(1e-4));
    CHECK(std::abs(products) / std::sqrt(count) < 4);
    CHECK(std::abs(squares) / std::sqrt(count) < 4);
  }
}

TEST_CASE("the shrinkage is that of the method: |n|^2 / d at d = 3072 for images of standard deviation 1/2") {
  const struct {
    unsigned k;
    double expected;  // simulated in NumPy from independent (s, r2): +- 0.00015
  } known[] = {{4, 0.9787}, {64, 0.9521}, {1024, 0.9344}};
  for (const auto& test : known) {
    const feature_samples samples = drawn({3072, test.k, 0.5, 4000});
    double sum = 0;
    for (const double square : samples[2]) sum += square / 3072;
    CAPTURE(test.k);
    CHECK(std::abs(sum / 4000 - test.expected) < 4 * std::sqrt(2.0 / 3072 / 4000));
  }
}

TEST_CASE("wrong laws are seen: one candidate more, length alone, direction alone, a rescaled plain row") {
  const setting test{16, 4, 0.5, 20000};
  const feature_samples truth = brute(test);
  CHECK(worst_statistic(brute(test, cost_function::squared_l2, 9), truth) <
        critical(1e-4));  // another seed: the same law
  CHECK(worst_statistic(drawn(test, cost_function::squared_l2, 5), truth) > critical(1e-8));
  CHECK(worst_statistic(drawn(test, cost_function::squared_l2, 3), truth) > critical(1e-8));
  CHECK(worst_statistic(drawn(test, cost_function::inner_product), truth) > critical(1e-8));  // s alone
  setting at_zero = test;
  at_zero.scale = 0;  // |n| alone
  const feature_samples shortest = drawn(at_zero);
  CHECK(two_sample_statistic(shortest[2], truth[2]) > critical(1e-8));
  feature_samples shrunk;  // plain rows with the mean |n|^2 of the truth
  const std::vector<float> x = image_of(test);
  double mean = 0;
  for (const double square : truth[2]) mean += square / static_cast<double>(test.count) / 16;
  std::vector<float> noise(test.d);
  for (std::size_t i = 0; i < test.count; ++i) {
    immiscible::normal_rows(drawn_seed, 3, i, {noise.data(), 1, test.d});
    for (float& e : noise) e *= static_cast<float>(std::sqrt(mean));
    add_features(x.data(), noise.data(), test.d, shrunk);
  }
  CHECK(worst_statistic(shrunk, truth) > critical(1e-8));
}

}  // namespace drawn_nearest_statistics_tests

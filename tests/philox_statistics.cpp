// The noise looks like independent N(0, 1) values. Seeds are fixed, so each bound is either kept for ever or never.
#include <immiscible/philox.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace philox_statistics_tests {

using immiscible::normal_rows;

namespace {

constexpr std::size_t n = 1024, d = 1024;

std::vector<float> draw(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index, std::size_t rows = n,
                        std::size_t columns = d) {
  std::vector<float> values(rows * columns);
  normal_rows(seed, step, first_index, {values.data(), rows, columns});
  return values;
}

/// P(Z <= z).
double normal_cdf(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

/// sum of f(a_k) f(b_k) / sqrt(count), for a function f of mean 0 and variance 1: about N(0, 1) if a and b are independent.
template <class Function>
double association(const float* a, const float* b, std::size_t count, const Function& f) {
  double sum = 0;
  for (std::size_t k = 0; k < count; ++k) sum += f(a[k]) * f(b[k]);
  return sum / std::sqrt(static_cast<double>(count));
}

/// The larger of the associations of values and of squares, in standard deviations.
double association(const float* a, const float* b, std::size_t count) {
  const auto value = [](double x) { return x; };
  const auto square = [](double x) { return (x * x - 1) / std::sqrt(2.0); };
  return std::max(std::abs(association(a, b, count, value)), std::abs(association(a, b, count, square)));
}

}  // namespace

TEST_CASE("moments are those of N(0, 1)") {
  const std::vector<float> noise = draw(11, 0, 0);
  double sums[5] = {};
  for (const double x : noise) {
    double power = 1;
    for (double& sum : sums) sum += std::exchange(power, power * x);
  }
  const double count = static_cast<double>(noise.size()), root = std::sqrt(count);
  CHECK(std::abs(sums[1] / root) < 4);                                  // mean 0, variance 1
  CHECK(std::abs((sums[2] - count) / root) < 4 * std::sqrt(2.0));       // mean 1, variance 2
  CHECK(std::abs(sums[3] / root) < 4 * std::sqrt(15.0));                // mean 0, variance 15
  CHECK(std::abs((sums[4] - 3 * count) / root) < 4 * std::sqrt(96.0));  // mean 3, variance 96
}

TEST_CASE("the distribution passes a Kolmogorov-Smirnov test, in all and at each place of a group") {
  std::vector<float> noise = draw(12, 0, 0);
  const auto statistic = [](std::vector<float>& sample) {  // sqrt(count) times the largest distance of the two CDFs
    std::sort(sample.begin(), sample.end());
    const double count = static_cast<double>(sample.size());
    double largest = 0;
    for (std::size_t k = 0; k < sample.size(); ++k) {
      const double p = normal_cdf(sample[k]), below = static_cast<double>(k) / count;
      largest = std::max({largest, p - below, below + 1 / count - p});
    }
    return std::sqrt(count) * largest;
  };
  for (std::size_t place = 0; place < 64; ++place) {
    std::vector<float> sample;
    for (std::size_t k = place; k < noise.size(); k += 64) sample.push_back(noise[k]);
    CAPTURE(place);
    CHECK(statistic(sample) < 2.3);  // p = 5e-5 each
  }
  CHECK(statistic(noise) < 1.95);  // p = 0.001
}

TEST_CASE("values beyond 2, 3, 4 and 4.5 are as frequent as they should be, on both sides") {
  const std::size_t rows = 4096;
  const std::vector<float> noise = draw(13, 0, 0, rows);
  for (const double z : {2.0, 3.0, 4.0, 4.5}) {
    const double expected = normal_cdf(-z) * static_cast<double>(noise.size());
    const auto above = std::count_if(noise.begin(), noise.end(), [&](float x) { return x > z; });
    const auto below = std::count_if(noise.begin(), noise.end(), [&](float x) { return x < -z; });
    CAPTURE(z, expected, above, below);
    CHECK(std::abs(static_cast<double>(above) - expected) < 4.5 * std::sqrt(expected));
    CHECK(std::abs(static_cast<double>(below) - expected) < 4.5 * std::sqrt(expected));
  }
  const auto ends = std::minmax_element(noise.begin(), noise.end());
  CHECK(*ends.second > 4.6);  // 4 million values: the largest is about 5.1
  CHECK(*ends.first < -4.6);
  CHECK(std::max(-*ends.first, *ends.second) <= 6.67f);
}

TEST_CASE("neighbours within a row, rows, steps and seeds are not associated") {
  const std::vector<float> noise = draw(14, 3, 0);
  for (const std::size_t lag : {1, 2, 3, 4, 8, 15, 16, 17, 31, 32, 48, 63, 64, 65, 128, 512}) {
    CAPTURE(lag);
    CHECK(association(noise.data(), noise.data() + lag, noise.size() - lag) < 4.5);
    CHECK(association(noise.data(), noise.data() + lag * d, noise.size() - lag * d) < 4.5);
  }
  const std::uint64_t far = std::uint64_t{1} << 32;
  const std::pair<std::uint64_t, std::uint64_t> others[] = {{14, 4}, {14, 2}, {14, far + 3}, {15, 3}, {14 + far, 3}};
  for (const auto& other : others) {
    CAPTURE(other.first, other.second);
    CHECK(association(noise.data(), draw(other.first, other.second, 0).data(), noise.size()) < 4.5);
  }
  CHECK(association(noise.data(), draw(14, 3, far).data(), noise.size()) < 4.5);
  CHECK(association(noise.data(), draw(3, 14, 0).data(), noise.size()) < 4.5);  // seed and step are not interchangeable
}

TEST_CASE("squared lengths of rows follow the chi-square law") {
  const std::vector<float> noise = draw(15, 0, 0);
  double sum = 0, sum_of_squares = 0;
  for (std::size_t r = 0; r < n; ++r) {
    double squared_length = 0;
    for (std::size_t c = 0; c < d; ++c) squared_length += double{noise[r * d + c]} * noise[r * d + c];
    const double standardised = (squared_length - d) / std::sqrt(2.0 * d);
    sum += standardised;
    sum_of_squares += standardised * standardised;
  }
  CHECK(std::abs(sum) / std::sqrt(double{n}) < 4);
  CHECK(std::abs(sum_of_squares - n) / std::sqrt(2.0 * n) < 4);
}

}  // namespace philox_statistics_tests

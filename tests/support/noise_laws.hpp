// Whether two samples of noise have one law: what a noise shows beside its image, and Kolmogorov's and Smirnov's test.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tests {

/// What a noise n shows of its law, beside its image x.
constexpr std::size_t features = 6;
constexpr const char* feature_names[features] = {"distance",     "s = n.x / |x|", "|n|",
                                                 "|n across x|", "first value",   "last value"};
using feature_samples = std::array<std::vector<double>, features>;

inline void add_features(const float* x, const float* n, std::size_t d, feature_samples& out) {
  double image = 0, noise = 0, product = 0;
  for (std::size_t j = 0; j < d; ++j) {
    image += double{x[j]} * x[j];
    noise += double{n[j]} * n[j];
    product += double{x[j]} * n[j];
  }
  const double s = image > 0 ? product / std::sqrt(image) : 0;
  const double values[features] = {noise - 2 * product, s, noise, noise - s * s, n[0], n[d - 1]};
  for (std::size_t f = 0; f < features; ++f) out[f].push_back(values[f]);
}

/// sqrt(n m / (n + m)) times the largest distance of the two samples' distribution functions.
inline double two_sample_statistic(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  double largest = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / n - static_cast<double>(j) / m));
  }
  return std::sqrt(n * m / (n + m)) * largest;
}

/// What either statistic exceeds with probability p if the laws are the same: 2 exp(-2 t^2) = p.
inline double critical(double p) { return std::sqrt(std::log(2 / p) / 2); }

/// The largest statistic of all features: above critical(p) where the laws differ.
inline double worst_statistic(const feature_samples& a, const feature_samples& b) {
  double worst = 0;
  for (std::size_t f = 0; f < features; ++f) worst = std::max(worst, two_sample_statistic(a[f], b[f]));
  return worst;
}

inline void check_same_law(const feature_samples& a, const feature_samples& b) {
  for (std::size_t f = 0; f < features; ++f) {
    CAPTURE(feature_names[f]);
    CHECK(two_sample_statistic(a[f], b[f]) < critical(1e-4));
  }
}

}  // namespace tests

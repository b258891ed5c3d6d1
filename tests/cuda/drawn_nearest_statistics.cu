// Noise drawn on the device as the nearest of k has the law of brute force on the device, by Kolmogorov-Smirnov tests.
// Seeds are fixed, so each bound is either kept for ever or never. A wrong law is tested too: it must be seen.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"
#include "support/noise_laws.hpp"

#include <immiscible/detail/drawn_nearest_brute_force.cuh>
#include <immiscible/drawn_nearest.cuh>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drawn_nearest_statistics_tests {

using immiscible::cost_function;
using immiscible::device_batch;
using immiscible::device_matrix;
using immiscible::device_status;

using tests::feature_samples;

namespace {

struct setting {
  std::size_t d;
  unsigned k;
  std::size_t count;
};

/// What `count` rows show that were drawn for one image.
template <class Draw>
feature_samples rows_by(const Draw& draw, const setting& test, std::uint64_t seed, cost_function function) {
  const auto image = tests::bell_samples<float>(1, test.d, 77, 0, 0.5);
  const auto images =
      tests::make_matrix<float>(test.count, test.d, [&](std::size_t, std::size_t j) { return image(0, j); });
  tests::device_array<float> x(images.values), out(images.values.size());
  tests::device_array<device_status> status(1);
  draw(seed, 3, 0, device_batch<float>(x.data(), test.count, test.d), test.k,
       device_matrix<float>(out.data(), test.count, test.d), status.data(), nullptr, function);
  const std::vector<float> rows = out.host();
  feature_samples features;
  for (std::size_t i = 0; i < test.count; ++i) {
    tests::add_features(image.values.data(), rows.data() + i * test.d, test.d, features);
  }
  return features;
}

feature_samples drawn(const setting& test, cost_function function = cost_function::squared_l2) {
  return rows_by([](const auto&... all) { immiscible::nearest_normal_rows(all...); }, test, 1, function);
}

feature_samples brute(const setting& test, cost_function function = cost_function::squared_l2) {
  return rows_by(immiscible::detail::nearest_normal_rows_brute_force, test, 2, function);
}

}  // namespace

TEST_CASE("drawn on the device: distance, s, lengths and values have the law of brute force") {
  const setting tests[] = {{1, 4, 1000}, {3, 4, 2000}, {3, 16, 500}, {17, 4, 2000}, {17, 16, 500}};
  for (const setting& test : tests) {
    CAPTURE(test.d, test.k);
    tests::check_same_law(drawn(test), brute(test));
  }
}

TEST_CASE("drawn on the device by inner product: the law of brute force") {
  for (const setting& test : {setting{3, 4, 1000}, setting{17, 16, 500}}) {
    CAPTURE(test.d, test.k);
    tests::check_same_law(drawn(test, cost_function::inner_product), brute(test, cost_function::inner_product));
  }
}

TEST_CASE("the tests would see one candidate too few, or a choice by another cost") {
  const feature_samples expected = brute({17, 4, 2000});
  CHECK(tests::worst_statistic(drawn({17, 3, 2000}), expected) > tests::critical(1e-4));
  CHECK(tests::worst_statistic(drawn({17, 4, 2000}, cost_function::inner_product), expected) > tests::critical(1e-4));
}

}  // namespace drawn_nearest_statistics_tests

// Nearest of k given candidates in device memory: against the CPU's choice, and against the definition.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/nearest_noise.cuh>
#include <immiscible/nearest_noise.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace nearest_noise_tests {

using immiscible::cost_function;
using immiscible::device_batch;
using immiscible::device_status;

using tests::matrix;

namespace {

constexpr cost_function costs[] = {cost_function::squared_l2, cost_function::l2, cost_function::inner_product};

struct answer {
  std::vector<std::int32_t> noise_of_image;
  std::vector<float> cost;
  device_status status;
};

/// The device's answer; rows lie `more` elements further apart than they are long, with NaN between them.
answer on_device(const matrix<float>& images, const matrix<float>& candidates, std::size_t k,
                 cost_function function = cost_function::squared_l2, std::size_t more = 0) {
  const std::size_t n = images.rows, d = images.columns;
  const tests::padded<float> x(images, 0, more, tests::not_a_number<float>),
      e(candidates, 0, more, tests::not_a_number<float>);
  tests::device_array<float> x_memory(x.memory), e_memory(e.memory), cost(n);
  tests::device_array<std::int32_t> noise_of_image(n);
  tests::device_array<device_status> status(1);
  immiscible::nearest_noise(device_batch<float>(x_memory.data(), n, d, d + more),
                            device_batch<float>(e_memory.data(), candidates.rows, d, d + more), k,
                            noise_of_image.data(), cost.data(), status.data(), nullptr, function);
  return {noise_of_image.host(), cost.host(), status.host()[0]};
}

double cost_of(cost_function function, const float* x, const float* e, std::size_t d) {
  double squares = 0, product = 0;
  for (std::size_t j = 0; j < d; ++j) {
    squares += (double{x[j]} - e[j]) * (double{x[j]} - e[j]);
    product += double{x[j]} * e[j];
  }
  if (function == cost_function::inner_product) return -product;
  return function == cost_function::l2 ? std::sqrt(squares) : squares;
}

}  // namespace

TEST_CASE("where sums are exact the device chooses the CPU's rows, ties included") {
  for (const std::size_t n : {1u, 2u, 31u, 32u, 33u, 127u, 129u}) {
    for (const std::size_t d : {1u, 3u, 31u, 64u}) {
      for (const std::size_t k : {1u, 2u, 9u, 33u}) {
        if (n * k > 300) continue;
        const auto images = tests::integer_samples<float>(n, d, k),
                   candidates = tests::integer_samples<float>(n * k, d, n);
        for (const cost_function function : costs) {
          CAPTURE(n, d, k, static_cast<int>(function));
          const answer here = on_device(images, candidates, k, function);
          const auto expected = immiscible::nearest_noise(images, candidates, k, function);
          CHECK(here.noise_of_image == expected.noise_of_image);
          CHECK(here.status == device_status::optimal);
        }
      }
    }
  }
}

TEST_CASE("each image gets the cheapest of its own candidates and is told its cost") {
  for (const std::size_t d : {1u, 31u, 64u, 784u, 3072u}) {
    const std::size_t n = 5, k = 10;
    const auto images = tests::bell_samples<float>(n, d, 1, 0.3, 0.5),
               candidates = tests::bell_samples<float>(n * k, d, 2);
    for (const cost_function function : costs) {
      CAPTURE(d, static_cast<int>(function));
      const answer here = on_device(images, candidates, k, function, 3);
      for (std::size_t i = 0; i < n; ++i) {
        const auto chosen = static_cast<std::size_t>(here.noise_of_image[i]);
        REQUIRE(chosen / k == i);
        const double own = cost_of(function, &images(i, 0), &candidates(chosen, 0), d);
        const double slack = 1e-5 * (1 + std::abs(own));
        CHECK(here.cost[i] == Approx(own).margin(slack));
        for (std::size_t c = i * k; c < (i + 1) * k; ++c) {
          CHECK(own <= cost_of(function, &images(i, 0), &candidates(c, 0), d) + slack);
        }
      }
    }
  }
}

TEST_CASE("of copies of one candidate the first is taken, whatever the values") {
  for (const std::size_t k : {2u, 9u, 40u}) {
    for (const std::size_t d : {1u, 37u, 200u}) {
      const auto images = tests::bell_samples<float>(3, d, 3), one_each = tests::bell_samples<float>(3, d, 4);
      const auto copies =
          tests::make_matrix<float>(3 * k, d, [&](std::size_t row, std::size_t j) { return one_each(row / k, j); });
      CAPTURE(k, d);
      const auto first = [k](std::size_t i) { return static_cast<std::int32_t>(i * k); };
      for (const cost_function function : costs) {
        CHECK(on_device(images, copies, k, function).noise_of_image ==
              std::vector<std::int32_t>{first(0), first(1), first(2)});
      }
    }
  }
}

TEST_CASE("a value that is not finite, or a cost that does not fit, leaves its image the first candidate and says so") {
  const std::size_t n = 4, k = 20, d = 40;
  const auto good_images = tests::bell_samples<float>(n, d, 3),
             good_candidates = tests::bell_samples<float>(n * k, d, 4);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const cost_function function : costs) {
    const answer good = on_device(good_images, good_candidates, k, function);
    for (const float bad : {tests::not_a_number<float>, infinity, -infinity, 3e38f}) {
      for (const bool in_image : {true, false}) {
        if (bad == 3e38f && function == cost_function::inner_product) continue;  // such products fit
        CAPTURE(bad, in_image, static_cast<int>(function));
        matrix<float> images = good_images, candidates = good_candidates;
        (in_image ? images(2, d - 1) : candidates(2 * k + 19, 33)) = bad;
        const answer here = on_device(images, candidates, k, function);
        CHECK(here.status == device_status::not_finite);
        CHECK(std::isnan(here.cost[2]));
        std::vector<std::int32_t> expected = good.noise_of_image;
        expected[2] = 2 * static_cast<std::int32_t>(k);
        CHECK(here.noise_of_image == expected);
      }
    }
  }
}

TEST_CASE("costs need not be asked for") {
  const auto images = tests::integer_samples<float>(3, 5, 1), candidates = tests::integer_samples<float>(12, 5, 2);
  tests::device_array<float> x(images.values), e(candidates.values);
  tests::device_array<std::int32_t> noise_of_image(3);
  tests::device_array<device_status> status(1);
  immiscible::nearest_noise(device_batch<float>(x.data(), 3, 5), device_batch<float>(e.data(), 12, 5), 4,
                            noise_of_image.data(), nullptr, status.data(), nullptr);
  CHECK(noise_of_image.host() == immiscible::nearest_noise(images, candidates, 4).noise_of_image);
}

TEST_CASE("work waits its turn in the caller's stream, and a status is forgotten by the next call") {
  const std::size_t n = 3, k = 5, d = 7;
  const auto images = tests::integer_samples<float>(n, d, 1), candidates = tests::integer_samples<float>(n * k, d, 2);
  tests::device_array<float> x(images.values), e(std::vector<float>(n * k * d, tests::not_a_number<float>));
  tests::device_array<std::int32_t> noise_of_image(n);
  tests::device_array<device_status> status(1);
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  const auto choose = [&] {
    immiscible::nearest_noise(device_batch<float>(x.data(), n, d), device_batch<float>(e.data(), n * k, d), k,
                              noise_of_image.data(), nullptr, status.data(), stream);
  };
  choose();
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(status.host()[0] == device_status::not_finite);
  CHECK(cudaMemcpyAsync(e.data(), candidates.values.data(), n * k * d * sizeof(float), cudaMemcpyHostToDevice,
                        stream) == cudaSuccess);
  choose();
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(status.host()[0] == device_status::optimal);
  CHECK(noise_of_image.host() == immiscible::nearest_noise(images, candidates, k).noise_of_image);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("no images, or samples without values, are answered") {
  const answer none = on_device(matrix<float>(0, 3), matrix<float>(0, 3), 5);
  CHECK(none.status == device_status::optimal);
  CHECK(on_device(matrix<float>(3, 0), matrix<float>(6, 0), 2).noise_of_image == std::vector<std::int32_t>{0, 2, 4});
}

TEST_CASE("what does not fit together is refused") {
  tests::device_array<float> values(24);
  tests::device_array<std::int32_t> noise_of_image(2);
  tests::device_array<device_status> status(1);
  const device_batch<float> images(values.data(), 2, 3), candidates(values.data(), 8, 3);
  const auto choose = [&](const device_batch<float>& own, std::size_t k, std::int32_t* out, device_status* word,
                          cost_function function = cost_function::squared_l2) {
    immiscible::nearest_noise(images, own, k, out, nullptr, word, nullptr, function);
  };
  using Catch::Contains;
  CHECK_THROWS_AS(choose(candidates, 0, noise_of_image.data(), status.data()), std::invalid_argument);
  CHECK_THROWS_WITH(choose(candidates, 0, noise_of_image.data(), status.data()),
                    Contains("immiscible::nearest_noise: needs k >= 1 candidates per image, got 0"));
  CHECK_THROWS_WITH(choose(candidates, 3, noise_of_image.data(), status.data()),
                    Contains("needs candidates [n k, d] with n = 2 and k = 3, got [8, 3]"));
  CHECK_THROWS_WITH(choose(device_batch<float>(values.data(), 8, 2), 4, noise_of_image.data(), status.data()),
                    Contains("same number of values per sample, got images [2, 3] and noise [8, 2]"));
  CHECK_THROWS_WITH(choose(candidates, 4, nullptr, status.data()), Contains("needs noise_of_image"));
  CHECK_THROWS_WITH(choose(candidates, 4, noise_of_image.data(), nullptr), Contains("needs a status word"));
  for (const cost_function function : {cost_function::cosine, cost_function::published}) {
    CHECK_THROWS_WITH(choose(candidates, 4, noise_of_image.data(), status.data(), function),
                      Contains("needs cost_function::squared_l2, l2 or inner_product"));
  }
}

}  // namespace nearest_noise_tests

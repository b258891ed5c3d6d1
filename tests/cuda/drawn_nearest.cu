// Nearest of k, drawn in device memory: the CPU's rows, bit for bit, and contracts. Its law is tested in
// drawn_nearest_statistics.cu.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/detail/drawn_nearest_brute_force.cuh>
#include <immiscible/drawn_nearest.cuh>
#include <immiscible/drawn_nearest.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

namespace drawn_nearest_tests {

namespace detail = immiscible::detail;
using immiscible::cost_function;
using immiscible::device_batch;
using immiscible::device_matrix;
using immiscible::device_status;

using tests::matrix;

namespace {

constexpr cost_function costs[] = {cost_function::squared_l2, cost_function::inner_product};
constexpr std::uint64_t seed = 5, step = 6, first_index = 7;
constexpr float untouched = -100;

/// Images of about standard deviation 1/2, times `scale`.
matrix<float> images_of(std::size_t n, std::size_t d, double scale = 1) {
  return tests::bell_samples<float>(n, d, 31 + d, 0.1 * scale, 0.5 * scale);
}

struct drawn_rows {
  std::vector<float> values;  ///< rows with what lies between them
  device_status status;
};

/// Rows of the device, `more` elements further apart than they are long.
template <class Draw>
drawn_rows rows_by(const Draw& draw, const matrix<float>& images, double k, cost_function function,
                   std::size_t more = 0) {
  const std::size_t n = images.rows, d = images.columns;
  const tests::padded<float> apart(images, 0, more, tests::not_a_number<float>);
  tests::device_array<float> x(apart.memory), out(std::vector<float>(n * (d + more), untouched));
  tests::device_array<device_status> status(1);
  draw(seed, step, first_index, device_batch<float>(x.data(), n, d, d + more), k,
       device_matrix<float>(out.data(), n, d, d + more), status.data(), nullptr, function);
  return {out.host(), status.host()[0]};
}

using draw_function = void(std::uint64_t, std::uint64_t, std::uint64_t, const device_batch<float>&, double,
                           const device_matrix<float>&, device_status*, cudaStream_t, cost_function);
draw_function* const on_device = &immiscible::nearest_normal_rows;
draw_function* const by_brute_force = &detail::nearest_normal_rows_brute_force;

std::vector<float> on_host(const matrix<float>& images, double k, cost_function function, std::size_t more = 0) {
  const std::size_t stride = images.columns + more;
  std::vector<float> out(images.rows * stride, untouched);
  immiscible::nearest_normal_rows(seed, step, first_index, images, k, {out.data(), images.rows, images.columns, stride},
                                  function);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// The row of brute force as its header says: of the candidates, drawn on the host, the first nearest.
std::vector<float> nearest_by_definition(const float* x, std::size_t d, std::uint32_t k, std::uint64_t index,
                                         cost_function function) {
  std::vector<float> candidate(d), nearest;
  long double least = 0;
  for (std::uint32_t c = 0; c < k; ++c) {
    const detail::noise_row row = detail::candidate_as_row({seed, step, index}, c);
    detail::normal_row_portable(row.seed, row.step, row.index, d, candidate.data());
    long double squares = 0, product = 0;
    for (std::size_t j = 0; j < d; ++j) {
      squares += static_cast<long double>(candidate[j]) * candidate[j];
      product += static_cast<long double>(candidate[j]) * x[j];
    }
    const long double cost = function == cost_function::inner_product ? -product : squares - 2 * product;
    if (c == 0 || cost < least) {
      least = cost;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace

TEST_CASE("the device draws the CPU's rows, bit for bit, whatever the shape") {
  for (const std::size_t d : {1u, 2u, 3u, 15u, 17u, 31u, 64u, 100u, 784u, 3072u}) {
    for (const std::size_t n : {1u, 2u, 31u, 32u, 33u, 127u, 129u}) {
      if (n * d > (n < 3 ? 7000u : 500u)) continue;
      const matrix<float> images = images_of(n, d);
      for (const double k : {2.0, 33.0, 300.0}) {
        for (const cost_function function : costs) {
          CAPTURE(n, d, k, static_cast<int>(function));
          const drawn_rows here = rows_by(on_device, images, k, function);
          CHECK(same_bits(here.values, on_host(images, k, function)));
          CHECK(here.status == device_status::optimal);
        }
      }
    }
  }
}

TEST_CASE("images of zeros, of tiny and of huge values are drawn for as on the CPU") {
  for (const std::size_t d : {1u, 2u, 20u}) {
    for (const double scale : {0.0, 1e-44, 1e-30, 40.0, 1e30, 1e37}) {
      const matrix<float> images = images_of(6, d, scale);
      for (const cost_function function : costs) {
        CAPTURE(d, scale, static_cast<int>(function));
        CHECK(same_bits(rows_by(on_device, images, 16, function).values, on_host(images, 16, function)));
      }
    }
  }
}

TEST_CASE("plain noise that lies along the image, or nearly, is turned as on the CPU") {
  for (const std::size_t d : {1u, 2u, 3u, 100u}) {
    for (const double angle : {0.0, 1e-6, 1e-4}) {
      for (const double sign : {1.0, -1.0}) {
        matrix<float> images(10, d);
        immiscible::normal_rows(seed, step, first_index, images.view());
        for (std::size_t j = 0; j < images.values.size(); ++j) {
          images.values[j] *= static_cast<float>(sign * (1 + angle * (j % 2 == 0 ? 1 : -1)));
        }
        for (const cost_function function : costs) {
          CAPTURE(d, angle, sign, static_cast<int>(function));
          CHECK(same_bits(rows_by(on_device, images, 16, function).values, on_host(images, 16, function)));
        }
      }
    }
  }
}

TEST_CASE("one candidate gives the plain rows, bit for bit, by brute force too") {
  for (const std::size_t d : {1u, 3u, 64u, 784u}) {
    const matrix<float> images = images_of(3, d);
    matrix<float> plain(3, d);
    immiscible::normal_rows(seed, step, first_index, plain.view());
    for (const cost_function function : costs) {
      CHECK(same_bits(rows_by(on_device, images, 1, function).values, plain.values));
      CHECK(same_bits(rows_by(by_brute_force, images, 1, function).values, plain.values));
    }
  }
}

TEST_CASE("distance and squared distance draw alike; a fraction of a candidate counts by inner product") {
  const matrix<float> images = images_of(4, 20);
  CHECK(same_bits(rows_by(on_device, images, 5, cost_function::l2).values,
                  on_host(images, 5, cost_function::squared_l2)));
  for (const double k : {1.0001, 1.5, 1e6, 1e300}) {
    CHECK(same_bits(rows_by(on_device, images, k, cost_function::inner_product).values,
                    on_host(images, k, cost_function::inner_product)));
  }
}

TEST_CASE("what lies between the rows stays as it is and is not read") {
  for (const std::size_t d : {1u, 3u, 64u, 70u}) {
    const matrix<float> images = images_of(5, d);
    for (const std::size_t more : {1u, 61u}) {
      for (const cost_function function : costs) {
        const drawn_rows here = rows_by(on_device, images, 9, function, more);
        CHECK(same_bits(here.values, on_host(images, 9, function, more)));
        CHECK(here.status == device_status::optimal);
      }
    }
  }
}

TEST_CASE("by brute force each row is the first nearest of k rows that the host can draw") {
  for (const std::size_t d : {1u, 3u, 31u, 64u, 784u}) {
    for (const std::uint32_t k : {2u, 7u, 20u}) {
      const matrix<float> images = images_of(4, d);
      for (const cost_function function : costs) {
        CAPTURE(d, k, static_cast<int>(function));
        const drawn_rows here = rows_by(by_brute_force, images, k, function, 2);
        for (std::size_t i = 0; i < 4; ++i) {
          const auto row = here.values.begin() + static_cast<std::ptrdiff_t>(i * (d + 2));
          CHECK(std::vector<float>(row, row + static_cast<std::ptrdiff_t>(d)) ==
                nearest_by_definition(&images(i, 0), d, k, first_index + i, function));
        }
      }
    }
  }
}

TEST_CASE("an image that is not finite keeps its plain row, the others are drawn, and the status says so") {
  const std::size_t n = 3, d = 70;
  matrix<float> plain(n, d);
  immiscible::normal_rows(seed, step, first_index, plain.view());
  for (draw_function* const draw : {on_device, by_brute_force}) {
    const std::vector<float> good = rows_by(draw, images_of(n, d), 9, cost_function::squared_l2).values;
    for (const float bad : {tests::not_a_number<float>, std::numeric_limits<float>::infinity()}) {
      for (const std::size_t j : {std::size_t{0}, d - 1}) {
        for (const double k : {1.0, 9.0}) {
          matrix<float> images = images_of(n, d);
          images(1, j) = bad;
          const drawn_rows here = rows_by(draw, images, k, cost_function::squared_l2);
          CHECK(here.status == device_status::not_finite);
          std::vector<float> expected = k == 1 ? plain.values : good;
          std::copy(&plain(1, 0), &plain(1, 0) + d, &expected[d]);
          CHECK(same_bits(here.values, expected));
        }
      }
    }
  }
}

TEST_CASE("work waits its turn in the caller's stream") {
  const std::size_t n = 6, d = 40;
  matrix<float> images(n, d);
  immiscible::normal_rows(seed, 1, 0, images.view());
  tests::device_array<float> x(n * d), out(n * d);
  tests::device_array<device_status> status(1);
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  immiscible::normal_rows(seed, 1, 0, device_matrix<float>(x.data(), n, d), stream);
  immiscible::nearest_normal_rows(seed, step, first_index, device_batch<float>(x.data(), n, d), 9,
                                  device_matrix<float>(out.data(), n, d), status.data(), stream);
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(same_bits(out.host(), on_host(images, 9, cost_function::squared_l2)));
  CHECK(status.host()[0] == device_status::optimal);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("no images or no values is nothing to do, and that is optimal") {
  for (draw_function* const draw : {on_device, by_brute_force}) {
    CHECK(rows_by(draw, matrix<float>(0, 7), 4, cost_function::squared_l2).status == device_status::optimal);
    CHECK(rows_by(draw, matrix<float>(3, 0), 4, cost_function::squared_l2).status == device_status::optimal);
  }
}

TEST_CASE("what cannot be drawn is refused before anything is written") {
  tests::device_array<float> x(images_of(3, 4).values), out(std::vector<float>(12, untouched));
  tests::device_array<device_status> word(1);
  const auto ask = [&](draw_function* draw, double k, cost_function function = cost_function::squared_l2,
                       std::uint64_t at_step = 0, std::uint64_t index = 0) {
    draw(1, at_step, index, device_batch<float>(x.data(), 3, 4), k, device_matrix<float>(out.data(), 3, 4), word.data(),
         nullptr, function);
  };
  using Catch::Contains;
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (draw_function* const draw : {on_device, by_brute_force}) {
    for (const double k : {0.0, -1.0, 0.5, 1.5, 16777217.0, nan, infinity}) {
      CHECK_THROWS_AS(ask(draw, k), std::invalid_argument);
      CHECK_THROWS_WITH(ask(draw, k), Contains("needs a whole number k from 1 to 2^24, got"));
    }
    for (const double k : {0.0, 0.99, nan, infinity}) {
      CHECK_THROWS_WITH(ask(draw, k, cost_function::inner_product), Contains("needs a finite k >= 1, got"));
    }
    for (const cost_function function : {cost_function::cosine, cost_function::published}) {
      CHECK_THROWS_WITH(ask(draw, 2, function), Contains("needs cost_function::squared_l2, l2 or inner_product"));
    }
    CHECK_THROWS_WITH(ask(draw, 2, cost_function::l2, std::uint64_t{1} << 48), Contains("needs step < 2^48"));
    CHECK_THROWS_WITH(ask(draw, 2, cost_function::l2, 0, (std::uint64_t{1} << 48) - 2),
                      Contains("first_index + rows <= 2^48"));
    CHECK_THROWS_WITH(draw(1, 2, 3, device_batch<float>(x.data(), 3, 4), 2, device_matrix<float>(out.data(), 3, 3),
                           word.data(), nullptr, cost_function::l2),
                      Contains("needs images and out of the same shape, got [3, 4] and [3, 3]"));
    CHECK_THROWS_WITH(draw(1, 2, 3, device_batch<float>(x.data(), 3, 4), 2, device_matrix<float>(out.data(), 3, 4),
                           nullptr, nullptr, cost_function::l2),
                      Contains("needs a status word"));
  }
  CHECK_THROWS_WITH(ask(by_brute_force, 1.5, cost_function::inner_product), Contains("needs a whole number k"));
  CHECK(out.host() == std::vector<float>(12, untouched));
}

}  // namespace drawn_nearest_tests

// Many problems at once give what each gives alone, in whatever order threads take them.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/immiscible.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace assign_batched_tests {

using Catch::Matchers::Contains;
using immiscible::assign_batched;
using immiscible::assign_options;
using immiscible::batch;
using tests::matrix;

namespace {

template <class Scalar>
matrix<Scalar> normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  tests::random_source random(seed);
  return tests::make_matrix<Scalar>(rows, columns, [&](auto, auto) { return static_cast<Scalar>(random.bell()); });
}

template <class Scalar>
struct problems {
  std::vector<matrix<Scalar>> images, noise;
  std::vector<batch<Scalar>> image_views, noise_views;

  explicit problems(std::size_t count) {
    for (std::size_t p = 0; p < count; ++p) {
      const std::size_t n = p * 7 % 50, m = n + (p % 3 == 0 ? 2 : 0), d = 1 + p % 9;
      images.push_back(normal<Scalar>(n, d, 2 * p));
      noise.push_back(normal<Scalar>(m, d, 2 * p + 1));
    }
    for (const auto& x : images) image_views.push_back(x.view());
    for (const auto& e : noise) noise_views.push_back(e.view());
  }
};

}  // namespace

TEMPLATE_TEST_CASE("every answer is that of the problem alone, for any number of threads", "", float, double) {
  const problems<TestType> all(40);
  immiscible::assign_batched_workspace<TestType> workspace;
  std::vector<immiscible::assignment> answers;
  for (const std::size_t threads : {1u, 2u, 3u, 100u}) {
    assign_options options;
    options.threads = threads;
    assign_batched(all.image_views, all.noise_views, options, answers, workspace);
    REQUIRE(answers.size() == 40);
    for (std::size_t p = 0; p < answers.size(); ++p) {
      CHECK(tests::are_identical(answers[p], immiscible::assign(all.images[p], all.noise[p])));
    }
  }
}

TEST_CASE("no problems") { CHECK(assign_batched(std::vector<batch<float>>{}, std::vector<batch<float>>{}).empty()); }

TEST_CASE("batched: what is refused") {
  problems<float> all(6);
  assign_options options;
  options.threads = 0;
  CHECK_THROWS_WITH(assign_batched(all.image_views, all.noise_views, options), Contains("threads >= 1, got 0"));
  options.threads = 2;
  all.images[4](1, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(assign_batched(all.image_views, all.noise_views, options), std::invalid_argument);
  CHECK_THROWS_WITH(assign_batched(all.image_views, all.noise_views, options), Contains("NaN in row 1"));
  all.noise_views.pop_back();
  CHECK_THROWS_WITH(assign_batched(all.image_views, all.noise_views), Contains("each of the 6 image batches, got 5"));
}

}  // namespace assign_batched_tests

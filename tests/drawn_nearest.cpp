// Nearest of k, drawn: contracts, the same bits from every instruction set, and every row against the formula in long
// double. Its law is tested in drawn_nearest_statistics.cpp.
#include "noise_builds/golden.hpp"
#include "support/matrix.hpp"

#include <immiscible/drawn_nearest.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <stdexcept>
#include <vector>

namespace drawn_nearest_tests {

namespace detail = immiscible::detail;
using immiscible::cost_function;
using immiscible::nearest_normal_rows;
using tests::matrix;

namespace {

constexpr cost_function costs[] = {cost_function::squared_l2, cost_function::inner_product};
constexpr std::uint64_t seed = 5, step = 6;

matrix<float> drawn(const matrix<float>& images, double k, cost_function function = cost_function::squared_l2,
                    std::uint64_t first_index = 0, std::size_t threads = 1) {
  matrix<float> noise(images.rows, images.columns);
  nearest_normal_rows(seed, step, first_index, images, k, noise.view(), function, threads);
  return noise;
}

matrix<float> plain(std::size_t n, std::size_t d) {
  matrix<float> noise(n, d);
  immiscible::normal_rows(seed, step, 0, noise.view());
  return noise;
}

/// Images of about standard deviation 1/2, times `scale`.
matrix<float> images_of(std::size_t n, std::size_t d, double scale = 1) {
  return tests::bell_samples<float>(n, d, 31 + d, 0.1 * scale, 0.5 * scale);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

long double dot(const float* a, const float* b, std::size_t d) {
  long double sum = 0;
  for (std::size_t j = 0; j < d; ++j) sum += static_cast<long double>(a[j]) * b[j];
  return sum;
}

/// Row i as the header says, in long double; true if `noise` is within three roundings of it (and the plain row where
/// that is nearest).
bool is_nearest_of(const float* x, const float* g, const float* noise, std::size_t d, std::uint32_t k,
                   std::uint64_t index) {
  const long double norm = std::sqrt(dot(x, x, d)), s0 = norm > 0 ? dot(x, g, d) / norm : 0,
                    plain_square = dot(g, g, d);
  const detail::candidate_row row{seed, step, index, 0, detail::chi_square_of(d - 1)};
  long double least = plain_square - 2 * norm * s0;
  detail::drawn_candidate best{};
  bool is_plain = true;
  for (std::uint32_t c = 1; c < k; ++c) {
    const detail::drawn_candidate candidate = detail::draw_candidate(row, c);
    const long double s = candidate.along, cost = s * s + candidate.across - 2 * norm * s;
    if (cost < least) {
      least = cost;
      best = candidate;
      is_plain = false;
    }
  }
  if (is_plain) return std::memcmp(g, noise, d * sizeof(float)) == 0;
  long double a = std::sqrt((best.along * static_cast<long double>(best.along) + best.across) / plain_square), b = 0;
  if (norm > 0) {
    long double across = 0;
    for (std::size_t j = 0; j < d; ++j) across += std::pow(g[j] - s0 * x[j] / norm, 2);
    a = d == 1 ? 0 : std::sqrt(best.across / across);
    b = best.along - a * s0;
  }
  for (std::size_t j = 0; j < d; ++j) {
    const long double of_noise = a * g[j], of_image = norm > 0 ? b * x[j] / norm : 0;
    const long double terms = std::abs(of_noise) + std::abs(of_image), rounded_once = std::abs(of_noise + of_image);
    const long double room = 0x1p-24L * (a < 64 ? 3.001L * terms : rounded_once + 1e-5L * terms) + 1e-38L;
    if (!(std::abs(noise[j] - of_noise - of_image) <= room)) return false;
  }
  return true;
}

/// ln Phi(s) in long double.
long double ln_normal(long double s) {
  if (s > 0) return std::log1p(-std::erfc(s / std::sqrt(2.0L)) / 2);
  if (s > -30) return std::log(std::erfc(-s / std::sqrt(2.0L)) / 2);
  long double fraction = -s;
  for (int k = 30; k >= 1; --k) fraction = -s + k / fraction;
  return -s * s / 2 - std::log(fraction) - std::log(2 * std::acos(-1.0L)) / 2;
}

/// ln(-ln Phi(s)): falls from +infinity to -infinity, and is accurate all the way.
long double ln_minus_ln_normal(long double s) { return s > 12 ? ln_normal(-s) : std::log(-ln_normal(s)); }

}  // namespace

TEST_CASE("one candidate gives the plain rows, bit for bit") {
  for (const std::size_t d : {1u, 2u, 3u, 64u, 100u, 784u}) {
    for (const cost_function function : costs)
      CHECK(same_bits(drawn(images_of(9, d), 1, function).values, plain(9, d).values));
  }
}

TEST_CASE("every instruction set draws the same bits") {
  for (const auto target : {detail::simd_target::unasked, detail::simd_target::avx2, detail::simd_target::avx512}) {
    if (!detail::has_target(target)) continue;
    for (const std::size_t d : {1u, 2u, 3u, 4u, 15u, 16u, 17u, 63u, 100u, 784u, 3072u}) {
      for (const double k : {2.0, 16.0, 17.0, 18.0, 33.0, 300.0}) {
        for (const cost_function function : costs) {
          CAPTURE(static_cast<int>(target), d, k, static_cast<int>(function));
          const matrix<float> images = images_of(d < 20 ? 40 : 5, d);
          matrix<float> here(images.rows, d), portable(images.rows, d);
          detail::draw_nearest_rows(target, seed, step, 7, images.view(), k, here.view(), function);
          detail::draw_nearest_rows(detail::simd_target::portable, seed, step, 7, images.view(), k, portable.view(),
                                    function);
          CHECK(same_bits(here.values, portable.values));
        }
      }
    }
  }
}

TEST_CASE("the frozen rows come out bit for bit") {
  const auto image = [](std::size_t i, std::size_t j) { return static_cast<float>((i * 31 + j * 17) % 64) / 32 - 1; };
  const auto images = tests::make_matrix<float>(40, 784, image), small = tests::make_matrix<float>(400, 3, image);
  CHECK(tests::checksum_of(drawn(images, 64).values) == 0xff73436f4ebfc0a9u);
  CHECK(tests::checksum_of(drawn(small, 64).values) == 0xed23165f391a7483u);
  CHECK(tests::checksum_of(drawn(images, 64, cost_function::inner_product).values) == 0xdbf581702387a8feu);
}

TEST_CASE("every row is the nearest of its candidates, made of the plain row and the image, as long double says") {
  for (const std::size_t d : {1u, 2u, 3u, 16u, 100u, 3072u, 12288u}) {
    for (const double scale : {0.0, 1e-44, 1e-30, 1e-6, 1.0, 40.0, 1e6, 1e30, 1e37}) {
      for (const std::uint32_t k : {2u, 64u}) {
        CAPTURE(d, scale, k);
        const std::size_t n = d < 1000 ? 30 : 3;
        const matrix<float> images = images_of(n, d, scale), g = plain(n, d), noise = drawn(images, k);
        for (std::size_t i = 0; i < n; ++i) {
          CHECK(is_nearest_of(images.view().row(i), g.view().row(i), noise.view().row(i), d, k, i));
        }
      }
    }
  }
}

TEST_CASE("plain noise that lies nearly against the image is turned as accurately") {
  for (const std::size_t d : {2u, 3u, 100u}) {
    for (const double angle : {1e-2, 1e-4, 1e-6}) {
      const matrix<float> g = plain(40, d),
                          images = tests::make_matrix<float>(40, d, [&](std::size_t i, std::size_t j) {
                            return -g(i, j) * (1 + angle * (j % 2 == 0 ? 1 : -1));
                          });
      const matrix<float> noise = drawn(images, 64);
      CAPTURE(d, angle);
      for (std::size_t i = 0; i < 40; ++i) CHECK(is_nearest_of(&images(i, 0), &g(i, 0), &noise(i, 0), d, 64, i));
    }
  }
}

TEST_CASE("of equally near candidates the lowest number is taken, in whatever order they come") {
  const detail::candidate_choice low = {1, 2}, high = {1, 3}, nearer = {0.5, 9};
  CHECK(detail::nearer_choice(low, high).number == 2);
  CHECK(detail::nearer_choice(high, low).number == 2);
  CHECK(detail::nearer_choice(low, nearer).number == 9);
  CHECK(detail::nearer_choice(nearer, low).number == 9);
}

TEST_CASE("of many candidates the plain row is nearest as often as any other") {
  const std::size_t n = 2000, d = 5;
  const matrix<float> g = plain(n, d), noise = drawn(images_of(n, d), 8);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; ++i) kept += std::equal(&g(i, 0), &g(i, 0) + d, &noise(i, 0)) ? 1 : 0;
  CHECK(std::abs(static_cast<double>(kept) - n / 8.0) < 4 * std::sqrt(n / 8.0));
}

TEST_CASE(
    "an image of zeros gets its plain row made as short as the shortest of k, and by inner product the row itself") {
  const std::size_t n = 20, d = 50;
  const matrix<float> zeros(n, d), g = plain(n, d), noise = drawn(zeros, 64);
  for (std::size_t i = 0; i < n; ++i) {
    const double ratio = noise(i, 0) / g(i, 0);
    CHECK(ratio <= 1);
    for (std::size_t j = 0; j < d; ++j) CHECK(noise(i, j) == Approx(ratio * g(i, j)).epsilon(1e-6));
  }
  CHECK(same_bits(drawn(zeros, 64, cost_function::inner_product).values, g.values));
}

TEST_CASE("plain noise along the image, or against it, leaves finite noise") {
  for (const std::size_t d : {1u, 2u, 3u, 784u}) {
    for (const float sign : {-1.0f, 1.0f}) {
      matrix<float> images = plain(8, d);
      for (float& x : images.values) x *= sign;
      for (const cost_function function : costs) {
        const matrix<float> noise = drawn(images, 64, function);
        for (const float e : noise.values) REQUIRE((std::isfinite(e) && std::abs(e) < 200));
        if (sign > 0 && function == cost_function::squared_l2) CHECK(same_bits(noise.values, images.values));
      }
    }
  }
}

TEST_CASE("any row can be drawn again alone, by any number of threads, between other memory") {
  const std::size_t n = 130, d = 70;
  const matrix<float> images = images_of(n, d);
  for (const cost_function function : costs) {
    const matrix<float> noise = drawn(images, 9, function, 1000);
    CHECK(same_bits(drawn(images, 9, function, 1000, 3).values, noise.values));
    for (const std::size_t i : {0u, 1u, 64u, 129u}) {
      const matrix<float> image =
          tests::make_matrix<float>(1, d, [&](std::size_t, std::size_t j) { return images(i, j); });
      const matrix<float> alone = drawn(image, 9, function, 1000 + i);
      CHECK(std::equal(alone.values.begin(), alone.values.end(), &noise(i, 0)));
    }
    const tests::padded<float> apart(images, 1, 2, tests::not_a_number<float>);
    tests::padded<float> out(images, 3, 5, -100.0f);
    nearest_normal_rows(seed, step, 1000, apart.view(), 9, out.view(), function);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(std::equal(out.view().row(i), out.view().row(i) + d, &noise(i, 0)));
    for (std::size_t i = 0; i + 1 < n; ++i) REQUIRE(out.memory[3 + i * (d + 5) + d] == -100.0f);
  }
}

TEST_CASE("distance and squared distance draw alike; a fraction of a candidate counts by inner product") {
  const matrix<float> images = images_of(10, 20);
  CHECK(same_bits(drawn(images, 5, cost_function::l2).values, drawn(images, 5).values));
  double last = -1e9;
  for (const double k : {1.0, 1.0001, 1.5, 2.0, 64.0, 1e6, 1e300}) {
    const matrix<float> noise = drawn(images, k, cost_function::inner_product);
    const auto product = static_cast<double>(dot(&images(0, 0), &noise(0, 0), 20));
    CHECK(product > last);
    last = product;
  }
}

TEST_CASE("by inner product the plain row is moved along the image alone, to the greatest of k") {
  for (const std::size_t d : {1u, 2u, 100u, 3072u}) {
    for (const double scale : {1e-44, 1e-30, 1.0, 1e30}) {
      const matrix<float> images = images_of(4, d, scale), g = plain(4, d);
      const matrix<float> noise = drawn(images, 8, cost_function::inner_product);
      for (std::size_t i = 0; i < 4; ++i) {
        const float* x = images.view().row(i);
        const long double norm = std::sqrt(dot(x, x, d));
        if (!(norm > 0)) continue;
        const long double s0 = dot(x, g.view().row(i), d) / norm;
        const long double shift = detail::greatest_of_normals(static_cast<double>(s0), 8) - s0;
        for (std::size_t j = 0; j < d; ++j) {
          const long double exact = g(i, j) + shift * x[j] / norm;
          REQUIRE(std::abs(noise(i, j) - exact) <=
                  3.001L * 0x1p-24L * (std::abs(g(i, j)) + std::abs(shift * x[j] / norm)));
        }
      }
    }
  }
}

TEST_CASE("the greatest of k normals is accurate to 1e-12, from -110 to 110, for every k") {
  for (const double k : {1.0000001, 1.01, 2.0, 8.0, 1024.0, 1e6, 1e15, 1e17, 1e100, 1e300}) {
    double worst = 0;
    for (double s = -110; s <= 110; s += s > -9 && s < 9 ? 0.0371 : 1.37) {
      const double greatest = detail::greatest_of_normals(s, k);
      REQUIRE(greatest >= s);
      const long double target = ln_minus_ln_normal(s) - std::log(static_cast<long double>(k));
      long double exact = greatest;  // Newton's steps from the answer; slope by differences
      for (int turn = 0; turn < 3; ++turn) {
        const long double h = 1e-5L * std::max(1.0L, std::abs(exact)) / (1 + std::abs(exact));
        const long double slope = (ln_minus_ln_normal(exact + h) - ln_minus_ln_normal(exact - h)) / (2 * h);
        exact += (target - ln_minus_ln_normal(exact)) / slope;
      }
      worst = std::max(worst, static_cast<double>(std::abs(exact - greatest) / std::max(1.0L, std::abs(exact))));
    }
    CAPTURE(k);
    CHECK(worst < 1e-12);
  }
  for (const double s : {-110.0, -1.0, 0.0, 1.0, 110.0}) CHECK(detail::greatest_of_normals(s, 1) == s);
  CHECK(detail::greatest_of_normals(0, 64) == Approx(2.3004).epsilon(1e-3));  // Phi^-1(2^(-1/64))
}

TEST_CASE("ln and exp by series agree with those of long double") {
  double worst_ln = 0, worst_exp = 0;
  for (double x = 1e-300; x < 1e300; x *= 1.0731) {
    const long double exact = std::log(static_cast<long double>(x));
    worst_ln = std::max(worst_ln, static_cast<double>(std::abs((detail::ln(x) - exact) / exact)));
  }
  for (double x = -699; x < 0; x += 0.137) {
    const long double exact = std::exp(static_cast<long double>(x));
    worst_exp = std::max(worst_exp, static_cast<double>(std::abs(detail::exp_of_negative(x) / exact - 1)));
  }
  CHECK(worst_ln < 1e-15);
  CHECK(worst_exp < 1e-15);
  CHECK(detail::ln(1) == 0);
  CHECK(detail::exp_of_negative(-1000) == 0);
}

TEST_CASE("the quick test of a candidate never accepts what Marsaglia and Tsang's refuses") {
  std::size_t refused = 0, different = 0;
  for (const std::size_t degrees : {2u, 3u, 4u, 10u, 100u, 3071u}) {
    const detail::chi_square_law law = detail::chi_square_of(degrees);
    for (double z = -6.6; z < 6.6; z += 0.013) {
      const double y = z * law.slope;
      for (std::uint64_t word = 0; word < std::uint64_t{1} << 32; word += 1 + word / 2) {  // 1 - U = 2^-32 ... 1
        const auto word_2 = static_cast<std::uint32_t>(word);
        const long double u = 1 - (word_2 + 0x1p-33L) / 0x1p32L, v = 1 + y;  // words 2 and 3, the latter 0
        const long double exponent = z * z / 2 + law.b * (1 - v * v * v + 3 * std::log(std::max(v, 1e-300L)));
        const bool exact = v > 0 && std::log(u) < exponent;
        different += exact != detail::is_accepted(law, z, y, word_2, 0) ? 1 : 0;
        refused += exact ? 0 : 1;
      }
    }
  }
  CHECK(different == 0);
  CHECK(refused > 1000);  // the test could fail
}

TEST_CASE("candidates and their attempts share no counter with one another, with rows or with choices") {
  std::set<std::uint32_t> words;
  std::size_t count = 0;
  for (const std::uint32_t number : {1u, 2u, 0xffffu, (1u << detail::candidate_bits) - 1}) {
    for (std::uint32_t attempt = 0; attempt < detail::most_attempts; ++attempt, ++count) {
      words.insert(
          detail::philox_counter(detail::philox_stream::candidates, 1, 2, number | attempt << detail::candidate_bits)
              .word[0]);
    }
  }
  CHECK(words.size() == count);
  for (const std::uint32_t word : words) CHECK(word >> detail::philox_block_bits == 1);
  CHECK(detail::philox_counter(detail::philox_stream::choices, 1, 2, 0).word[0] >> detail::philox_block_bits == 2);
}

TEST_CASE("no images or no values is nothing to do") {
  CHECK_NOTHROW(drawn(matrix<float>(0, 7), 4));
  CHECK_NOTHROW(drawn(matrix<float>(3, 0), 4));
}

TEST_CASE("what cannot be drawn is refused before anything is written") {
  matrix<float> images = images_of(3, 4), out(3, 4);
  const auto draw = [&](double k, cost_function function = cost_function::squared_l2, std::uint64_t at_step = 0,
                        std::uint64_t index = 0) {
    nearest_normal_rows(1, at_step, index, images, k, out.view(), function);
  };
  using Catch::Contains;
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double k : {0.0, -1.0, 0.5, 1.5, 16777217.0, nan, infinity}) {
    CHECK_THROWS_AS(draw(k), std::invalid_argument);
    CHECK_THROWS_WITH(draw(k), Contains("nearest_normal_rows: needs a whole number k from 1 to 2^24, got"));
  }
  for (const double k : {0.0, 0.99, nan, infinity}) {
    CHECK_THROWS_WITH(draw(k, cost_function::inner_product), Contains("needs a finite k >= 1, got"));
  }
  for (const cost_function function : {cost_function::cosine, cost_function::published}) {
    CHECK_THROWS_WITH(draw(2, function), Contains("needs cost_function::squared_l2, l2 or inner_product"));
  }
  CHECK_THROWS_WITH(draw(2, cost_function::l2, std::uint64_t{1} << 48),
                    Contains("nearest_normal_rows: needs step < 2^48"));
  CHECK_THROWS_WITH(draw(2, cost_function::l2, 0, (std::uint64_t{1} << 48) - 2),
                    Contains("first_index + rows <= 2^48"));
  matrix<float> narrow(3, 3);
  CHECK_THROWS_WITH(nearest_normal_rows(1, 2, 3, images, 2, narrow.view()),
                    Contains("needs images and out of the same shape, got [3, 4] and [3, 3]"));
  for (const float bad : {tests::not_a_number<float>, std::numeric_limits<float>::infinity()}) {
    images = images_of(3, 4);
    images(2, 3) = bad;
    CHECK_THROWS_WITH(draw(2), "immiscible::nearest_normal_rows: needs finite images, got NaN or infinity in row 2");
    CHECK_THROWS_WITH(draw(1), Contains("row 2"));
  }
  CHECK(out.values == std::vector<float>(12, 0.0f));
}

}  // namespace drawn_nearest_tests

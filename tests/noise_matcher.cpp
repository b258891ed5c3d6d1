// The object that a trainer keeps: drawn noise, paired with every batch.
#include "support/matrix.hpp"

#include <immiscible/noise_matcher.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

using immiscible::assign_options;
using immiscible::batch;
using immiscible::matched_noise;
using immiscible::method;
using immiscible::noise_matcher;

// Counts every allocation of the program through operator new.
namespace {
std::atomic<std::size_t> allocations{0};
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace {

constexpr std::uint64_t seed = 42;

tests::matrix<float> some_images(std::size_t n, std::size_t d, std::uint64_t images_seed = 1) {
  tests::random_source draw(images_seed);
  return tests::make_matrix<float>(n, d, [&](std::size_t, std::size_t) { return draw.bell(); });
}

tests::matrix<float> plain_draw(std::uint64_t step, std::size_t n, std::size_t d) {
  tests::matrix<float> noise(n, d);
  immiscible::normal_rows(seed, step, 0, noise.view());
  return noise;
}

noise_matcher matcher_of(immiscible::method method, std::size_t candidates = 1, std::size_t threads = 1) {
  assign_options pairing;
  pairing.method = method;
  pairing.candidates = candidates;
  pairing.threads = threads;
  return noise_matcher({seed, pairing});
}

bool same_row(const float* a, const float* b, std::size_t d) {
  return d == 0 || std::memcmp(a, b, d * sizeof(float)) == 0;  // memcmp takes no null pointers
}

/// Row i of the noise is the drawn row that the pairs name, bit for bit, and can be drawn again alone.
void check_rows_are_those_drawn(const matched_noise& matched, std::uint64_t step, std::size_t drawn_rows) {
  const std::size_t n = matched.noise.rows(), d = matched.noise.columns();
  const tests::matrix<float> drawn = plain_draw(step, drawn_rows, d);
  REQUIRE(matched.pairs.noise_of_image.size() == n);
  std::vector<float> again(d);
  for (std::size_t i = 0; i < n; ++i) {
    const auto index = static_cast<std::size_t>(matched.pairs.noise_of_image[i]);
    REQUIRE(index < drawn_rows);
    REQUIRE(same_row(matched.noise.row(i), &drawn.values[index * d], d));
    immiscible::normal_rows(seed, step, index, {again.data(), 1, d});
    REQUIRE(same_row(matched.noise.row(i), again.data(), d));
  }
}

}  // namespace

TEST_CASE("every method only moves rows of the draw, each image's own to its place") {
  const tests::matrix<float> images = some_images(37, 20);
  for (const method m : {method::exact, method::auction, method::greedy, method::greedy_by_row, method::none}) {
    CAPTURE(static_cast<int>(m));
    noise_matcher match = matcher_of(m);
    const matched_noise matched = match(images, 3);
    check_rows_are_those_drawn(matched, 3, 37);
    std::vector<std::int32_t> indices = matched.pairs.noise_of_image;
    std::sort(indices.begin(), indices.end());
    for (std::size_t i = 0; i < indices.size(); ++i) REQUIRE(indices[i] == static_cast<std::int32_t>(i));
  }
}

TEST_CASE("the pairs are those that assign finds for the plain draw") {
  const tests::matrix<float> images = some_images(50, 12);
  const tests::matrix<float> drawn = plain_draw(9, 50, 12);
  for (const method m : {method::exact, method::auction, method::greedy}) {
    noise_matcher match = matcher_of(m);
    const matched_noise matched = match(images, 9);
    const immiscible::assignment expected = immiscible::assign(images, drawn, match.options().pairing);
    CHECK(matched.pairs.noise_of_image == expected.noise_of_image);
    CHECK(matched.pairs.total_cost == expected.total_cost);
    CHECK(immiscible::mean_distance(images, matched.noise) ==
          Approx(immiscible::mean_distance(images, drawn, expected.noise_of_image)).epsilon(1e-12));
    CHECK(immiscible::mean_distance(images, matched.noise) < immiscible::mean_distance(images, drawn));
  }
}

TEST_CASE("no pairing, and nearest of one, are the plain draw bit for bit") {
  const std::size_t n = 33, d = 70;
  const tests::matrix<float> images = some_images(n, d);
  const tests::matrix<float> drawn = plain_draw(5, n, d);
  for (const method m : {method::none, method::nearest}) {
    noise_matcher match = matcher_of(m, 1);
    const matched_noise matched = match(images, 5);
    CHECK(same_row(matched.noise.data(), drawn.values.data(), n * d));
    for (std::size_t i = 0; i < n; ++i) REQUIRE(matched.pairs.noise_of_image[i] == static_cast<std::int32_t>(i));
  }
}

TEST_CASE("nearest of k draws k rows for each image and keeps the nearest of its own") {
  const std::size_t n = 21, d = 8, k = 5;
  const tests::matrix<float> images = some_images(n, d);
  const tests::matrix<float> drawn = plain_draw(2, n * k, d);
  noise_matcher match = matcher_of(method::nearest, k);
  const matched_noise matched = match(images, 2);
  check_rows_are_those_drawn(matched, 2, n * k);
  for (std::size_t i = 0; i < n; ++i) {
    const auto squared_distance = [&](const float* e) {
      double sum = 0;
      for (std::size_t c = 0; c < d; ++c) sum += (images(i, c) - double{e[c]}) * (images(i, c) - double{e[c]});
      return sum;
    };
    const auto chosen = static_cast<std::size_t>(matched.pairs.noise_of_image[i]);
    CHECK(chosen / k == i);
    for (std::size_t c = i * k; c < (i + 1) * k; ++c) {
      CHECK(squared_distance(matched.noise.row(i)) <= squared_distance(&drawn.values[c * d]) * (1 + 1e-5));
    }
  }
}

TEST_CASE("a call depends on seed, step and images alone: not on the calls before, a ragged last batch included") {
  noise_matcher used = matcher_of(method::exact);
  for (const std::size_t n : {40, 7, 40, 1, 64, 0, 13}) {
    const tests::matrix<float> images = some_images(n, n == 64 ? 30 : 16, n + 1);
    const matched_noise matched = used(images, n);
    noise_matcher fresh = matcher_of(method::exact);
    const matched_noise expected = fresh(images, n);
    REQUIRE(matched.noise.rows() == n);
    CHECK(matched.pairs.noise_of_image == expected.pairs.noise_of_image);
    CHECK(same_row(matched.noise.data(), expected.noise.data(), n * images.columns));
    check_rows_are_those_drawn(matched, n, n);
  }
}

TEST_CASE("other steps and other seeds give other noise; more threads the same") {
  const std::size_t n = 96, d = 65;
  const tests::matrix<float> images = some_images(n, d);
  noise_matcher match = matcher_of(method::none);
  const matched_noise first = match(images, 1);
  const std::vector<float> noise(first.noise.data(), first.noise.data() + n * d);
  CHECK_FALSE(same_row(match(images, 2).noise.data(), noise.data(), n * d));
  CHECK(same_row(match(images, 1).noise.data(), noise.data(), n * d));
  noise_matcher other({seed + 1, match.options().pairing});
  CHECK_FALSE(same_row(other(images, 1).noise.data(), noise.data(), n * d));

  noise_matcher exact = matcher_of(method::exact), on_threads = matcher_of(method::exact, 1, 3);
  const matched_noise alone = exact(images, 1), shared = on_threads(images, 1);
  CHECK(alone.pairs.noise_of_image == shared.pairs.noise_of_image);
  CHECK(same_row(alone.noise.data(), shared.noise.data(), n * d));
}

TEST_CASE("the default options pair exactly, and so prove the answer") {
  const tests::matrix<float> images = some_images(16, 4);
  noise_matcher match({/*seed*/ 42});
  const auto [noise, pairs] = match(images, 0);
  CHECK(noise.rows() == 16);
  CHECK(pairs.status == immiscible::status::optimal);
  CHECK(pairs.noise_price.size() == 16);
}

TEST_CASE("what a step of a matcher allocates does not depend on the luck of its searches") {
  for (const std::size_t n : {8u, 30u, 128u, 700u}) {
    CAPTURE(n);
    noise_matcher match({seed, {}});
    std::vector<tests::matrix<float>> batches;
    for (std::uint64_t step = 0; step < 40; ++step) batches.push_back(tests::bell_samples<float>(n, 12, step));
    match(batches[0], 0), match(batches[1], 1);
    const std::size_t before = allocations;
    for (std::uint64_t step = 2; step < 40; ++step) match(batches[step], step);
    CHECK(allocations - before == 0);
  }
}

TEST_CASE("once warm, batches of the same or a smaller size allocate nothing") {
  const tests::matrix<float> images = some_images(200, 48), fewer = some_images(111, 48);
  const tests::matrix<float> few = some_images(16, 48);  // too few for the fast solvers
  using immiscible::cost_function;
  for (const method m : {method::exact, method::auction}) {
    for (const cost_function cost :
         {cost_function::squared_l2, cost_function::l2, cost_function::inner_product, cost_function::cosine}) {
      CAPTURE(static_cast<int>(m), static_cast<int>(cost));
      immiscible::noise_matcher_options options{seed, {}};
      options.pairing.method = m;
      options.pairing.cost = cost;
      noise_matcher match(options);
      const auto steps_from = [&](std::uint64_t first) {
        for (std::uint64_t step = first; step < first + 5; ++step) match(images, step), match(few, step);
      };
      steps_from(0);
      const std::size_t before = allocations;
      steps_from(0);
      match(fewer, 6);
      match(images, 7);
      CHECK(allocations - before == 0);
    }
  }
}

TEST_CASE("options that make no sense are refused at the first step, though it is not paired") {
  const tests::matrix<float> images = some_images(8, 3);
  using Catch::Contains;
  const auto refuses = [&](const auto& change, const std::string& message) {
    immiscible::noise_matcher_options options{seed, {}};
    options.first_paired_step = 3;
    CHECK_NOTHROW(noise_matcher(options)(images, 0));
    change(options);
    noise_matcher match(options);
    CHECK_FALSE(match.pairs_at(0));
    CHECK_THROWS_WITH(match(images, 0), Contains("immiscible::noise_matcher: needs " + message));
  };
  using matcher_options = immiscible::noise_matcher_options;
  const auto method_is = [](matcher_options& o, method m) { o.pairing.method = m; };
  refuses([](matcher_options& o) { o.pool = 2; }, "samples of channels * height * width");
  refuses([](matcher_options& o) { o.pairing.threads = 0; }, "threads >= 1");
  refuses([&](matcher_options& o) { method_is(o, method::nearest), o.pairing.candidates = 0; }, "candidates >= 1");
  refuses([&](matcher_options& o) { method_is(o, method::nearest), o.pairing.candidates = std::size_t{1} << 28; },
          "n * k below 2^31 candidates, got 8 * 268435456");
  refuses([&](matcher_options& o) { method_is(o, method::auction), o.pairing.auction_tolerance = -1; },
          "auction_tolerance above 0");
  refuses([&](matcher_options& o) { method_is(o, method::greedy), o.pairing.precision = immiscible::precision::int8; },
          immiscible::detail::has_onednn ? "float samples" : "a program that links immiscible::onednn");
  refuses([&](matcher_options& o) { method_is(o, method::drawn_nearest), o.pairing.candidates = 0; },
          "a whole number k from 1");
  refuses(
      [&](matcher_options& o) {
        method_is(o, method::drawn_nearest), o.pairing.cost = immiscible::cost_function::cosine;
      },
      "cost_function::squared_l2, l2 or inner_product");
}

TEST_CASE("bad images, steps and options are refused, and the matcher works on") {
  tests::matrix<float> images = some_images(8, 3);
  using Catch::Contains;
  noise_matcher match = matcher_of(method::exact);
  CHECK_THROWS_WITH(match(images, std::uint64_t{1} << 48), Contains("immiscible::noise_matcher: needs step < 2^48"));
  CHECK_THROWS_AS(match(images, std::uint64_t{1} << 48), std::invalid_argument);
  images(5, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(match(images, 0), Contains("needs finite images, got NaN in row 5"));
  images(5, 1) = 0;
  check_rows_are_those_drawn(match(images, 0), 0, 8);

  noise_matcher no_candidates = matcher_of(method::nearest, 0);
  CHECK_THROWS_WITH(no_candidates(images, 0),
                    "immiscible::noise_matcher: needs candidates >= 1 for method::nearest, got 0");
  noise_matcher too_many = matcher_of(method::nearest, std::numeric_limits<std::size_t>::max() / 8);
  CHECK_THROWS_WITH(too_many(images, 0), Contains("needs n * k below 2^31 candidates, got 8 * "));
  CHECK_THROWS_WITH(too_many(tests::matrix<float>(8, 0), 0), Contains("needs n * k below 2^31 candidates"));
  const float one = 0;
  const immiscible::batch<float> wide(&one, 1, std::size_t{1} << 50);
  CHECK_THROWS_WITH(matcher_of(method::nearest, std::size_t{1} << 30)(wide, 0),
                    Contains("needs n * k * d values that fit the address space"));
  noise_matcher no_threads = matcher_of(method::exact, 1, 0);
  CHECK_THROWS_WITH(no_threads(images, 0), Contains("needs threads >= 1, got 0"));
}

TEST_CASE("a warm-up and a fraction: steps that are not paired get the plain draw") {
  const tests::matrix<float> images = some_images(40, 6);
  immiscible::noise_matcher_options options{seed, {}};
  options.first_paired_step = 10;
  options.paired_fraction = 0.25;
  options.pairing.precision = immiscible::precision::automatic;
  noise_matcher match(options), always({seed, {}});
  std::size_t paired = 0;
  for (std::uint64_t step = 0; step < 2010; ++step) {
    paired += match.pairs_at(step);
    if (step >= 40) continue;
    const auto got = match(images, step).noise;
    const auto expected = match.pairs_at(step) ? always(images, step).noise : got;
    CHECK(std::equal(got.data(), got.data() + 40 * 6, expected.data()));
    if (!match.pairs_at(step)) CHECK(same_row(got.data(), plain_draw(step, 40, 6).values.data(), 40 * 6));
  }
  CHECK(std::abs(static_cast<double>(paired) - 500) < 5 * std::sqrt(2000 * 0.25 * 0.75));
  CHECK_FALSE(match.pairs_at(9));
  options.paired_fraction = 0;
  CHECK_FALSE(noise_matcher(options).pairs_at(1000));
  options.paired_fraction = 1;
  CHECK(noise_matcher(options).pairs_at(10));
  options.paired_fraction = -0.1;
  CHECK_THROWS_AS(noise_matcher(options), std::invalid_argument);
}

TEST_CASE("flip negates paired noise, and plain noise never") {
  const tests::matrix<float> images = some_images(30, 6);
  immiscible::noise_matcher_options options{seed, {}};
  options.flip = true;
  options.first_paired_step = 1;
  noise_matcher flipped(options), straight({seed, {}});
  const auto a = flipped(images, 5).noise, b = straight(images, 5).noise;
  for (std::size_t i = 0; i < 30; ++i) {
    for (std::size_t k = 0; k < 6; ++k) CHECK(a(i, k) == -b(i, k));
  }
  CHECK(same_row(flipped(images, 0).noise.data(), plain_draw(0, 30, 6).values.data(), 30 * 6));
  options.first_paired_step = 0;
  options.pairing.method = method::none;
  noise_matcher none(options);
  CHECK(same_row(none(images, 5).noise.data(), plain_draw(5, 30, 6).values.data(), 30 * 6));
}

TEST_CASE("labels are checked in the warm-up too") {
  const tests::matrix<float> images = some_images(8, 6);
  immiscible::noise_matcher_options options{seed, {}};
  options.first_paired_step = 10;
  noise_matcher match(options);
  CHECK_THROWS_AS(match(images, 0, std::vector<std::int64_t>(7)), std::invalid_argument);
  CHECK(same_row(match(images, 0, std::vector<std::int64_t>(8)).noise.data(), plain_draw(0, 8, 6).values.data(), 48));
  options.pairing.method = method::nearest;
  noise_matcher nearest(options);
  CHECK_THROWS_AS(nearest(images, 0, std::vector<std::int64_t>(8)), std::invalid_argument);
}

TEST_CASE("within groups, and into the caller's memory") {
  const std::size_t n = 50, d = 6;
  const tests::matrix<float> images = some_images(n, d);
  std::vector<std::int64_t> group(n);
  for (std::size_t i = 0; i < n; ++i) group[i] = static_cast<std::int64_t>(i * i % 3);
  noise_matcher match({seed, {}});
  const auto matched = match(images, 7, group);
  const tests::matrix<float> drawn = plain_draw(7, n, d);
  const auto expected = immiscible::assign_in_groups(images, drawn, group);
  CHECK(matched.pairs.noise_of_image == expected.noise_of_image);
  check_rows_are_those_drawn(matched, 7, n);

  std::vector<float> memory(n * (d + 3), 9.0f);
  const immiscible::matrix_view<float> out(memory.data(), n, d, d + 3);
  noise_matcher other({seed, {}});
  for (const auto how : {method::exact, method::nearest}) {
    noise_matcher own = matcher_of(how, 3);
    own.match_into(images.view(), 7, out);
    noise_matcher again = matcher_of(how, 3);
    const auto same = again(images, 7).noise;
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(same_row(out.row(i), same.row(i), d));
      CHECK(out.row(i)[d] == 9.0f);
    }
  }
  CHECK_THROWS_AS(other.match_into(images.view(), 7, immiscible::matrix_view<float>(memory.data(), n, d + 1)),
                  std::invalid_argument);
  CHECK_THROWS_AS(matcher_of(method::nearest, 2)(images, 7, group), std::invalid_argument);
}

TEST_CASE("drawn_nearest: the rows of nearest_normal_rows, plain for one candidate, groups or not") {
  const tests::matrix<float> images = some_images(30, 40);
  tests::matrix<float> expected(30, 40);
  for (const auto cost : {immiscible::cost_function::squared_l2, immiscible::cost_function::inner_product}) {
    immiscible::noise_matcher_options options{seed, {}};
    options.pairing.method = method::drawn_nearest;
    options.pairing.cost = cost;
    options.pairing.candidates = 8;
    options.pairing.threads = 2;
    noise_matcher match(options);
    immiscible::nearest_normal_rows(seed, 3, 0, images, 8, expected.view(), cost);
    const auto matched = match(images, 3);
    CHECK(same_row(matched.noise.data(), expected.values.data(), 30 * 40));
    CHECK(matched.pairs.noise_of_image[17] == 17);
    CHECK(same_row(match(images, 3, std::vector<std::int64_t>(30, 1)).noise.data(), expected.values.data(), 30 * 40));
    if (cost == immiscible::cost_function::squared_l2) {
      double total = 0;
      for (std::size_t i = 0; i < 30; ++i) {
        for (std::size_t k = 0; k < 40; ++k) total += std::pow(static_cast<double>(images(i, k) - expected(i, k)), 2);
      }
      CHECK(match(images, 3).pairs.total_cost == Approx(total));
    }
    options.pairing.candidates = 1;
    noise_matcher plain(options);
    CHECK(same_row(plain(images, 3).noise.data(), plain_draw(3, 30, 40).values.data(), 30 * 40));
    options.pairing.candidates = 0;
    CHECK_THROWS_AS(noise_matcher(options)(images, 3), std::invalid_argument);
  }
  assign_options given;
  given.method = method::drawn_nearest;
  CHECK_THROWS_WITH(immiscible::assign(images, expected, given), Catch::Matchers::Contains("take noise_matcher"));
}

TEST_CASE("pool: scored on averages, handed out whole") {
  const std::size_t n = 24, d = 2 * 4 * 8;
  const tests::matrix<float> images = some_images(n, d);
  tests::matrix<float> coarse_images(n, d / 4), coarse_noise(n, d / 4);
  const tests::matrix<float> drawn = plain_draw(6, n, d);
  immiscible::average_pool(images, {2, 4, 8}, 2, coarse_images.view());
  immiscible::average_pool(drawn, {2, 4, 8}, 2, coarse_noise.view());
  immiscible::noise_matcher_options options{seed, {}};
  options.pool = 2;
  options.shape = {2, 4, 8};
  noise_matcher match(options);
  const auto matched = match(images, 6);
  CHECK(matched.pairs.noise_of_image == immiscible::assign(coarse_images, coarse_noise).noise_of_image);
  check_rows_are_those_drawn(matched, 6, n);
  std::vector<std::int64_t> group(n);
  for (std::size_t i = 0; i < n; ++i) group[i] = static_cast<std::int64_t>(i % 2);
  CHECK(match(images, 6, group).pairs.noise_of_image ==
        immiscible::assign_in_groups(coarse_images, coarse_noise, group).noise_of_image);
  options.pairing.method = method::nearest;
  options.pairing.candidates = 3;
  noise_matcher nearest(options);
  check_rows_are_those_drawn(nearest(images, 6), 6, 3 * n);

  options.shape = {2, 4, 7};
  CHECK_THROWS_WITH(noise_matcher(options)(images, 6), Catch::Matchers::Contains("[2, 4, 7] values, got 64"));
  options.pairing.method = method::drawn_nearest;
  CHECK_THROWS_AS(noise_matcher(options), std::invalid_argument);
  options.pool = 0;
  CHECK_THROWS_AS(noise_matcher(options), std::invalid_argument);
}

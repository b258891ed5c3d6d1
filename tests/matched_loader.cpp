// Windows of batches, paired together and ahead of time: the numbers never depend on the thread.
#include "support/matrix.hpp"

#include <immiscible/matched_loader.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

namespace matched_loader_tests {

using Catch::Matchers::Contains;
using immiscible::batch;
using immiscible::matched_batch;
using immiscible::matched_loader;
using immiscible::matched_loader_options;
using immiscible::method;
using tests::matrix;

namespace {

/// Movable only, as a batch of tensors may be.
struct labelled {
  std::unique_ptr<matrix<float>> images;
  std::vector<std::int64_t> label;

  friend batch<float> as_batch(const labelled& b) { return std::as_const(*b.images).view(); }
};

labelled make_batch(std::size_t n, std::size_t d, std::uint64_t seed) {
  tests::random_source random(seed);
  labelled made;
  made.images = std::make_unique<matrix<float>>(
      tests::make_matrix<float>(n, d, [&](auto, auto) { return static_cast<float>(random.bell()); }));
  for (std::size_t i = 0; i < n; ++i) made.label.push_back(random.below(3));
  return made;
}

/// Batches of these sizes, d values each.
struct source_of {
  std::vector<std::size_t> sizes;
  std::size_t d = 6;
  std::size_t given = 0;

  std::optional<labelled> operator()() {
    if (given == sizes.size()) return std::nullopt;
    const std::size_t b = given++;
    return make_batch(sizes[b], d, 100 + b);
  }
};

matched_loader_options options_of(std::size_t window, bool background) {
  matched_loader_options options;
  options.matcher.seed = 42;
  options.window = window;
  options.background = background;
  return options;
}

struct record {
  std::vector<std::vector<float>> images, noise;
  std::vector<bool> paired;
};

record all_of(matched_loader<labelled>& loader) {
  record out;
  while (auto item = loader.next()) {
    CHECK(item->index == out.images.size());
    REQUIRE(item->noise.rows() == item->images.images->rows);
    out.images.push_back(item->images.images->values);
    out.noise.emplace_back(item->noise.data(), item->noise.data() + item->noise.rows() * item->noise.columns());
    out.paired.push_back(item->paired);
  }
  CHECK_FALSE(loader.next());  // stays at its end
  return out;
}

std::vector<float> joined(const std::vector<std::vector<float>>& parts, std::size_t first, std::size_t last) {
  std::vector<float> whole;
  for (std::size_t b = first; b < last; ++b) whole.insert(whole.end(), parts[b].begin(), parts[b].end());
  return whole;
}

}  // namespace

TEST_CASE("without a window every batch gets what noise_matcher gives") {
  const std::vector<std::size_t> sizes = {16, 16, 0, 5, 16};
  for (const bool background : {false, true}) {
    matched_loader<labelled> loader(source_of{sizes}, options_of(0, background));
    const record got = all_of(loader);
    REQUIRE(got.images.size() == sizes.size());
    immiscible::noise_matcher match({42, {}});
    for (std::size_t b = 0; b < sizes.size(); ++b) {
      const auto expected = match(batch<float>(got.images[b].data(), sizes[b], 6), b).noise;
      CHECK(std::equal(got.noise[b].begin(), got.noise[b].end(), expected.data()));
    }
  }
}

TEST_CASE("a training that goes on from a checkpoint gets the noise it would have had") {
  matched_loader_options options = options_of(32, true);
  matched_loader<labelled> whole(source_of{std::vector<std::size_t>(8, 16)}, options);
  const record all = all_of(whole);
  options.first_index = 4;
  source_of rest{std::vector<std::size_t>(8, 16)};
  rest.given = 4;
  matched_loader<labelled> later(rest, options);
  for (std::size_t b = 4; b < 8; ++b) {
    const auto item = later.next();
    REQUIRE(item);
    CHECK(item->index == b);
    CHECK(std::equal(all.noise[b].begin(), all.noise[b].end(), item->noise.data()));
  }
}

TEST_CASE("a window is paired as one: whole batches, until there are images enough") {
  const std::vector<std::size_t> sizes = {16, 16, 16, 16, 7, 16, 16};  // windows of 48, 39, 16 rows
  for (const bool background : {false, true}) {
    matched_loader<labelled> loader(source_of{sizes}, options_of(39, background));
    const record got = all_of(loader);
    REQUIRE(got.images.size() == sizes.size());
    immiscible::noise_matcher match({42, {}});
    const std::size_t begin[] = {0, 3, 6, 7};
    for (std::size_t w = 0; w < 3; ++w) {
      const std::vector<float> images = joined(got.images, begin[w], begin[w + 1]);
      const std::vector<float> noise = joined(got.noise, begin[w], begin[w + 1]);
      const auto expected = match(batch<float>(images.data(), images.size() / 6, 6), begin[w]).noise;
      REQUIRE(noise.size() == expected.rows() * 6);
      CHECK(std::equal(noise.begin(), noise.end(), expected.data()));
    }
    CHECK(got.paired == std::vector<bool>(7, true));
  }
}

TEST_CASE("noise stays within the labels of a window") {
  for (const bool background : {false, true}) {
    matched_loader<labelled> loader(source_of{{20, 20, 20}}, options_of(40, background),
                                    [](const labelled& b) { return b.label; });
    std::vector<std::int64_t> label;
    std::vector<float> images, noise;
    for (int b = 0; b < 2; ++b) {
      const auto item = loader.next();
      REQUIRE(item);
      label.insert(label.end(), item->images.label.begin(), item->images.label.end());
      images.insert(images.end(), item->images.images->values.begin(), item->images.images->values.end());
      noise.insert(noise.end(), item->noise.data(), item->noise.data() + 20 * 6);
    }
    immiscible::noise_matcher match({42, {}});
    const auto expected = match(batch<float>(images.data(), 40, 6), 0, label).noise;
    CHECK(std::equal(noise.begin(), noise.end(), expected.data()));
    const auto across = match(batch<float>(images.data(), 40, 6), 0).noise;
    CHECK_FALSE(std::equal(noise.begin(), noise.end(), across.data()));
  }
}

TEST_CASE("a warm-up counts batches and goes by the first of the window") {
  matched_loader_options options = options_of(32, true);
  options.matcher.first_paired_step = 3;
  matched_loader<labelled> loader(source_of{std::vector<std::size_t>(8, 16)}, options);
  CHECK(all_of(loader).paired == std::vector<bool>{false, false, false, false, true, true, true, true});
}

TEST_CASE("an error of the source comes after the batches before it, and is the end") {
  for (const bool background : {false, true}) {
    source_of good{{16, 16, 16}};
    matched_loader<labelled> loader(
        [&]() -> std::optional<labelled> {
          if (good.given == 3) throw std::runtime_error("the disk is gone");
          return good();
        },
        options_of(32, background));
    for (int b = 0; b < 3; ++b) CHECK(loader.next());
    CHECK_THROWS_WITH(loader.next(), "the disk is gone");
    CHECK_FALSE(loader.next());
  }
}

namespace {

/// Its memory gives out when the third batch of a run is moved for the `after`-th time.
struct heavy {
  labelled light;
  int number = 0;
  std::shared_ptr<int> moves_left;

  heavy(labelled batch, int which, std::shared_ptr<int> after)
      : light(std::move(batch)), number(which), moves_left(std::move(after)) {}
  heavy(heavy&& other) noexcept(false) : number(other.number), moves_left(other.moves_left) {
    if (number == 2 && (*moves_left)-- == 0) throw std::bad_alloc();
    light = std::move(other.light);
  }
  friend batch<float> as_batch(const heavy& b) { return as_batch(b.light); }
};

}  // namespace

TEST_CASE("a batch that cannot be kept is an error of its own: those before it are paired, and with each other") {
  for (const bool background : {false, true}) {
    for (const bool has_labels : {false, true}) {
      const auto labels_of = [](const labelled& b) { return b.label; };
      matched_loader<labelled> whole(source_of{{16, 16}}, options_of(48, background),
                                     has_labels ? matched_loader<labelled>::labels(labels_of) : nullptr);
      const auto moves_left = std::make_shared<int>(1);  // out of the source, and not into the window
      source_of good{{16, 16, 16}};
      matched_loader<heavy> loader(
          [&]() -> std::optional<heavy> {
            const int number = static_cast<int>(good.given);
            auto one = good();
            if (!one) return std::nullopt;
            return std::optional<heavy>(heavy(std::move(*one), number, moves_left));
          },
          options_of(48, background),
          has_labels ? [](const heavy& b) { return b.light.label; } : matched_loader<heavy>::labels(nullptr));
      for (int b = 0; b < 2; ++b) {
        const auto expected = whole.next();
        const auto got = loader.next();
        REQUIRE(expected);
        REQUIRE(got);
        for (std::size_t i = 0; i < 16; ++i) {
          CHECK(std::equal(expected->noise.row(i), expected->noise.row(i) + 6, got->noise.row(i)));
        }
      }
      CHECK_THROWS_AS(loader.next(), std::bad_alloc);
      CHECK_FALSE(loader.next());
    }
  }
}

TEST_CASE("an error of the pairing comes instead of its window") {
  for (const bool background : {false, true}) {
    source_of good{{16, 16, 16, 16}};
    matched_loader<labelled> loader(
        [&]() -> std::optional<labelled> {
          auto one = good();
          if (one && good.given == 3) (*one->images)(2, 1) = std::numeric_limits<float>::quiet_NaN();
          return one;
        },
        options_of(32, background));
    CHECK(loader.next());
    CHECK(loader.next());
    CHECK_THROWS_WITH(loader.next(), Contains("NaN in row 2"));
    CHECK_FALSE(loader.next());
  }
}

TEST_CASE("reads ahead two windows at most, and ends at any moment") {
  std::atomic<std::size_t> read{0};
  const auto endless = [&]() -> std::optional<labelled> { return make_batch(16, 6, read++); };
  {
    matched_loader<labelled> loader(endless, options_of(64, true));
    CHECK(loader.next());  // the thread may now prepare the second window, not the third
    for (int wait = 0; wait < 1000 && read < 8; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(read == 8);
  }
  for (int k = 0; k < 20; ++k) matched_loader<labelled>(endless, options_of(64, true));  // ends while it works
}

TEST_CASE("loader: what is refused") {
  CHECK_THROWS_WITH(matched_loader<labelled>(nullptr), Contains("needs a source"));
  matched_loader_options options = options_of(32, false);
  int given = 0;
  matched_loader<labelled> widths([&]() -> std::optional<labelled> { return make_batch(16, given++ ? 7 : 6, 1); },
                                  options);
  CHECK(widths.next());
  CHECK_THROWS_WITH(widths.next(), Contains("the same width in a window, got [16, 7] after 6 columns"));
  matched_loader<labelled> few_labels(source_of{{16}}, options,
                                      [](const labelled&) { return std::vector<std::int64_t>(3); });
  CHECK_THROWS_WITH(few_labels.next(), Contains("a label for each of the 16 images, got 3"));
  options.matcher.paired_fraction = 1.5;
  CHECK_THROWS_WITH(matched_loader<labelled>(source_of{{16}}, options), Contains("paired_fraction from 0 to 1"));
}

}  // namespace matched_loader_tests

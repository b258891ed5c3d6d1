// Will it help, and what will it cost? Measured on your images and this machine, before any training.
//
//   std::cout << immiscible::advice_text(immiscible::advise(some_images));
//
// Says how much nearer each way of pairing brings the noise, how long a batch takes and what memory it needs. That is no
// promise: how much a training gains from nearer noise depends on the network, the sampler's steps and the images. But where the
// noise comes no nearer, nothing can be gained.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/noise_matcher.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace immiscible {

/// What `advise` tries.
struct advise_options {
  std::size_t batch = 64;  ///< images of a training batch
  std::vector<std::size_t> windows = {256,
                                      1024};  ///< images paired together; those that there are images for are tried
  std::vector<std::size_t> candidates = {4, 16, 64};  ///< k of nearest-of-k
  assign_options pairing = {};  ///< precision and threads count; method and cost are what is tried
  std::uint64_t seed = 0;
  std::size_t repetitions = 3;  ///< draws that are averaged; times are their least
};

/// One way of pairing.
struct advice_line {
  method how = method::none;
  cost_function cost = cost_function::squared_l2;
  std::size_t together = 0;    ///< images that choose among the same noises
  std::size_t candidates = 0;  ///< k of method::drawn_nearest, else 0
  double distance_change =
      0;                     ///< of the mean distance from image to noise, relative to plain noise: -0.03 is 3 % nearer
  double alignment = 0;      ///< mean of x.e over |x|: standard deviations that the noise leans towards its image
  double noise_squares = 1;  ///< mean |e|^2 / d: 1 for noise that nobody chose
  double seconds = 0;        ///< of a batch: drawing and pairing, by the clock
  std::size_t bytes = 0;     ///< of working memory: noise, costs, copies of a window
};

/// The images, and what each way does to them; the first line is plain noise.
struct advice {
  std::size_t batch = 0, columns = 0;
  double image_squares = 0;  ///< mean |x|^2 / d: about 1 or less if images are in the units of the noise
  std::vector<advice_line> lines;
};

inline namespace IMMISCIBLE_BUILD {

/// Tries the ways of pairing on `images`.
///
/// @param images  [n, d] row-major, host, float; finite; as the trainer adds noise to them; a few thousand in random order say most.
/// @throws std::invalid_argument  n < batch, batch < 1, repetitions < 1, no values, k < 1, or as noise_matcher.
///
/// Cost:        some hundred batches' worth of drawing and pairing; seconds at d = 3072. Memory: that of the largest window.
/// Determinism: all but the times.
template <class Images>
advice advise(const Images& images, const advise_options& options = {});

/// What `advice` says, in words: some lines of text.
inline std::string advice_text(const advice& found);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

inline advice_line try_pairing(const batch<float>& images, const advise_options& options, advice_line line,
                               std::vector<float>& memory) {
  const std::size_t n = line.together, d = images.columns();
  noise_matcher_options matching;
  matching.seed = options.seed;
  matching.pairing = options.pairing;
  matching.pairing.method = line.how;
  matching.pairing.cost = line.cost;
  matching.pairing.candidates = line.candidates;
  if (line.how != method::exact) matching.pairing.precision = precision::full;
  noise_matcher match(matching), plain({options.seed, {}, /*first_paired_step*/ ~std::uint64_t{0}});
  memory.resize(n * d);
  const matrix_view<float> noise(memory.data(), n, d);
  double before = 0, after = 0, least = 0;
  line.alignment = line.noise_squares = 0;
  std::size_t with_direction = 0;
  for (std::size_t r = 0; r < options.repetitions; ++r) {
    const std::size_t first = images.rows() == n ? 0 : r * 7919 * n % (images.rows() - n + 1);
    const batch<float> own(images.row(first), n, d, images.stride());
    const auto start = std::chrono::steady_clock::now();
    match.match_into(own, r, noise);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    least = r == 0 ? seconds : std::min(least, seconds);
    after += mean_distance(own, batch<float>(noise));
    for (std::size_t i = 0; i < n; ++i) {
      const auto size = static_cast<Eigen::Index>(d);
      const Eigen::Map<const row_vector<float>> x(own.row(i), size), e(noise.row(i), size);
      const double length = static_cast<double>(x.norm());
      line.noise_squares += static_cast<double>(e.squaredNorm());
      if (!(length > 0)) continue;
      line.alignment += static_cast<double>(x.dot(e)) / length;
      ++with_direction;
    }
    plain.match_into(own, r, noise);
    before += mean_distance(own, batch<float>(noise));
  }
  const double rows = static_cast<double>(n * options.repetitions);
  line.distance_change = before > 0 ? after / before - 1 : 0;
  line.alignment /= static_cast<double>(std::max<std::size_t>(1, with_direction));
  line.noise_squares /= rows * static_cast<double>(d);
  line.seconds = least * static_cast<double>(options.batch) / static_cast<double>(n);
  const std::size_t copies = n > options.batch ? 2 : 1;  // a window copies its images together
  line.bytes = 4 * n * d * copies + (line.how == method::exact ? 4 * n * n : 0);
  return line;
}

inline std::string in_digits(const char* form, double value) {
  char text[64];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

inline std::string memory_text(std::size_t bytes) {
  const double megabytes = 1e-6 * static_cast<double>(bytes);
  return in_digits(megabytes < 10 ? "%.1f MB" : "%.0f MB", megabytes);
}

inline std::string name_of(const advice_line& line, std::size_t batch) {
  if (line.how == method::none) return "plain noise";
  if (line.how == method::exact) {
    return line.together == batch ? "exact, within the batch" : "exact, window of " + std::to_string(line.together);
  }
  return "nearest of " + std::to_string(line.candidates) +
         (line.cost == cost_function::inner_product ? ", by inner product" : ", by distance");
}

}  // namespace detail

template <class Images>
advice advise(const Images& images_like, const advise_options& options) {
  const batch<float> images = as_batch(images_like);
  const char* name = "advise";
  if (options.batch < 1) detail::fail(name, "needs a batch of at least 1, got 0");
  if (options.repetitions < 1) detail::fail(name, "needs repetitions >= 1, got 0");
  if (images.rows() < options.batch || images.columns() == 0) {
    detail::fail(name, "needs images [n, d] with n >= " + std::to_string(options.batch) +
                           " (the batch) and d >= 1, got " + detail::shape_text(images));
  }
  for (const std::size_t k : options.candidates) {
    if (k < 1) detail::fail(name, "needs candidates >= 1, got 0");
    detail::check_drawn_candidates(name, static_cast<double>(k), cost_function::squared_l2);
  }
  std::vector<double> norms;
  advice found;
  found.batch = options.batch;
  found.columns = images.columns();
  found.image_squares = detail::squared_norms(name, "images", images, norms).mean_square;

  std::vector<advice_line> tried(1);
  tried[0].together = options.batch;
  std::vector<std::size_t> together = {options.batch};
  for (const std::size_t window : options.windows) {
    if (window > options.batch && window <= images.rows()) together.push_back(window);
  }
  for (const std::size_t n : together) {
    advice_line line;
    line.how = method::exact;
    line.together = n;
    tried.push_back(line);
  }
  for (const cost_function cost : {cost_function::squared_l2, cost_function::inner_product}) {
    for (const std::size_t k : options.candidates) {
      advice_line line;
      line.how = method::drawn_nearest;
      line.cost = cost;
      line.together = options.batch;
      line.candidates = k;
      tried.push_back(line);
    }
  }
  std::vector<float> memory;
  for (const advice_line& line : tried) found.lines.push_back(detail::try_pairing(images, options, line, memory));
  return found;
}

inline std::string advice_text(const advice& found) {
  std::string text = "Batches of " + std::to_string(found.batch) + " images, d = " + std::to_string(found.columns) +
                     ", root mean square " + detail::in_digits("%.2f", std::sqrt(found.image_squares)) +
                     " (noise: 1).\n\n"
                     "                                   distance   alignment   |e|^2/d   ms a batch      memory\n";
  double best_exact = 0, shortest = 1;
  for (const advice_line& line : found.lines) {
    std::string label = detail::name_of(line, found.batch);
    label.resize(std::max<std::size_t>(33, label.size()), ' ');
    std::string memory = detail::memory_text(line.bytes);
    memory.insert(0, memory.size() < 10 ? 10 - memory.size() : 0, ' ');
    text += label;
    text += detail::in_digits("%+8.2f %%", 100 * line.distance_change);
    text += detail::in_digits("%12.2f", line.alignment);
    text += detail::in_digits("%10.3f", line.noise_squares);
    text += detail::in_digits("%13.3f", 1e3 * line.seconds);
    text += "  " + memory + "\n";
    if (line.how == method::exact) best_exact = std::min(best_exact, line.distance_change);
    shortest = std::min(shortest, line.noise_squares);
  }
  text +=
      "\nDistance: change of the mean distance from image to noise. Alignment: standard deviations that noise leans\n"
      "towards its image. Memory: noise, costs and copies.\n";
  if (found.image_squares > 25) {
    text += "The images are much longer than the noise: are these the units in which your trainer adds noise?\n";
  }
  if (best_exact > -0.002) {
    text += "Pairing brings the noise hardly nearer here (less than 0.2 %): do not expect much.\n";
  } else {
    text +=
        "For comparison: trainings on CIFAR-10 gained with -1.9 to -2.4 % (Li et al. 2024, batches of 128 to 1,024).\n";
  }
  if (shortest < 0.98) {
    text += "Nearest of k by distance shortens the noise (|e|^2/d down to " + detail::in_digits("%.3f", shortest) +
            "): part of its change of the distance is that, and not nearness.\n";
  }
  return text;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

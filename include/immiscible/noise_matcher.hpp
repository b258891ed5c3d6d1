// What a trainer keeps between steps: draws the noise of a step, gives every image its own, and reuses its memory.
//
//   immiscible::noise_matcher match({/*seed*/ 42});
//   for (step ...) auto [noise, pairs] = match(images, step);   // noise row i belongs to image i
//
// The noise of a step is rows 0, 1, ... of (seed, step): see philox.hpp. Pairing only moves rows, so what was drawn can be
// drawn again, and methods that pair nothing give the plain draw, bit for bit.
//
// matched_loader.hpp pairs over a window of several batches, and ahead of time on a thread of its own.
#pragma once

#include <immiscible/assign.hpp>
#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/drawn_noise.hpp>
#include <immiscible/drawn_nearest.hpp>
#include <immiscible/groups.hpp>
#include <immiscible/philox.hpp>
#include <immiscible/pooling.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace immiscible {

/// Where the noise comes from, how it is paired, and when.
struct noise_matcher_options {
  std::uint64_t seed = 0;
  assign_options pairing = {};
  std::uint64_t first_paired_step = 0;  ///< steps before it get plain noise: a warm-up
  double paired_fraction = 1;           ///< of the steps after it, chosen by (seed, step); the others get plain noise
  std::size_t pool = 1;    ///< score on samples averaged by so much (pooling.hpp), for large latents; 1: as they are
  image_shape shape = {};  ///< of the samples, where pool > 1
  bool flip = false;       ///< for research: negates the noise of paired steps, which is then far from its image
};

/// Noise that belongs to a batch of images, and how it was chosen. Both live in the matcher, until its next call.
struct matched_noise {
  batch<float> noise;  ///< [n, d] row i belongs to image i
  const assignment&
      pairs;  ///< noise_of_image[i] is the index of row i: it is the noise (seed, step, noise_of_image[i]); see drawn_nearest
};

inline namespace IMMISCIBLE_BUILD {

/// Draws N(0, I) noise for every batch and pairs it with the images. One call at a time: threads need a matcher each.
class noise_matcher {
 public:
  /// @throws std::invalid_argument  paired_fraction outside 0 ... 1, pool < 1, or pool > 1 with method::drawn_nearest.
  explicit noise_matcher(const noise_matcher_options& options = {});

  /// The matched noise of `images` at training step `step`.
  ///
  /// Calls are independent: any step may be asked for, in any order, and n and d may change from call to call (a ragged last
  /// batch). method::none, and (but for `flip`) the nearest of one candidate, give the rows as drawn. method::drawn_nearest
  /// makes each row the nearest of `candidates` (drawn_nearest.hpp; by `cost`: squared_l2, l2 or inner_product): row i of the
  /// step, moved towards image i. Its pairs are the identity, total_cost is what they cost.
  ///
  /// @param images  [n, d] row-major, host, float (anything `as_batch` takes); finite; in the units of the noise.
  /// @param step    below 2^48. The same (seed, step) is the same noise: let steps count on over all epochs, and give each
  ///                process of a distributed training a seed of its own.
  /// @return        views of the matcher's memory, valid until its next call or its end.
  /// @throws std::invalid_argument  as `assign` and `average_pool` (of the options, at steps that are not paired too), or a step
  ///                                or number of values that `normal_rows` does not draw. The memory of the last result may
  ///                                then be overwritten.
  ///
  /// Cost:        draws n d values (method::nearest: n k d), then `assign`, then moves each row at most once. Memory: the
  ///              drawn noise and that of `assign`; kept, so that batches of a size and kind that it has seen (the exact
  ///              solver works in other memory up to 640 images than beyond) allocate what the method itself allocates:
  ///              nothing for exact and auction on one thread and without groups (but what Eigen packs for its product, and
  ///              oneDNN for its own, and the copy of the samples of cost_function::published). In bytes
  ///              (precision::int8), without groups and pooling, noise is cut at 4 exactly, where `assign` cuts at 4 times
  ///              its root mean square.
  /// Determinism: the same seed, step and images give the same noise, for any number of threads.
  /// Reference:   Li et al., Immiscible Diffusion, NeurIPS 2024, algorithm 1.
  template <class Images>
  matched_noise operator()(const Images& images, std::uint64_t step);

  /// The same within groups: see `assign_in_groups`.
  ///
  /// @param group  [n] labels: classes, buckets; equal labels are one group.
  /// @throws std::invalid_argument  also as `assign_in_groups`.
  template <class Images>
  matched_noise operator()(const Images& images, std::uint64_t step, const std::vector<std::int64_t>& group);

  /// The same into the caller's memory.
  ///
  /// @param noise  [n, d], host, apart from `images`; overwritten, in part even if this throws.
  /// @param group  [n] labels, or null: all images are one group.
  /// @return       how the noise was chosen; the matcher's, until its next call.
  /// @throws std::invalid_argument  also if `noise` has another shape than `images`.
  const assignment& match_into(const batch<float>& images, std::uint64_t step, const matrix_view<float>& noise,
                               const std::vector<std::int64_t>* group = nullptr);

  /// True if `step` is one whose noise gets paired: see `first_paired_step` and `paired_fraction`.
  bool pairs_at(std::uint64_t step) const;

  const noise_matcher_options& options() const { return options_; }

 private:
  matched_noise match(const batch<float>& images, std::uint64_t step, const std::vector<std::int64_t>* group);
  void require_options(const batch<float>& images) const;
  void require_candidates(const batch<float>& images) const;
  void require_groups(const batch<float>& images, const std::vector<std::int64_t>& group) const;
  void pair_candidates(const batch<float>& images, std::uint64_t step, const matrix_view<float>& noise);
  void draw_nearest(const batch<float>& images, std::uint64_t step, const matrix_view<float>& noise);
  void pair_drawn(const batch<float>& images, const batch<float>& drawn, const assign_options& pairing,
                  const detail::known_noise& known, const std::vector<std::int64_t>* group);
  batch<float> pooled(const batch<float>& samples, std::vector<float>& memory) const;

  noise_matcher_options options_;
  assignment pairs_;
  assign_workspace<float> workspace_;
  groups_workspace<float> groups_workspace_;
  std::vector<float> noise_;       // [n, d]
  std::vector<float> candidates_;  // [n k, d], method::nearest
  std::vector<float> pooled_images_, pooled_noise_;
  std::vector<float> spare_row_;
  std::vector<bool> moved_;
};

// ------------------------------------------------------------------------------------------------ Implementation

inline noise_matcher::noise_matcher(const noise_matcher_options& options) : options_(options) {
  const char* name = "noise_matcher";
  if (!(options.paired_fraction >= 0 && options.paired_fraction <= 1)) {
    detail::fail(name, "needs paired_fraction from 0 to 1, got " + std::to_string(options.paired_fraction));
  }
  if (options.pool < 1) detail::fail(name, "needs pool >= 1, got 0");
  if (options.pool > 1 && options.pairing.method == method::drawn_nearest) {
    detail::fail(name, "needs pool = 1 for method::drawn_nearest, got " + std::to_string(options.pool));
  }
}

/// The samples as they are scored.
inline batch<float> noise_matcher::pooled(const batch<float>& samples, std::vector<float>& memory) const {
  const std::size_t width = detail::pooled_width("noise_matcher", samples.columns(), options_.shape, options_.pool);
  memory.resize(samples.rows() * width);
  average_pool(samples, options_.shape, options_.pool, matrix_view<float>(memory.data(), samples.rows(), width));
  return {memory.data(), samples.rows(), width};
}

/// Pairs the images with the rows that were drawn.
inline void noise_matcher::pair_drawn(const batch<float>& images, const batch<float>& drawn,
                                      const assign_options& pairing, const detail::known_noise& known,
                                      const std::vector<std::int64_t>* group) {
  const bool as_they_are = options_.pool == 1 || pairing.method == method::none;
  if ((group == nullptr || pairing.method == method::none) && as_they_are) {
    detail::require_assignable(images, drawn, pairing);
    detail::assign_known(images, drawn, pairing, known, pairs_, workspace_);
    return;
  }
  const batch<float> x = as_they_are ? images : pooled(images, pooled_images_);
  const batch<float> e = as_they_are ? drawn : pooled(drawn, pooled_noise_);
  if (group == nullptr) {
    assign(x, e, pairing, pairs_, workspace_);
  } else {
    assign_in_groups(x, e, *group, pairing, pairs_, groups_workspace_);
  }
}

inline bool noise_matcher::pairs_at(std::uint64_t step) const {
  if (step < options_.first_paired_step) return false;
  if (options_.paired_fraction >= 1) return true;
  const detail::philox_words words =
      detail::philox_block(detail::philox_counter(detail::philox_stream::paired_steps, step, 0, 0),
                           static_cast<std::uint32_t>(options_.seed), static_cast<std::uint32_t>(options_.seed >> 32));
  return words.word[0] * 0x1p-32 < options_.paired_fraction;
}

/// Whatever the step, so that a training does not find out after its warm-up; and so is require_groups.
inline void noise_matcher::require_options(const batch<float>& images) const {
  const char* name = "noise_matcher";
  const assign_options& pairing = options_.pairing;
  detail::require_options<float>(name, pairing);
  if (pairing.method == method::drawn_nearest) {
    detail::check_drawn_candidates(name, static_cast<double>(pairing.candidates), pairing.cost);
  }
  if (pairing.method == method::nearest) require_candidates(images);
  if (options_.pool > 1) detail::pooled_width(name, images.columns(), options_.shape, options_.pool);
}

/// method::nearest: the numbers of the candidates and their values can be counted.
inline void noise_matcher::require_candidates(const batch<float>& images) const {
  const std::size_t n = images.rows(), d = images.columns(), k = options_.pairing.candidates;
  const std::size_t most_rows = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  const std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(float);
  if (n > most_rows / k) {
    detail::fail("noise_matcher",
                 "needs n * k below 2^31 candidates, got " + std::to_string(n) + " * " + std::to_string(k));
  }
  if (d != 0 && n * k > most / d) {
    detail::fail("noise_matcher", "needs n * k * d values that fit the address space, got " + std::to_string(n) +
                                      " * " + std::to_string(k) + " * " + std::to_string(d));
  }
}

inline void noise_matcher::require_groups(const batch<float>& images, const std::vector<std::int64_t>& group) const {
  if (group.size() != images.rows()) {
    detail::fail("noise_matcher", "needs a label for each of the " + std::to_string(images.rows()) + " images, got " +
                                      std::to_string(group.size()));
  }
  if (options_.pairing.method == method::nearest) {
    detail::fail("noise_matcher", "needs another method than nearest within groups: its images choose alone");
  }
}

/// method::nearest: draws k candidates for each image, keeps the nearest.
inline void noise_matcher::pair_candidates(const batch<float>& images, std::uint64_t step,
                                           const matrix_view<float>& noise) {
  const std::size_t n = images.rows(), d = images.columns(), k = options_.pairing.candidates;
  detail::check_noise_identity("noise_matcher", step, 0, n * k, d);
  candidates_.resize(n * k * d);
  const matrix_view<float> drawn(candidates_.data(), n * k, d);
  const detail::known_noise known = detail::draw_known(options_.seed, step, options_.pairing, drawn, workspace_);
  pair_drawn(images, batch<float>(drawn), options_.pairing, known, nullptr);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(drawn.row(static_cast<std::size_t>(pairs_.noise_of_image[i])), d, noise.row(i));
  }
}

/// method::drawn_nearest.
inline void noise_matcher::draw_nearest(const batch<float>& images, std::uint64_t step,
                                        const matrix_view<float>& noise) {
  const assign_options& pairing = options_.pairing;
  nearest_normal_rows(options_.seed, step, 0, images, static_cast<double>(pairing.candidates), noise, pairing.cost,
                      pairing.threads);
  assign_options as_they_are = pairing;
  as_they_are.method = method::none;
  as_they_are.precision = precision::full;
  assign(images, batch<float>(noise), as_they_are, pairs_, workspace_);
}

inline const assignment& noise_matcher::match_into(const batch<float>& images, std::uint64_t step,
                                                   const matrix_view<float>& noise,
                                                   const std::vector<std::int64_t>* group) {
  const std::size_t n = images.rows(), d = images.columns();
  if (noise.rows() != n || noise.columns() != d) {
    detail::fail("noise_matcher", "needs noise of the shape of the images, got images " + detail::shape_text(images) +
                                      " and noise " + detail::shape_text(noise));
  }
  require_options(images);
  if (group != nullptr) require_groups(images, *group);
  assign_options pairing = options_.pairing;
  if (!pairs_at(step)) {
    pairing.method = method::none;
    pairing.precision = precision::full;
  }
  if (pairing.method == method::nearest && group == nullptr) {
    pair_candidates(images, step, noise);
  } else if (pairing.method == method::drawn_nearest) {  // images draw for themselves: groups change nothing
    draw_nearest(images, step, noise);
  } else {
    detail::check_noise_identity("noise_matcher", step, 0, n, d);
    const detail::known_noise known = detail::draw_known(options_.seed, step, pairing, noise, workspace_);
    pair_drawn(images, batch<float>(noise), pairing, known, group);
    detail::move_rows(noise, pairs_.noise_of_image, spare_row_, moved_);
  }
  const bool flips = options_.flip && pairing.method != method::none;
  for (std::size_t i = 0; flips && i < n; ++i) {
    float* const row = noise.row(i);
    for (std::size_t j = 0; j < d; ++j) row[j] = -row[j];
  }
  return pairs_;
}

inline matched_noise noise_matcher::match(const batch<float>& images, std::uint64_t step,
                                          const std::vector<std::int64_t>* group) {
  require_options(images);  // before any memory is taken
  noise_.resize(images.rows() * images.columns());
  const matrix_view<float> noise(noise_.data(), images.rows(), images.columns());
  match_into(images, step, noise, group);
  return {batch<float>(noise), pairs_};
}

template <class Images>
matched_noise noise_matcher::operator()(const Images& images_like, std::uint64_t step) {
  const auto view = as_batch(images_like);
  static_assert(std::is_same<typename decltype(view)::value_type, float>::value,
                "immiscible::noise_matcher: needs images of float, the type of the noise");
  return match(view, step, nullptr);
}

template <class Images>
matched_noise noise_matcher::operator()(const Images& images_like, std::uint64_t step,
                                        const std::vector<std::int64_t>& group) {
  const auto view = as_batch(images_like);
  static_assert(std::is_same<typename decltype(view)::value_type, float>::value,
                "immiscible::noise_matcher: needs images of float, the type of the noise");
  return match(view, step, &group);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// What a trainer keeps between steps: draws the noise of a step, gives every image its own, and reuses its memory.
//
//   immiscible::noise_matcher match({/*seed*/ 42});
//   for (step ...) auto [noise, pairs] = match(images, step);   // noise row i belongs to image i
//
// The noise of a step is rows 0, 1, ... of (seed, step): see philox.hpp. Pairing only moves rows, so what was drawn can be
// drawn again, and methods that pair nothing give the plain draw, bit for bit.
#pragma once

#include <immiscible/assign.hpp>
#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/drawn_noise.hpp>
#include <immiscible/philox.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace immiscible {

/// Where the noise comes from and how it is paired.
struct noise_matcher_options {
  std::uint64_t seed = 0;
  assign_options pairing = {};
};

/// Noise that belongs to a batch of images, and how it was chosen. Both live in the matcher, until its next call.
struct matched_noise {
  batch<float> noise;  ///< [n, d] row i belongs to image i
  const assignment&
      pairs;  ///< noise_of_image[i] is the index of row i: it is the noise (seed, step, noise_of_image[i])
};

/// Draws N(0, I) noise for every batch and pairs it with the images.
class noise_matcher {
 public:
  explicit noise_matcher(const noise_matcher_options& options = {}) : options_(options) {}

  /// The matched noise of `images` at training step `step`.
  ///
  /// Calls are independent: any step may be asked for, in any order, and n and d may change from call to call (a ragged last
  /// batch). method::none, and method::nearest with one candidate, give the rows as drawn.
  ///
  /// @param images  [n, d] row-major, host, float (anything `as_batch` takes); finite; in the units of the noise.
  /// @param step    below 2^48.
  /// @return        views of the matcher's memory, valid until its next call or its end. (Only cost_function::published can
  ///                overflow to +infinity and find nothing feasible; `pairs.status` says so, and the noise is as drawn.)
  /// @throws std::invalid_argument  as `assign`, or a step or number of values that `normal_rows` does not draw. The memory
  ///                                of the last result may then be overwritten.
  ///
  /// Cost:        draws n d values (method::nearest: n k d), then `assign`, then moves each row at most once. Memory: the
  ///              drawn noise and that of `assign`; kept, so that batches of the same or a smaller size allocate what the
  ///              method itself allocates: nothing for exact and auction on one thread.
  /// Determinism: the same seed, step and images give the same noise, for any number of threads.
  /// Reference:   Li et al., Immiscible Diffusion, NeurIPS 2024, algorithm 1.
  template <class Images>
  matched_noise operator()(const Images& images, std::uint64_t step);

  const noise_matcher_options& options() const { return options_; }

 private:
  matrix_view<float> draw(std::size_t rows, std::size_t columns, std::uint64_t step);
  void keep_chosen(const matrix_view<float>& drawn);

  noise_matcher_options options_;
  assignment pairs_;
  assign_workspace<float> workspace_;
  detail::known_noise known_;
  std::vector<float> drawn_;  // [n, d], or [n k, d]
  std::vector<float> spare_row_;
  std::vector<bool> moved_;
};

// ------------------------------------------------------------------------------------------------ Implementation

/// Rows 0 ... rows - 1 of the step, in the matcher's memory.
inline matrix_view<float> noise_matcher::draw(std::size_t rows, std::size_t columns, std::uint64_t step) {
  detail::check_noise_identity("noise_matcher", step, 0, rows, columns);
  drawn_.resize(rows * columns);
  const matrix_view<float> drawn(drawn_.data(), rows, columns);
  known_ = detail::draw_known(options_.seed, step, options_.pairing, drawn, workspace_);
  return drawn;
}

/// Moves the chosen rows to the front, row i to image i.
inline void noise_matcher::keep_chosen(const matrix_view<float>& drawn) {
  const std::vector<std::int32_t>& source = pairs_.noise_of_image;
  if (pairs_.status == status::infeasible) return;
  if (options_.pairing.method != method::nearest) return detail::move_rows(drawn, source, spare_row_, moved_);
  for (std::size_t i = 0; i < source.size(); ++i) {  // row i comes from i k or later: nothing is overwritten unread
    const auto chosen = static_cast<std::size_t>(source[i]);
    if (chosen != i) std::copy_n(drawn.row(chosen), drawn.columns(), drawn.row(i));
  }
}

template <class Images>
matched_noise noise_matcher::operator()(const Images& images_like, std::uint64_t step) {
  const auto view = as_batch(images_like);
  static_assert(std::is_same<typename decltype(view)::value_type, float>::value,
                "immiscible::noise_matcher: needs images of float, the type of the noise");
  const batch<float> images = view;
  const std::size_t n = images.rows(), d = images.columns();
  const std::size_t k = options_.pairing.method == method::nearest ? options_.pairing.candidates : 1;
  const std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(float);
  if (k < 1) detail::fail("noise_matcher", "needs candidates >= 1 for method::nearest, got 0");
  if (d != 0 && n > most / d / k) {
    detail::fail("noise_matcher", "needs n * k * d values that fit the address space, got " + std::to_string(n) +
                                      " * " + std::to_string(k) + " * " + std::to_string(d));
  }
  const matrix_view<float> drawn = draw(n * k, d, step);
  detail::require_assignable(images, batch<float>(drawn), options_.pairing);
  detail::assign_known(images, batch<float>(drawn), options_.pairing, known_, pairs_, workspace_);
  keep_chosen(drawn);
  return {batch<float>(drawn.data(), n, d), pairs_};
}

}  // namespace immiscible

// Batches with the noise that belongs to them: paired over a window of several batches, and ahead of time.
//
//   immiscible::matched_loader<my_batch> loader([&] { return my_loader.next(); }, {.window = 1024});   // C++20's way to write it
//   while (auto item = loader.next()) train(item->images, item->noise);
//
// A window of 1,024 images finds nearer noise than a batch of 64 does, and gives every class enough members to pair within
// classes; it costs the trainer nothing to wait for, because a thread of the loader's own reads ahead, draws and pairs while the
// trainer computes. The numbers are the same without that thread.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/noise_matcher.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace immiscible {

/// How `matched_loader` pairs.
struct matched_loader_options {
  noise_matcher_options matcher = {};
  std::size_t window =
      0;  ///< images that are paired together, at least: whole batches until there are so many; 0: each batch alone
  /// Of the source's first batch: where batches count on, after a checkpoint or with a new loader for each epoch. The same (seed,
  /// index) is the same noise.
  std::uint64_t first_index = 0;
  bool background = true;  ///< read ahead, draw and pair on a thread of its own
};

/// One batch of the source, and its noise.
template <class Batch>
struct matched_batch {
  Batch images;        ///< as the source gave it, labels and all
  batch<float> noise;  ///< [n, d] row i belongs to image i; the loader's memory, valid until its next call or its end
  std::uint64_t index = 0;  ///< of the batch: first_index, first_index + 1, ...
  bool paired = false;      ///< false for a batch that only got plain noise (a warm-up, method::none)
};

inline namespace IMMISCIBLE_BUILD {

/// Hands out the batches of a source, in their order, each with matched noise.
///
/// The noise of a window is rows 0, 1, ... of (seed, index of the window's first batch), and that index is the step that
/// decides whether the window is paired (noise_matcher_options). With window = 0 every batch gets what
/// `noise_matcher(images, index)` gives.
///
/// @tparam Batch  movable; `as_batch(const Batch&)` gives its images, [n, d] row-major, host, float. All of a window have the
///                same d.
template <class Batch>
class matched_loader {
 public:
  /// The next batch, or nothing at the end. Called by one thread at a time: the loader's own if `background`. So give it a random
  /// generator of its own (LibTorch's default one is shared by all threads), and set thread-local modes inside it.
  using source = std::function<std::optional<Batch>()>;
  /// Labels of a batch [n]; noise is then exchanged within equal labels only (`assign_in_groups`).
  using labels = std::function<std::vector<std::int64_t>(const Batch&)>;

  /// @param next    gives the batches.
  /// @param groups  gives their labels, or nothing: all images are one group.
  /// @throws std::invalid_argument  no source, or as noise_matcher.
  /// @throws std::system_error      no thread can be had, where `background` asks for one.
  explicit matched_loader(source next, const matched_loader_options& options = {}, labels groups = nullptr);

  /// Ends the thread, once the source has given the batch that it is at, or the window is paired.
  ~matched_loader();

  matched_loader(const matched_loader&) = delete;
  matched_loader& operator=(const matched_loader&) = delete;

  /// The next batch with its noise; nothing at the end.
  ///
  /// Called by one thread at a time. The noise of earlier batches is gone with it.
  ///
  /// @throws  what the source or the labels threw, after all batches that came before it; or what `noise_matcher` says of the
  ///          window, instead of its batches (and of an error of the source in that window). The loader is at its end then.
  ///
  /// Cost:    the wait for the window, if it is not ready; otherwise nothing to speak of. Memory: images, noise and
  ///          batches of one window (two with `background`), kept, and one matrix of costs.
  /// Determinism: the same source and options give the same noise, with and without `background`.
  std::optional<matched_batch<Batch>> next();

 private:
  /// A window on its way from the pairing to the caller.
  struct prepared {
    std::vector<Batch> batches;
    std::vector<std::int64_t> group;
    std::vector<float> images, noise;  // [rows, columns]; images only of several batches
    std::size_t rows = 0, columns = 0;
    std::uint64_t first_index = 0;
    bool paired = false;
    std::exception_ptr error;  // comes after the batches
    bool is_last = false;
    std::size_t next_batch = 0, next_row = 0;  // to hand out
  };

  void read(prepared& window);
  batch<float> images_of(prepared& window) const;
  void prepare(prepared& window);
  void run();
  prepared* wait_for_ready();
  void release();

  source source_;
  labels labels_;
  matched_loader_options options_;
  noise_matcher match_;
  std::uint64_t next_index_;  // of the batch that is read next

  std::array<prepared, 2> windows_;
  std::size_t current_ = 0;   // the caller's window
  bool has_current_ = false;  // the caller is at it
  bool is_at_end_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<bool, 2> is_ready_ = {false, false};  // guarded
  std::atomic<bool> stops_{false};
  std::thread thread_;
};

// ------------------------------------------------------------------------------------------------ Implementation

template <class Batch>
matched_loader<Batch>::matched_loader(source next, const matched_loader_options& options, labels groups)
    : source_(std::move(next)),
      labels_(std::move(groups)),
      options_(options),
      match_(options.matcher),
      next_index_(options.first_index) {
  if (!source_) detail::fail("matched_loader", "needs a source of batches, got none");
  if (options_.background) thread_ = std::thread([this] { run(); });
}

template <class Batch>
matched_loader<Batch>::~matched_loader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

/// Batches of the source, until they fill the window.
template <class Batch>
void matched_loader<Batch>::read(prepared& window) {
  window.first_index = next_index_;
  while (window.rows < std::max<std::size_t>(1, options_.window) && !stops_) {
    std::optional<Batch> one = source_();
    if (!one) {
      window.is_last = true;
      return;
    }
    const batch<float> images = as_batch(static_cast<const Batch&>(*one));
    if (window.rows > 0 && images.rows() > 0 && images.columns() != window.columns) {
      detail::fail("matched_loader", "needs batches of the same width in a window, got " + detail::shape_text(images) +
                                         " after " + std::to_string(window.columns) + " columns");
    }
    const std::size_t rows = images.rows(), columns = images.columns();
    std::vector<std::int64_t> own;
    if (labels_) {
      own = labels_(*one);
      if (own.size() != rows) {
        detail::fail("matched_loader", "needs a label for each of the " + std::to_string(rows) + " images, got " +
                                           std::to_string(own.size()));
      }
    }
    window.group.reserve(window.group.size() + own.size());
    window.batches.push_back(std::move(*one));  // the last that may throw: the window counts only batches that it has
    window.group.insert(window.group.end(), own.begin(), own.end());
    if (rows > 0 || window.rows == 0) window.columns = columns;
    window.rows += rows;
    ++next_index_;
    if (options_.window == 0) return;  // also after an empty batch
  }
}

/// All images of the window, one after the other.
template <class Batch>
batch<float> matched_loader<Batch>::images_of(prepared& window) const {
  if (window.batches.size() == 1) return as_batch(static_cast<const Batch&>(window.batches[0]));
  window.images.resize(window.rows * window.columns);
  float* to = window.images.data();
  for (const Batch& one : window.batches) {
    const batch<float> images = as_batch(one);
    for (std::size_t i = 0; i < images.rows(); ++i, to += window.columns) {
      std::copy_n(images.row(i), window.columns, to);
    }
  }
  return {window.images.data(), window.rows, window.columns};
}

/// Reads and pairs one window. Never throws: errors wait in the window.
template <class Batch>
void matched_loader<Batch>::prepare(prepared& window) {
  window.batches.clear();
  window.group.clear();
  window.rows = window.columns = window.next_batch = window.next_row = 0;
  window.is_last = false;
  window.error = nullptr;
  try {
    read(window);
  } catch (...) {
    window.error = std::current_exception();
  }
  if (window.batches.empty() || stops_) return;
  try {
    window.noise.resize(window.rows * window.columns);
    window.paired = match_.pairs_at(window.first_index) && options_.matcher.pairing.method != method::none;
    match_.match_into(images_of(window), window.first_index,
                      matrix_view<float>(window.noise.data(), window.rows, window.columns),
                      labels_ ? &window.group : nullptr);
  } catch (...) {
    window.batches.clear();
    window.error = std::current_exception();
  }
}

/// The loader's thread: one window after the other, as long as there is room.
template <class Batch>
void matched_loader<Batch>::run() {
  for (std::size_t w = 0;; w = 1 - w) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return stops_ || !is_ready_[w]; });
      if (stops_) return;
    }
    prepare(windows_[w]);
    const bool ends = windows_[w].is_last || windows_[w].error;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_ready_[w] = true;
    }
    changed_.notify_all();
    if (ends) return;
  }
}

/// The caller's window, once it is prepared.
template <class Batch>
typename matched_loader<Batch>::prepared* matched_loader<Batch>::wait_for_ready() {
  if (!options_.background) {
    if (!has_current_) prepare(windows_[current_]);
  } else if (!has_current_) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return is_ready_[current_]; });
  }
  has_current_ = true;
  return &windows_[current_];
}

/// Gives the caller's window back.
template <class Batch>
void matched_loader<Batch>::release() {
  has_current_ = false;
  if (!options_.background) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ready_[current_] = false;
  }
  changed_.notify_all();
  current_ = 1 - current_;
}

template <class Batch>
std::optional<matched_batch<Batch>> matched_loader<Batch>::next() {
  while (!is_at_end_) {
    prepared& window = *wait_for_ready();
    if (window.next_batch < window.batches.size()) {
      const std::size_t b = window.next_batch++;
      const std::size_t n = batch<float>(as_batch(static_cast<const Batch&>(window.batches[b]))).rows();
      const batch<float> noise(window.noise.data() + window.next_row * window.columns, n, window.columns);
      window.next_row += n;
      return matched_batch<Batch>{std::move(window.batches[b]), noise, window.first_index + b, window.paired};
    }
    is_at_end_ = window.is_last || window.error;
    const std::exception_ptr error = std::exchange(window.error, nullptr);
    if (!is_at_end_) release();
    if (error) std::rethrow_exception(error);
  }
  return std::nullopt;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

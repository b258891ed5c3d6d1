// The batches of a training on images, each with the noise that the pairing of the run gives it.
#pragma once

#include "experiment.hpp"
#include "flow.hpp"

#include <immiscible/matched_loader.hpp>
#include <immiscible/torch.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace examples {

struct noisy_batch {
  torch::Tensor images;  ///< (B, ...), scaled as the pairing says
  torch::Tensor labels;  ///< (B) int64, where the data has labels
  torch::Tensor noise;   ///< (B, ...) like the images; valid until the next batch
};

/// Reads a data set in random order, batch after batch, and draws the noise: the same order and noise for every pairing of a
/// seed, in another assignment.
class matched_images {
 public:
  /// @param images      (N, ...) float32, contiguous.
  /// @param labels      (N) int64, or undefined; where the trainer has classes, noise is exchanged within them only.
  /// @param steps_done  of an earlier program: the batches of these steps are left out, none of their noise is drawn again but
  ///                    for a window that was begun.
  matched_images(const job& j, torch::Tensor images, torch::Tensor labels, int steps_done)
      : images_(std::move(images)),
        labels_(std::move(labels)),
        scale_(j.options.image_scale * j.how.image_scale),
        first_of_window_(first_of_window(j, steps_done)),
        order_(images_.size(0), j.options.batch, j.key(), first_of_window_),
        loader_([this] { return read(); }, loader_options(j), groups(j)) {
    for (int i = first_of_window_; i < steps_done; ++i) loader_.next();
  }

  noisy_batch next() {
    const auto given = loader_.next();
    const torch::Tensor& images = given->images.images;
    return {images, given->images.labels, immiscible::tensor_of(given->noise, images.sizes())};
  }

 private:
  struct part {
    torch::Tensor images, labels;
    friend immiscible::batch<float> as_batch(const part& p) { return immiscible::float_rows(p.images); }
  };
  using loader = immiscible::matched_loader<part>;

  static int first_of_window(const job& j, int steps_done) {
    const int batches = std::max(1, (static_cast<int>(j.how.window) + j.options.batch - 1) / j.options.batch);
    return steps_done / batches * batches;
  }

  immiscible::matched_loader_options loader_options(const job& j) const {
    immiscible::matched_loader_options options;
    options.matcher = {j.key(), j.how.assign, j.first_paired_step()};
    options.window = j.how.window;
    options.background = j.options.background;
    options.first_index = static_cast<std::uint64_t>(first_of_window_) + 1;
    return options;
  }

  loader::labels groups(const job& j) const {
    if (!j.options.has_classes || !j.how.within_classes || !labels_.defined()) return nullptr;
    return [](const part& p) {
      const std::int64_t* labels = p.labels.const_data_ptr<std::int64_t>();
      return std::vector<std::int64_t>(labels, labels + p.labels.numel());
    };
  }

  std::optional<part> read() {
    const torch::Tensor rows = order_.next();
    torch::Tensor images = images_.index_select(0, rows);
    if (scale_ != 1) images = images * scale_;
    return part{std::move(images), labels_.defined() ? labels_.index_select(0, rows) : torch::Tensor()};
  }

  torch::Tensor images_, labels_;
  double scale_;
  int first_of_window_;
  batch_order order_;
  loader loader_;
};

}  // namespace examples

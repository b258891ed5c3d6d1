// The batches of a training, each with the noise that the pairing of the run gives it.
#pragma once

#include "experiment.hpp"

#include <torch/types.h>

#include <memory>

namespace examples {

struct matched_batch {
  torch::Tensor samples;     ///< (B, ...), scaled as the pairing says
  torch::Tensor conditions;  ///< (B, ...) what the network is told, such as labels; undefined where there are none
  torch::Tensor noise;       ///< (B, ...) like the samples; valid until the next batch
};

/// Reads a data set in random order, batch after batch, and draws the noise: the same order for every pairing of a seed,
/// and the same noise in another assignment where their windows are equal.
class matched_samples {
 public:
  /// @param samples     (N, ...) float32, contiguous.
  /// @param conditions  (N, ...) what belongs to each sample, or undefined. Where the trainer has classes these are its labels,
  ///                    (N) int64, and noise is exchanged within equal ones only.
  /// @param steps_done  of an earlier program: the batches of these steps are left out, none of their noise is drawn again but
  ///                    for a window that was begun.
  matched_samples(const job& j, torch::Tensor samples, torch::Tensor conditions, int steps_done);
  ~matched_samples();

  matched_batch next();

 private:
  class reader;  // the library's code for every pairing is compiled with matched_samples.cpp, not with each trainer
  std::unique_ptr<reader> reader_;
};

}  // namespace examples

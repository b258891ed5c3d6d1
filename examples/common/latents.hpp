// Latents that a model is trained on: of the program's own autoencoder, or the user's, from .npy files.
#pragma once

#include "npy.hpp"

#include <torch/types.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// To the scale that networks train on, and back: each channel's mean removed, standard deviation 1 over all values.
struct latent_scale {
  torch::Tensor mean;  // (1, c, 1, 1)
  double deviation = 1;

  latent_scale() = default;
  explicit latent_scale(const torch::Tensor& latents)
      : mean(latents.mean({0, 2, 3}, /*keepdim*/ true)),
        deviation((latents - mean).square().mean().sqrt().item<double>()) {}
  torch::Tensor scaled(const torch::Tensor& latents) const { return ((latents - mean) / deviation).contiguous(); }
  torch::Tensor unscaled(const torch::Tensor& samples) const { return samples * deviation + mean; }
};

struct labelled_latents {
  torch::Tensor latents;  // (N, c, h, w) float32
  torch::Tensor labels;   // (N) int64, 0 ... classes - 1; all 0 where none were given
};

/// Reads latents and, where a file is named, their labels.
///
/// @param file         .npy, (N, c, h, w), any type of number.
/// @param labels_file  .npy, (N) whole numbers from 0; or "".
/// @throws npy::error             a file that cannot be read.
/// @throws std::invalid_argument  another shape, fewer than 20 latents, a value that is not finite, a label below 0.
inline labelled_latents read_latents(const std::string& file, const std::string& labels_file) {
  const npy::array given = npy::load(file);
  const auto fail = [](const std::string& needed, const std::string& got) {
    throw std::invalid_argument("needs " + needed + ", got " + got);
  };
  if (given.shape.size() != 4 || given.rows() < 20 || given.size() == 0) {
    std::string shape;
    for (const std::size_t extent : given.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
    fail("latents (N, c, h, w) with N of 20 and more in " + file, "shape (" + shape + ")");
  }
  labelled_latents data;
  const std::vector<float> values = npy::elements<float>(given);
  data.latents = torch::tensor(values).view(std::vector<std::int64_t>(given.shape.begin(), given.shape.end()));
  if (!data.latents.isfinite().all().item<bool>()) fail("finite latents in " + file, "NaN or infinity");
  if (labels_file.empty()) {
    data.labels = torch::zeros({data.latents.size(0)}, torch::kLong);
    return data;
  }
  const npy::array labels = npy::load(labels_file);
  if (labels.shape != std::vector<std::size_t>{given.rows()} || labels.dtype.find('f') != std::string::npos) {
    fail(std::to_string(given.rows()) + " whole numbers in " + labels_file,
         std::to_string(labels.size()) + " values of type " + labels.dtype);
  }
  data.labels = torch::tensor(npy::elements<std::int64_t>(labels));
  const auto least = data.labels.min().item<std::int64_t>(), greatest = data.labels.max().item<std::int64_t>();
  if (least < 0 || greatest > 9999) {
    fail("labels from 0 to 9999 in " + labels_file, std::to_string(least) + " to " + std::to_string(greatest));
  }
  return data;
}

/// Those that are wanted, (N) bool.
inline labelled_latents rows_of(const labelled_latents& data, const torch::Tensor& wanted) {
  const torch::Tensor rows = wanted.nonzero().flatten();
  return {data.latents.index_select(0, rows), data.labels.index_select(0, rows)};
}

/// Those of the given classes.
inline labelled_latents of_classes(const labelled_latents& data, const std::vector<int>& classes) {
  torch::Tensor wanted = torch::zeros({data.labels.size(0)}, torch::kBool);
  for (const int c : classes) wanted = wanted | data.labels.eq(c);
  return rows_of(data, wanted);
}

}  // namespace examples

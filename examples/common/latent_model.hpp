// What the trainer on latents and the programs that open its models share.
#pragma once

#include "autoencoder.hpp"
#include "image_studio.hpp"
#include "latent_unet.hpp"
#include "latents.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

inline std::int64_t autoencoder_steps(const trainer_options& options) { return options.smoke ? 50 : 1500; }

/// The autoencoder of the pictures, from the folder of the program or trained now.
inline std::shared_ptr<autoencoder> autoencoder_for(const image_studio& s, const trainer_options& options) {
  return trained_autoencoder(s.images, s.source.name, autoencoder_steps(options), options.out);
}

/// OUT of a checkpoint OUT/checkpoints/RUN.pt.
inline std::string folder_of(const std::string& checkpoint_file) {
  return std::filesystem::absolute(checkpoint_file).parent_path().parent_path().string();
}

/// The file of the autoencoder that a saved model was trained with: another one would show its latents as other pictures.
///
/// @throws std::runtime_error  it does not lie above the model's checkpoints.
inline std::string autoencoder_file_of(const std::string& checkpoint_file, const image_studio& s,
                                       const trainer_options& options) {
  const std::string file =
      autoencoder_file(s.images, s.source.name, autoencoder_steps(options), folder_of(checkpoint_file));
  if (!std::filesystem::exists(file)) {
    throw std::runtime_error("needs the autoencoder that " + checkpoint_file + " was trained with, got no " + file);
  }
  return file;
}

/// Mean squared error of the test pictures after encoding and decoding, where pixels have variance 1.
inline double autoencoder_error(autoencoder& network, const image_studio& s) {
  const torch::Tensor pictures = s.scale.scaled(s.source.test.images);
  return (decoded(network, encoded(network, pictures)) - pictures).square().mean().item<double>();
}

/// The labels of `count` samples, (count) int64: each as often as among the real ones (N) that the samples are compared with.
///
/// A row of the sheet of samples has one label: that which is furthest behind its share, of several the lowest. So labels that are
/// equally frequent take turns.
inline torch::Tensor sample_labels(const torch::Tensor& real_labels, std::int64_t count) {
  const torch::Tensor frequency = real_labels.bincount();
  torch::Tensor rows_given = torch::zeros_like(frequency), labels = torch::empty({count}, torch::kLong);
  for (std::int64_t first = 0, row = 1; first < count; first += shown_side, ++row) {
    const std::int64_t label = (row * frequency - real_labels.numel() * rows_given).argmax().item<std::int64_t>();
    rows_given[label] += 1;
    labels.narrow(0, first, std::min<std::int64_t>(shown_side, count - first)).fill_(label);
  }
  return labels;
}

/// "5,7" -> {5, 7}
inline std::vector<int> class_list(const std::string& text) {
  std::vector<int> classes;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) classes.push_back(std::stoi(one));
  return classes;
}

}  // namespace examples

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

/// The labels whose samples are judged, where every label of the data stands `shift` further: of these classes, or of all.
inline std::vector<std::int64_t> sampled_labels(std::int64_t classes, const std::vector<int>& some, int shift) {
  std::vector<std::int64_t> labels;
  for (std::int64_t c = 0; c < classes; ++c) {
    if (some.empty() || std::count(some.begin(), some.end(), c) > 0) labels.push_back((c + shift) % classes);
  }
  return labels;
}

/// The labels of `count` samples: a row of the picture of the first, a row of the next, ..., and again, (count) int64.
inline torch::Tensor labels_in_turns(const std::vector<std::int64_t>& sampled, std::int64_t count) {
  const torch::Tensor turns = torch::arange(count).div(shown_side, "floor") % static_cast<std::int64_t>(sampled.size());
  return torch::tensor(sampled).index_select(0, turns);
}

/// "5,7" -> {5, 7}
inline std::vector<int> class_list(const std::string& text) {
  std::vector<int> classes;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, ',');) classes.push_back(std::stoi(one));
  return classes;
}

}  // namespace examples

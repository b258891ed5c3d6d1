// A generator of pictures by diffusion: its settings, its network, its samples.
#pragma once

#include "diffusion.hpp"
#include "image_studio.hpp"
#include "networks.hpp"
#include "sampling.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// As on the command line.
struct ddim_settings {
  std::string prediction = "velocity", schedule = "cosine";

  prediction_kind prediction_is() const {
    if (prediction == "epsilon") return prediction_kind::epsilon;
    if (prediction == "velocity") return prediction_kind::velocity;
    throw std::invalid_argument("--prediction: needs epsilon or velocity, got " + prediction);
  }
  schedule_kind schedule_is() const {
    if (schedule == "linear") return schedule_kind::linear;
    if (schedule == "cosine") return schedule_kind::cosine;
    throw std::invalid_argument("--schedule: needs linear or cosine, got " + schedule);
  }
};

/// A new network that suits the pictures.
inline std::shared_ptr<small_unet> make_ddim_network(const image_studio& s, std::uint64_t seed) {
  return make_network<small_unet>(seed, unet_settings{s.images.size(1), s.unet_width});
}

/// The images that the network sees in x (B, C, S, S) at a level; no pixel is darker than black or brighter than white, as
/// in DDPM's code: without that, the first steps of the cosine schedule multiply the network's errors by thousands.
///
/// @param sample_scale  of the pictures that the network learned from.
template <class Network>
torch::Tensor ddim_prediction(Network& network, const image_studio& s, const ddim_settings& settings,
                              double sample_scale, const torch::Tensor& x, const noise_level& level) {
  const torch::Tensor output = network.forward(x, torch::full({x.size(0)}, level.time));
  const torch::Tensor images = predicted_images(settings.prediction_is(), output, x, level);
  return s.scale.scaled(s.pictures(images, sample_scale)) * sample_scale;
}

/// Pictures in [0, 1] from start noise by DDIM.
template <class Network>
torch::Tensor ddim_pictures(Network& network, const image_studio& s, const ddim_settings& settings, double sample_scale,
                            const torch::Tensor& start, int steps) {
  const std::vector<noise_level> levels = diffusion_schedule(settings.schedule_is()).levels(steps);
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& noise : start.split(sampled_at_once)) {
    const auto predict = [&](const torch::Tensor& x, const noise_level& level) {
      return ddim_prediction(network, s, settings, sample_scale, x, level);
    };
    parts.push_back(s.pictures(follow_levels(noise, levels, predict), sample_scale));
  }
  return torch::cat(parts);
}

}  // namespace examples

// Generators of pictures, opened from the checkpoints of the trainers: whatever they were trained by, one way to look at them.
#pragma once

#include "consistency.hpp"
#include "ddim_pictures.hpp"
#include "flow_pictures.hpp"
#include "image_studio.hpp"
#include "latent_model.hpp"
#include "options.hpp"
#include "sampling.hpp"
#include "training.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// A trained generator of pictures.
struct saved_model {
  std::string program, pairing;
  int seed = 0, step = 0;
  std::vector<std::int64_t> shape;  ///< of one sample of noise: (C, S, S)

  /// Where its sampler stops on the way from noise to image.
  std::function<std::vector<noise_level>(int steps)> levels;
  /// The images that the network sees in x (B, ...) at a level, (B, ...); x is that of samples `first` ... `first` + B - 1.
  std::function<torch::Tensor(const torch::Tensor& x, const noise_level& level, std::int64_t first)> predict;
  /// Images (B, ...) as pictures (B, C, S, S) in [0, 1].
  std::function<torch::Tensor(const torch::Tensor& images)> pictures;

  std::string name() const { return program + ", " + pairing + ", seed " + std::to_string(seed); }
};

/// The options that the checkpoint's training had, as far as they decide which data and network it takes.
///
/// @param out  where the classifier that judges is kept.
inline trainer_options options_of(const nlohmann::json& description, const std::string& out) {
  if (!description.contains("program")) throw std::runtime_error("needs a trainer's checkpoint, got a network alone");
  const std::map<std::string, std::string> settings = description.at("settings");
  const auto setting = [&](const std::string& name, const std::string& otherwise) {
    const auto found = settings.find(name);
    return found == settings.end() || found->second.empty() ? otherwise : found->second;
  };
  trainer_options options;
  options.program = description.at("program");
  options.settings = settings;
  options.data = setting("--data", "");
  options.data_dir = setting("--data-dir", "");
  options.image_size = std::stoi(setting("--size", "28"));
  options.judged = std::stoi(setting("--judged", "4000"));
  options.image_scale = std::stod(setting("--image-scale", "1"));
  options.smoke = setting("--smoke", "false") == "true";
  options.has_classes = true;  // so that every pairing can be read
  options.out = out;
  if (options.data.empty()) {
    throw std::runtime_error("needs the checkpoint of a generator of pictures, got one of " + options.program);
  }
  return options;
}

namespace detail {

template <class Network>
void use_flow(saved_model& model, std::shared_ptr<Network> network) {
  model.levels = flow_levels;
  model.predict = [network](const torch::Tensor& x, const noise_level& level, std::int64_t /*first*/) {
    const torch::Tensor velocity = network->forward(x, torch::full({x.size(0)}, level.time));
    return x + level.noise * velocity;
  };
}

inline void use_ddim(saved_model& model, const image_studio& s, const std::map<std::string, std::string>& settings,
                     double sample_scale, std::shared_ptr<small_unet> network) {
  const ddim_settings own = {settings.at("--prediction"), settings.at("--schedule")};
  model.levels = [own](int steps) { return diffusion_schedule(own.schedule_is()).levels(steps); };
  model.predict = [&s, own, sample_scale, network](const torch::Tensor& x, const noise_level& level,
                                                   std::int64_t /*first*/) {
    return ddim_prediction(*network, s, own, sample_scale, x, level);
  };
}

inline void use_consistency(saved_model& model, const std::map<std::string, std::string>& settings, double sample_scale,
                            std::shared_ptr<small_unet> network) {
  consistency_settings own;
  own.greatest_sigma = std::stod(settings.at("--sigma-max"));
  own.data_deviation = sample_scale;
  model.levels = [own](int steps) { return own.levels(steps); };
  model.predict = [own, network](const torch::Tensor& x, const noise_level& level, std::int64_t /*first*/) {
    return consistency_prediction(*network, own, x, level);
  };
}

/// Its samples have the labels that they had when the trainer judged them.
inline void use_latents(saved_model& model, const image_studio& s, const std::string& file,
                        const trainer_options& options, double sample_scale) {
  const auto setting = [&](const std::string& name) { return options.settings.at(name); };
  if (!setting("--latents").empty()) throw std::runtime_error("needs a model of pictures, got one of latents: " + file);
  const auto coder = make_network<autoencoder>(0, s.images.size(1));
  read_kept_network(*coder, autoencoder_file_of(file, s, options));
  const latent_scale scale(encoded(*coder, s.images));
  const bool is_conditional = setting("--conditional") == "true";
  const auto classes = is_conditional ? static_cast<std::int64_t>(s.source.classes.size()) : 0;
  model.shape = {autoencoder::latent_channels, s.size() / 4, s.size() / 4};
  const auto network =
      make_network<latent_unet>(0, latent_unet_settings{model.shape[0], classes, std::stoi(setting("--width"))});
  read_average(file, *network);
  const int shift = is_conditional ? std::stoi(setting("--shift-classes")) : 0;
  const double guidance = is_conditional ? std::stod(setting("--guidance")) : 1;
  model.levels = flow_levels;
  model.predict = [&s, network, classes, shift, guidance](const torch::Tensor& x, const noise_level& level,
                                                          std::int64_t first) {
    const std::int64_t count = x.size(0);
    torch::Tensor labels = torch::zeros({count}, torch::kLong);
    if (classes > 0) {
      labels = (sample_labels(s.source.test.labels, first + count).narrow(0, first, count) + shift) % classes;
    }
    return x + level.noise * guided_velocity(*network, guidance, x, torch::full({count}, level.time), labels);
  };
  model.pictures = [&s, coder, scale, sample_scale](const torch::Tensor& latents) {
    return s.pictures(decoded(*coder, scale.unscaled(latents / sample_scale)));
  };
}

}  // namespace detail

/// Opens the moving average that a checkpoint holds.
///
/// @param s  the pictures that it was trained on: image_studio(options_of(its description)), judging its classes.
/// @throws std::runtime_error  no such file, damaged, or of a program that this function does not know.
inline saved_model open_model(const std::string& file, const image_studio& s) {
  const nlohmann::json text = checkpoint::read(file).description;
  const trainer_options options = options_of(text, "");
  saved_model model;
  model.program = options.program;
  model.pairing = text.at("pairing");
  model.seed = text.at("seed");
  model.step = text.at("step");
  model.shape = s.images.sizes().slice(1).vec();
  const double sample_scale = options.image_scale * read_pairing(model.pairing, options).image_scale;
  model.pictures = [&s, sample_scale](const torch::Tensor& images) { return s.pictures(images, sample_scale); };
  if (model.program == "flow_matching") {
    with_flow_network(options, s, 0, [&](auto network) {
      read_average(file, *network);
      detail::use_flow(model, network);
    });
  } else if (model.program == "ddim") {
    const auto network = make_ddim_network(s, 0);
    read_average(file, *network);
    detail::use_ddim(model, s, options.settings, sample_scale, network);
  } else if (model.program == "consistency") {
    const auto network = make_consistency_network(s, 0);
    read_average(file, *network);
    detail::use_consistency(model, options.settings, sample_scale, network);
  } else if (model.program == "latent_diffusion") {
    detail::use_latents(model, s, file, options, sample_scale);
  } else {
    throw std::runtime_error("needs a checkpoint of flow_matching, ddim, consistency or latent_diffusion, got one of " +
                             model.program);
  }
  return model;
}

}  // namespace examples

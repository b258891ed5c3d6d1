// A small variational autoencoder of pictures: 28x28 pixels become 4 x 7 x 7 latents, 32x32 become 4 x 8 x 8; and back.
#pragma once

#include "checkpoint.hpp"
#include "flow.hpp"
#include "image_sets.hpp"
#include "networks.hpp"
#include "progress.hpp"

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/conv.h>
#include <torch/optim/adam.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace examples {

class autoencoder : public torch::nn::Cloneable<autoencoder> {
 public:
  static constexpr std::int64_t latent_channels = 4;

  explicit autoencoder(std::int64_t channels) : channels_(channels) { reset(); }

  void reset() override {
    using convolution = torch::nn::Conv2dOptions;
    const auto same = [](std::int64_t from, std::int64_t to) { return convolution(from, to, 3).padding(1); };
    const auto half = [](std::int64_t from, std::int64_t to) { return convolution(from, to, 3).stride(2).padding(1); };
    first_ = register_module("first", torch::nn::Conv2d(half(channels_, 32)));
    second_ = register_module("second", torch::nn::Conv2d(half(32, 64)));
    encode_ = register_module("encode", torch::nn::Conv2d(same(64, 2 * latent_channels)));
    decode_ = register_module("decode", torch::nn::Conv2d(same(latent_channels, 64)));
    third_ = register_module("third", torch::nn::Conv2d(same(64, 4 * 32)));
    fourth_ = register_module("fourth", torch::nn::Conv2d(same(32, 4 * channels_)));
  }

  /// Pictures (B, C, S, S) -> mean and logarithm of the variance of their latents, (B, 4, S/4, S/4) each.
  std::pair<torch::Tensor, torch::Tensor> encode(const torch::Tensor& pictures) {
    const torch::Tensor both = encode_(torch::silu(second_(torch::silu(first_(pictures)))));
    return {both.narrow(1, 0, latent_channels), both.narrow(1, latent_channels, latent_channels).clamp(-20, 5)};
  }
  /// Latents (B, 4, S/4, S/4) -> pictures (B, C, S, S).
  torch::Tensor decode(const torch::Tensor& latents) {
    const torch::Tensor h = at::pixel_shuffle(third_(torch::silu(decode_(latents))), 2);
    return at::pixel_shuffle(fourth_(torch::silu(h)), 2);
  }

 private:
  std::int64_t channels_;
  torch::nn::Conv2d first_{nullptr}, second_{nullptr}, encode_{nullptr}, decode_{nullptr}, third_{nullptr},
      fourth_{nullptr};
};

/// The file in `folder` that keeps an autoencoder of such pictures.
inline std::string autoencoder_file(const torch::Tensor& pictures, const std::string& name, std::int64_t steps,
                                    const std::string& folder) {
  const std::string size = std::to_string(pictures.size(3));
  return folder + "/autoencoder-" + name + "-" + size + "x" + size + "-" + std::to_string(pictures.size(0)) +
         "-pictures-" + std::to_string(steps) + "-steps-" + checksum_of({pictures}) + ".network";
}

/// Trains an autoencoder, or reads what an earlier program kept in `folder`.
///
/// The squared error of a pixel, where pixels have variance 1, and a thousandth of the divergence of a latent from N(0, 1).
///
/// @param pictures  (N, C, S, S) as networks see them.
/// @param name      of the data, for the name of the file.
inline std::shared_ptr<autoencoder> trained_autoencoder(const torch::Tensor& pictures, const std::string& name,
                                                        std::int64_t steps, const std::string& folder) {
  const std::string file = autoencoder_file(pictures, name, steps, folder);
  auto network = make_network<autoencoder>(2, pictures.size(1));
  if (std::filesystem::exists(file)) {
    read_kept_network(*network, file);
    return network;
  }
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(2e-3));
  batch_order order(pictures.size(0), 128, 2);
  at::Generator random = generator_of(2);
  progress_bar progress("training the autoencoder", steps, "steps");
  for (std::int64_t step = 0; step < steps; ++step, progress.advance()) {
    const torch::Tensor some = pictures.index_select(0, order.next());
    const auto [mean, log_variance] = network->encode(some);
    const torch::Tensor latents = mean + (0.5 * log_variance).exp() * torch::randn(mean.sizes(), random);
    const torch::Tensor divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean();
    const torch::Tensor error = torch::nn::functional::mse_loss(network->decode(latents), some);
    optimizer.zero_grad();
    (error + 1e-3 * divergence).backward();
    optimizer.step();
  }
  keep_network(*network, file);
  return network;
}

/// Latents of pictures, 1,000 at a time: the means, (N, 4, S/4, S/4).
inline torch::Tensor encoded(autoencoder& network, const torch::Tensor& pictures) {
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& some : pictures.split(1000)) parts.push_back(network.encode(some).first);
  return torch::cat(parts);
}

/// Pictures of latents, 1,000 at a time.
inline torch::Tensor decoded(autoencoder& network, const torch::Tensor& latents) {
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& some : latents.split(1000)) parts.push_back(network.decode(some));
  return torch::cat(parts);
}

}  // namespace examples

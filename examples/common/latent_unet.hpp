// A network on small latents that is told a class: a UNet with one layer of self-attention, and classifier-free guidance.
#pragma once

#include "networks.hpp"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <memory>

namespace examples {

/// Every place of a map looks at every other, in four heads: (B, C, H, W) -> same.
class attention_block : public torch::nn::Cloneable<attention_block> {
 public:
  explicit attention_block(std::int64_t channels) : channels_(channels) { reset(); }

  void reset() override {
    norm_ = register_module("norm", torch::nn::GroupNorm(torch::nn::GroupNormOptions(4, channels_)));
    queries_keys_values_ = register_module("queries_keys_values",
                                           torch::nn::Conv2d(torch::nn::Conv2dOptions(channels_, 3 * channels_, 1)));
    join_ = register_module("join", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels_, channels_, 1)));
  }

  torch::Tensor forward(const torch::Tensor& x) {
    constexpr std::int64_t heads = 4;
    const std::int64_t batch = x.size(0), places = x.size(2) * x.size(3);
    const torch::Tensor all =
        queries_keys_values_(norm_(x)).view({batch, 3, heads, channels_ / heads, places}).transpose(3, 4);
    const torch::Tensor found = at::scaled_dot_product_attention(all.select(1, 0), all.select(1, 1), all.select(1, 2));
    return x + join_(found.transpose(2, 3).reshape(x.sizes()));  // (B, heads, places, C / heads) -> (B, C, H, W)
  }

 private:
  std::int64_t channels_;
  torch::nn::GroupNorm norm_{nullptr};
  torch::nn::Conv2d queries_keys_values_{nullptr}, join_{nullptr};
};

/// Size of a latent_unet.
struct latent_unet_settings {
  std::int64_t channels = 4;  ///< of the latents
  std::int64_t classes = 0;   ///< it can be told; 0: none
  std::int64_t width = 32;    ///< channels of the fine level, a multiple of 4; the coarse one has twice as many
};

class latent_unet : public torch::nn::Cloneable<latent_unet> {
 public:
  explicit latent_unet(const latent_unet_settings& settings) : settings_(settings) { reset(); }

  void reset() override {
    using convolution = torch::nn::Conv2dOptions;
    const std::int64_t c = settings_.width, told = 4 * c, latents = settings_.channels;
    time_ = register_module("time", torch::nn::Linear(8, told));
    class_ = register_module("class_embedding", torch::nn::Embedding(settings_.classes + 1, told));
    input_ = register_module("input", torch::nn::Conv2d(convolution(latents, c, 3).padding(1)));
    before_ = register_module("before", std::make_shared<residual_block>(c, told));
    down_ = register_module("down", torch::nn::Conv2d(convolution(c, 2 * c, 3).stride(2).padding(1)));
    middle_ = register_module("middle", std::make_shared<residual_block>(2 * c, told));
    attention_ = register_module("attention", std::make_shared<attention_block>(2 * c));
    last_ = register_module("last", std::make_shared<residual_block>(2 * c, told));
    up_ = register_module("up", torch::nn::Conv2d(convolution(2 * c, c, 3).padding(1)));
    after_ = register_module("after", std::make_shared<residual_block>(c, told));
    norm_ = register_module("norm", torch::nn::GroupNorm(torch::nn::GroupNormOptions(4, c)));
    output_ = register_module("output", torch::nn::Conv2d(convolution(c, latents, 3).padding(1)));
  }

  /// The label that tells no class.
  std::int64_t no_class() const { return settings_.classes; }

  /// x (B, C, H, W), t (B), labels (B) int64 from 0 to no_class() -> velocity (B, C, H, W)
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& t, const torch::Tensor& labels) {
    const torch::Tensor told = torch::silu(time_(time_features(t)) + class_(labels));  // (B, 4 c)
    const torch::Tensor fine = before_->forward(input_(x), told);
    const torch::Tensor coarse = last_->forward(attention_->forward(middle_->forward(down_(fine), told)), told);
    const torch::Tensor risen = up_(at::upsample_nearest2d(coarse, {fine.size(2), fine.size(3)}));
    const torch::Tensor h = after_->forward(fine + risen, told);
    return output_(torch::silu(norm_(h)));
  }

 private:
  latent_unet_settings settings_;
  torch::nn::Linear time_{nullptr};
  torch::nn::Embedding class_{nullptr};
  torch::nn::Conv2d input_{nullptr}, down_{nullptr}, up_{nullptr}, output_{nullptr};
  std::shared_ptr<residual_block> before_, middle_, last_, after_;
  std::shared_ptr<attention_block> attention_;
  torch::nn::GroupNorm norm_{nullptr};
};

/// The velocity towards a class, driven `guidance` times as far from the one without a class; 1: the class's own.
/// [Ho and Salimans, "Classifier-free diffusion guidance", 2021]
inline torch::Tensor guided_velocity(latent_unet& network, double guidance, const torch::Tensor& x,
                                     const torch::Tensor& t, const torch::Tensor& labels) {
  const torch::Tensor own = network.forward(x, t, labels);
  if (guidance == 1) return own;
  const torch::Tensor without = network.forward(x, t, torch::full_like(labels, network.no_class()));
  return without + guidance * (own - without);
}

}  // namespace examples

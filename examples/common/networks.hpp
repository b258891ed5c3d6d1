// Networks that predict the velocity of a flow, v(x, t [, condition]), and the moving average of their weights.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace examples {

/// Held while a network is made: torch::nn draws first weights from the one global generator, even those that a clone is
/// about to overwrite.
inline std::mutex& global_generator_in_use() {
  static std::mutex in_use;
  return in_use;
}

/// Lays out the weights of convolutions, and with them all that they make, with channels last. On a CPU a latent UNet of
/// width 48 samples in three quarters of the time then, and a step of training takes nine tenths.
inline void lay_channels_last(torch::nn::Module& network) {
  for (torch::Tensor& weight : network.parameters()) {
    if (weight.dim() == 4) weight.set_data(weight.contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

/// Makes a network whose first weights depend on the seed alone, in whatever thread.
template <class Network, class... Arguments>
std::shared_ptr<Network> make_network(std::uint64_t seed, Arguments&&... arguments) {
  const std::lock_guard<std::mutex> lock(global_generator_in_use());
  torch::manual_seed(seed);
  auto network = std::make_shared<Network>(std::forward<Arguments>(arguments)...);
  lay_channels_last(*network);
  return network;
}

/// A copy with weights of its own, in whatever thread. Network::clone() would disturb a make_network beside it.
template <class Network>
std::shared_ptr<Network> clone_network(const Network& network) {
  const std::lock_guard<std::mutex> lock(global_generator_in_use());
  return std::dynamic_pointer_cast<Network>(network.clone());
}

/// What a network is told about the time: t (B) -> cosines and sines (B, 8).
inline torch::Tensor time_features(const torch::Tensor& t) {
  constexpr double pi = 3.14159265358979323846;
  const torch::Tensor angles = t.unsqueeze(1) * torch::tensor({0.5 * pi, pi, 2 * pi, 4 * pi}, torch::kFloat);
  return torch::cat({angles.cos(), angles.sin()}, 1);
}

/// h = h + silu(linear(h)), `depth` times, between a linear layer in and one out; for vectors.
class residual_mlp : public torch::nn::Cloneable<residual_mlp> {
 public:
  residual_mlp(std::int64_t size, std::int64_t condition_size, std::int64_t width, int depth)
      : size_(size), condition_size_(condition_size), width_(width), depth_(depth) {
    reset();
  }

  void reset() override {
    in_ = register_module("input", torch::nn::Linear(size_ + 8 + condition_size_, width_));
    blocks_.clear();
    for (int i = 0; i < depth_; ++i) {
      blocks_.push_back(register_module("block" + std::to_string(i), torch::nn::Linear(width_, width_)));
    }
    out_ = register_module("output", torch::nn::Linear(width_, size_));
  }

  /// x (B, size), t (B), condition (B, condition_size) or none -> velocity (B, size)
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& t, const torch::Tensor& condition = {}) {
    const torch::Tensor time = time_features(t);
    torch::Tensor h = in_(condition.defined() ? torch::cat({x, time, condition}, 1) : torch::cat({x, time}, 1));
    for (torch::nn::Linear& block : blocks_) h = h + torch::silu(block(h));
    return out_(h);
  }

 private:
  std::int64_t size_, condition_size_, width_;
  int depth_;
  torch::nn::Linear in_{nullptr}, out_{nullptr};
  std::vector<torch::nn::Linear> blocks_;
};

/// Group normalisation, SiLU and a 3x3 convolution twice, the time in between, and the input added: (B, C, H, W) -> same.
class residual_block : public torch::nn::Cloneable<residual_block> {
 public:
  residual_block(std::int64_t channels, std::int64_t time_size) : channels_(channels), time_size_(time_size) {
    reset();
  }

  void reset() override {
    const auto convolution = torch::nn::Conv2dOptions(channels_, channels_, 3).padding(1);
    first_norm_ = register_module("first_norm", torch::nn::GroupNorm(torch::nn::GroupNormOptions(4, channels_)));
    first_ = register_module("first", torch::nn::Conv2d(convolution));
    time_ = register_module("time", torch::nn::Linear(time_size_, channels_));
    second_norm_ = register_module("second_norm", torch::nn::GroupNorm(torch::nn::GroupNormOptions(4, channels_)));
    second_ = register_module("second", torch::nn::Conv2d(convolution));
  }

  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& time) {
    const torch::Tensor h = first_(torch::silu(first_norm_(x))) + time_(time).unsqueeze(2).unsqueeze(3);
    return x + second_(torch::silu(second_norm_(h)));
  }

 private:
  std::int64_t channels_, time_size_;
  torch::nn::GroupNorm first_norm_{nullptr}, second_norm_{nullptr};
  torch::nn::Conv2d first_{nullptr}, second_{nullptr};
  torch::nn::Linear time_{nullptr};
};

/// Size of a small_unet.
struct unet_settings {
  std::int64_t channels = 1;  ///< of the pictures
  std::int64_t width = 24;    ///< channels of the fine level; the coarse one has twice as many
};

/// A UNet for small pictures: four pixels become channels (28x28 -> 4 x 14 x 14), one level further down, and back.
class small_unet : public torch::nn::Cloneable<small_unet> {
 public:
  explicit small_unet(const unet_settings& settings) : settings_(settings) { reset(); }

  void reset() override {
    using convolution = torch::nn::Conv2dOptions;
    const std::int64_t c = settings_.width, time_size = 4 * c, pixels = 4 * settings_.channels;
    time_ = register_module("time", torch::nn::Linear(8, time_size));
    in_ = register_module("input", torch::nn::Conv2d(convolution(pixels, c, 3).padding(1)));
    before_ = register_module("before", std::make_shared<residual_block>(c, time_size));
    down_ = register_module("down", torch::nn::Conv2d(convolution(c, 2 * c, 3).stride(2).padding(1)));
    middle_ = register_module("middle", std::make_shared<residual_block>(2 * c, time_size));
    up_ = register_module("up", torch::nn::Conv2d(convolution(2 * c, c, 3).padding(1)));
    after_ = register_module("after", std::make_shared<residual_block>(c, time_size));
    out_norm_ = register_module("out_norm", torch::nn::GroupNorm(torch::nn::GroupNormOptions(4, c)));
    out_ = register_module("output", torch::nn::Conv2d(convolution(c, pixels, 3).padding(1)));
  }

  /// x (B, C, S, S) with S a multiple of 4, t (B) -> (B, C, S, S)
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& t) {
    const torch::Tensor time = torch::silu(time_(time_features(t)));                    // (B, 4 c)
    const torch::Tensor fine = before_->forward(in_(at::pixel_unshuffle(x, 2)), time);  // (B, c, S/2, S/2)
    const torch::Tensor coarse = middle_->forward(down_(fine), time);                   // (B, 2 c, S/4, S/4)
    const torch::Tensor risen = up_(at::upsample_nearest2d(coarse, {fine.size(2), fine.size(3)}));
    const torch::Tensor h = after_->forward(fine + risen, time);
    return at::pixel_shuffle(out_(torch::silu(out_norm_(h))), 2);
  }

 private:
  unet_settings settings_;
  torch::nn::Linear time_{nullptr};
  torch::nn::Conv2d in_{nullptr}, down_{nullptr}, up_{nullptr}, out_{nullptr};
  std::shared_ptr<residual_block> before_, middle_, after_;
  torch::nn::GroupNorm out_norm_{nullptr};
};

/// The exponential moving average of a network's weights, as a network of its own: the one that is judged.
template <class Network>
class moving_average {
 public:
  moving_average(Network& source, double decay)
      : network_(clone_network(source)), from_(source.parameters()), to_(network_->parameters()), decay_(decay) {}

  /// After every step of the optimizer.
  void update() {
    const torch::NoGradGuard no_gradients;
    const double weight = 1 - std::min(decay_, (1.0 + static_cast<double>(updates_)) /
                                                   (10.0 + static_cast<double>(updates_)));  // short memory at first
    ++updates_;
    for (std::size_t i = 0; i < to_.size(); ++i) to_[i].lerp_(from_[i], weight);
  }

  Network& network() { return *network_; }

  /// How many there were; for checkpoints.
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t count) { updates_ = count; }

 private:
  std::shared_ptr<Network> network_;
  std::vector<torch::Tensor> from_, to_;
  double decay_;
  std::int64_t updates_ = 0;
};

}  // namespace examples

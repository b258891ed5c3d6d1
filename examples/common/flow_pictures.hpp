// A generator of pictures by flow matching: its networks, its training, its samples.
#pragma once

#include "flow.hpp"
#include "image_studio.hpp"
#include "matched_samples.hpp"
#include "networks.hpp"
#include "sampling.hpp"
#include "training.hpp"

#include <torch/nn/functional/loss.h>

namespace examples {

/// What suits the pictures.
struct flow_set_up {
  int steps, batch;
  std::int64_t width;  ///< of the MLP's layers; channels of the UNet
  double learning_rate;
};

inline flow_set_up flow_set_up_for(const trainer_options& options) {
  if (options.data == "fashion-mnist" && options.image_size == 14) return {2000, 128, 512, 1e-3};
  if (options.data == "emoji") return {4000, 64, unet_width_for(options), 1e-3};
  return {1500, 64, unet_width_for(options), 2e-3};
}

/// A residual_mlp that takes pictures.
class picture_mlp : public torch::nn::Cloneable<picture_mlp> {
 public:
  picture_mlp(std::int64_t size, std::int64_t width) : size_(size), width_(width) { reset(); }
  void reset() override { mlp_ = register_module("mlp", std::make_shared<residual_mlp>(size_ * size_, 0, width_, 3)); }
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& t) {
    return mlp_->forward(x.flatten(1), t).view_as(x);
  }

 private:
  std::int64_t size_, width_;
  std::shared_ptr<residual_mlp> mlp_;
};

/// Calls use(network) with a new network that suits the pictures: a picture_mlp for 14x14, else a small_unet.
template <class Use>
auto with_flow_network(const trainer_options& options, const image_studio& s, std::uint64_t seed, Use use) {
  const std::int64_t width = flow_set_up_for(options).width;
  if (s.size() == 14) return use(make_network<picture_mlp>(seed, s.size(), width));
  return use(make_network<small_unet>(seed, unet_settings{s.images.size(1), width}));
}

/// Pictures in [0, 1] from start noise.
///
/// @param sample_scale  of the pictures that the network learned from.
template <class Network>
torch::Tensor flow_pictures(Network& network, const image_studio& s, double sample_scale, const torch::Tensor& start,
                            int euler_steps) {
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& noise : start.split(sampled_at_once)) {
    const auto velocity = [&](const torch::Tensor& x, const torch::Tensor& t) { return network.forward(x, t); };
    parts.push_back(s.pictures(euler_sample(noise, euler_steps, velocity), sample_scale));
  }
  return torch::cat(parts);
}

/// All steps of a training that are left.
///
/// @param quality  () -> the next point of the curve.
template <class Network, class Quality>
void learn_flow(training<Network>& training, const job& j, const image_studio& s, Quality quality) {
  matched_samples batches(j, s.images, s.source.train.labels, training.step());  // all that differs between the runs
  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] { return batches.next(); });
    const torch::Tensor t = draw_times(batch.samples.size(0), training.random());
    const torch::Tensor velocity = training.network().forward(point_on_line(batch.noise, batch.samples, t), t);
    training.end_step(torch::nn::functional::mse_loss(velocity, batch.samples - batch.noise));
    if (training.is_evaluation_due()) training.record(quality());
  }
}

}  // namespace examples

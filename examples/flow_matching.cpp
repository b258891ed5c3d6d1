// Trains a generator of pictures by flow matching, with and without pairing of the noise; Frechet distance.
//
// Fashion-MNIST at 14x14 (2x2 pixels averaged; an MLP, half a minute a run), at 28x28, or colour pictures of 32x32 (a small
// UNet, some minutes a run). Everything but one line is the same for all runs of a seed: first weights, order of the
// pictures, times, the noise that is drawn, the start noise of the samples that are judged. That line chooses which noise
// each picture of the batch gets.
#include "common/flow.hpp"
#include "common/image_studio.hpp"
#include "common/matched_samples.hpp"
#include "common/networks.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>

namespace {

using namespace examples;
using torch::Tensor;

/// What suits the pictures.
struct set_up {
  int steps, batch;
  std::int64_t width;  ///< of the MLP's layers; channels of the UNet
  double learning_rate;
  double smoke_loss;  ///< mean squared error that a smoke run must reach
};

set_up set_up_for(const trainer_options& options) {
  if (options.data == "fashion-mnist" && options.image_size == 14) return {2000, 128, 512, 1e-3, 1.5};
  if (options.data == "fashion-mnist") return {1500, 64, 24, 2e-3, 1.5};
  if (options.data == "emoji") return {4000, 64, 64, 1e-3, 1.5};
  return {1500, 64, 24, 2e-3, 1.5};
}

/// Pictures from start noise; 500 at a time, which the caches like.
template <class Network>
Tensor sample(Network& network, const image_studio& s, double image_scale, const Tensor& start, int euler_steps) {
  std::vector<Tensor> parts;
  for (const Tensor& noise : start.split(500)) {
    const auto velocity = [&](const Tensor& x, const Tensor& t) { return network.forward(x, t); };
    parts.push_back(s.pictures(euler_sample(noise, euler_steps, velocity), image_scale));
  }
  return torch::cat(parts);
}

template <class Network>
run train(const job& j, const image_studio& s, std::shared_ptr<Network> network) {
  const set_up setting = set_up_for(j.options);
  training<Network> training(j, std::move(network), {setting.learning_rate, 0.995, setting.smoke_loss});
  matched_samples batches(j, s.images, s.source.train.labels, training.step());  // all that differs between the runs
  const auto generate = [&](const Tensor& start, int steps) {
    return sample(training.average(), s, j.sample_scale(), start, steps);
  };

  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] { return batches.next(); });
    const Tensor t = draw_times(batch.samples.size(0), training.random());
    const Tensor velocity = training.network().forward(point_on_line(batch.noise, batch.samples, t), t);
    training.end_step(torch::nn::functional::mse_loss(velocity, batch.samples - batch.noise));
    if (training.is_evaluation_due()) {
      training.record(s.frechet(generate(s.start, j.options.sampler_steps.front())));
    }
  }
  judge_generator(training, j.options, s, generate);
  return training.result();
}

/// A residual_mlp that takes pictures.
class picture_mlp : public torch::nn::Cloneable<picture_mlp> {
 public:
  picture_mlp(std::int64_t size, std::int64_t width) : size_(size), width_(width) { reset(); }
  void reset() override { mlp_ = register_module("mlp", std::make_shared<residual_mlp>(size_ * size_, 0, width_, 3)); }
  Tensor forward(const Tensor& x, const Tensor& t) { return mlp_->forward(x.flatten(1), t).view_as(x); }

 private:
  std::int64_t size_, width_;
  std::shared_ptr<residual_mlp> mlp_;
};

void compare(trainer_options options) {
  const set_up setting = set_up_for(options);
  if (options.steps == 0) options.steps = options.smoke ? 40 : setting.steps;
  if (options.batch == 0) options.batch = setting.batch;
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const image_studio s(options);
  s.introduce(std::cout);
  std::vector<run> runs = run_all(options, one_core_each, [&](const job& j) {
    if (s.size() == 14) return train(j, s, make_network<picture_mlp>(j.key(), s.size(), setting.width));
    return train(j, s, make_network<small_unet>(j.key(), unet_settings{s.images.size(1), setting.width}));
  });
  report_images(options, s, {"Frechet distance", /*higher is better*/ false, 1, "Euler"}, std::move(runs),
                "Flow matching, " + s.source.name);
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.data = "fashion-mnist";
  options.image_size = 14;
  options.out = "results/flow_matching";
  return run_program("flow_matching",
                     "Trains a generator of pictures with and without pairing of the noise and compares.", argc, argv,
                     options, [&] { compare(options); });
}

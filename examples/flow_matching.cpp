// Trains a generator of pictures by flow matching, with and without pairing of the noise; Frechet distance.
//
// Fashion-MNIST at 14x14 (2x2 pixels averaged; an MLP, half a minute a run), at 28x28, or colour pictures of 32x32 (a small
// UNet, some minutes a run). Everything but one line is the same for all runs of a seed: first weights, order of the
// pictures, times, the noise that is drawn, the start noise of the samples that are judged. That line, in
// common/flow_pictures.hpp, chooses which noise each picture of the batch gets.
#include "common/flow_pictures.hpp"
#include "common/image_studio.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

namespace {

using namespace examples;
using torch::Tensor;

constexpr double smoke_loss = 1.5;  // mean squared error that a smoke run must reach

template <class Network>
run train(const job& j, const image_studio& s, std::shared_ptr<Network> network) {
  training<Network> training(
      j, std::move(network),
      {flow_set_up_for(j.options).learning_rate, /*average_decay*/ 0.995, smoke_loss * flow_power(j)});
  const auto generate = [&](const Tensor& start, int steps) {
    return flow_pictures(training.average(), s, j.sample_scale(), start, steps);
  };
  learn_flow(training, j, s, [&] { return s.frechet(generate(s.start, j.options.sampler_steps.front())); });
  judge_generator(training, j.options, s, generate);
  return training.result();
}

void compare(trainer_options options) {
  const flow_set_up setting = flow_set_up_for(options);
  complete(options, options.smoke ? 40 : setting.steps, setting.batch);
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const image_studio s(options);
  options.settings["pictures"] = s.checksum();
  s.introduce(std::cout);
  std::vector<run> runs = run_all(options, one_core_each, [&](const job& j) {
    return with_flow_network(options, s, j.key(), [&](auto network) { return train(j, s, network); });
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

// Trains a diffusion model of pictures and samples it by DDIM, with and without pairing of the noise; Frechet distance.
//
// DDPM's training: a timestep of 1,000 for each picture, the schedule's mixture of picture and noise, a small UNet that
// predicts the noise or the velocity. Everything but the noise that each picture of the batch gets is the same for all runs
// of a seed.
#include "common/ddim_pictures.hpp"
#include "common/diffusion.hpp"
#include "common/image_studio.hpp"
#include "common/matched_samples.hpp"
#include "common/networks.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>

#include <CLI/CLI.hpp>

namespace {

using namespace examples;
using torch::Tensor;

/// The mean squared error that a smoke run must reach. A network that says 0 has the mean square of the target, 1 for the noise.
double smoke_loss(const ddim_settings& settings, const diffusion_schedule& schedule, double sample_scale) {
  return 0.9 * (settings.prediction_is() == prediction_kind::epsilon ? 1 : schedule.velocity_power(sample_scale));
}

run train(const job& j, const image_studio& s, const ddim_settings& settings) {
  const diffusion_schedule schedule(settings.schedule_is());
  training<small_unet> training(
      j, make_ddim_network(s, j.key()),
      {/*learning_rate*/ 2e-3, /*average_decay*/ 0.995, smoke_loss(settings, schedule, j.sample_scale())});
  matched_samples batches(j, s.images, s.source.train.labels, training.step());  // all that differs between the runs
  const auto generate = [&](const Tensor& start, int steps) {
    return ddim_pictures(training.average(), s, settings, j.sample_scale(), start, steps);
  };

  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] { return batches.next(); });
    const Tensor& images = batch.samples;  // (B, C, S, S)
    const Tensor t = diffusion_schedule::draw_timesteps(images.size(0), training.random());
    const Tensor signal = schedule.signals(t, images.dim()), noise = schedule.noises(t, images.dim());
    const Tensor output = training.network().forward(signal * images + noise * batch.noise,
                                                     t.to(torch::kFloat) / diffusion_schedule::timesteps);
    const Tensor target = target_of(settings.prediction_is(), images, batch.noise, signal, noise);
    training.end_step(torch::nn::functional::mse_loss(output, target));
    if (training.is_evaluation_due()) {
      training.record(s.frechet(generate(s.start, j.options.sampler_steps.front())));
    }
  }
  judge_generator(training, j.options, s, generate);
  return training.result();
}

void compare(trainer_options options, const ddim_settings& settings) {
  complete(options, options.smoke ? 30 : 1500, 64);
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const image_studio s(options);
  options.settings["pictures"] = s.checksum();
  s.introduce(std::cout);
  std::vector<run> runs = run_all(options, one_core_each, [&](const job& j) { return train(j, s, settings); });
  report_images(options, s, {"Frechet distance", /*higher is better*/ false, 1, "DDIM"}, std::move(runs),
                "Diffusion, " + s.source.name);
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.data = "fashion-mnist";
  options.sampler_steps = {5, 10, 20, 50};
  options.evaluations = 8;
  options.out = "results/ddim";
  ddim_settings settings;
  return run_program(
      "ddim", "Trains a diffusion model of pictures with and without pairing of the noise and compares.", argc, argv,
      options, [&] { compare(options, settings); },
      [&](CLI::App& app) {
        app.add_option("--prediction", settings.prediction, "what the network predicts")
            ->check(CLI::IsMember({"epsilon", "velocity"}))
            ->capture_default_str();
        app.add_option("--schedule", settings.schedule, "of the noise")
            ->check(CLI::IsMember({"linear", "cosine"}))
            ->capture_default_str();
      });
}

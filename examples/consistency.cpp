// Trains a consistency model of pictures, with and without pairing of the noise; Frechet distance at one and two steps.
//
// Consistency training as in iCT, no teacher: common/consistency.hpp. A sampler's second step adds noise to the picture of the
// first. A model that was trained on paired noise has seen each picture with its own noise only, so the second step may want the
// noise that the picture came from ("same", what the tables show) rather than new noise ("independent", beside them).
#include "common/consistency.hpp"
#include "common/image_studio.hpp"
#include "common/matched_samples.hpp"
#include "common/networks.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/sampling.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <CLI/CLI.hpp>

namespace {

using namespace examples;
using torch::Tensor;

/// The loss that a smoke run must reach, for pictures of `values` values, whatever their scale. An untrained network agrees with
/// itself rather well: 0.53 to 0.56 for each root of a value, and 0.46 to 0.48 after a smoke run.
double smoke_loss(std::int64_t values) { return 0.507 * std::sqrt(static_cast<double>(values)); }

/// The loss of one batch: f at two neighbouring levels with the same noise shall agree.
///
/// The distance is Huber's pseudo-metric, the weight 1 / (difference of the levels) [iCT, sections 3.3 and 3.5].
Tensor consistency_loss(small_unet& network, const consistency_settings& settings, const matched_batch& batch,
                        int level_count, at::Generator& random) {
  const std::vector<double> sigmas = settings.sigmas(level_count);
  const Tensor all = torch::tensor(sigmas, torch::kFloat);
  const Tensor weights = consistency_settings::pair_weights(sigmas, settings.data_deviation);
  const Tensor lower = weights.multinomial(batch.samples.size(0), /*replacement*/ true, random);  // (B)
  const Tensor low = all.index_select(0, lower), high = all.index_select(0, lower + 1);
  const auto noisy = [&](const Tensor& sigma) { return batch.samples + sigma.view({-1, 1, 1, 1}) * batch.noise; };
  Tensor known;
  {
    const torch::NoGradGuard no_gradients;
    known = consistent_images(network, settings, noisy(low), low);
  }
  const Tensor squares = (consistent_images(network, settings, noisy(high), high) - known).square().flatten(1).sum(1);
  // iCT's constant is for data of deviation 1/2: relative to the data this is half of it.
  const double c = 0.00054 * settings.data_deviation * std::sqrt(static_cast<double>(batch.samples[0].numel()));
  return (((squares + c * c).sqrt() - c) / (high - low)).mean();
}

/// Pictures in [0, 1].
///
/// @param renewed  noise for the second step; undefined: the same as in the first.
Tensor generate(small_unet& network, const image_studio& s, const consistency_settings& settings, const Tensor& start,
                int steps, const Tensor& renewed = {}) {
  const std::vector<noise_level> levels = settings.levels(steps);
  const auto predict = [&](const Tensor& x, const noise_level& level) {
    return consistency_prediction(network, settings, x, level);
  };
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < start.size(0); first += sampled_at_once) {
    const std::int64_t count = std::min(sampled_at_once, start.size(0) - first);
    Tensor x = settings.greatest_sigma * start.narrow(0, first, count);
    if (renewed.defined()) {
      const torch::NoGradGuard no_gradients;
      x = predict(x, levels.at(0)) + levels.at(1).noise * renewed.narrow(0, first, count);
      x = predict(x, levels.at(1));
    } else {
      x = follow_levels(x, levels, predict);
    }
    parts.push_back(s.pictures(x, settings.data_deviation));
  }
  return torch::cat(parts);
}

run train(const job& j, const image_studio& s, consistency_settings settings) {
  settings.data_deviation = j.sample_scale();
  training<small_unet> training(j, make_consistency_network(s, j.key()),
                                {/*learning_rate*/ 1e-3, /*average_decay*/ 0.995, smoke_loss(s.images[0].numel())});
  matched_samples batches(j, s.images, s.source.train.labels, training.step());  // all that differs between the runs
  const auto sample = [&](const Tensor& start, int steps) {
    return generate(training.average(), s, settings, start, steps);
  };

  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] { return batches.next(); });
    const int levels = settings.level_count(training.step(), j.options.steps);
    training.end_step(consistency_loss(training.network(), settings, batch, levels, training.random()));
    if (training.is_evaluation_due()) training.record(s.frechet(sample(s.start, j.options.sampler_steps.front())));
  }
  judge_generator(training, j.options, s, sample, [&]() -> std::vector<named_value> {
    const Tensor renewed = start_noise(s.start.sizes().vec(), /*set*/ 1);
    return {{"2 steps, independent", s.frechet(generate(training.average(), s, settings, s.start, 2, renewed))}};
  });
  return training.result();
}

void compare(trainer_options options, const consistency_settings& settings) {
  complete(options, options.smoke ? 100 : 4000, options.smoke ? 32 : 64);
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const image_studio s(options);
  options.settings["pictures"] = s.checksum();
  s.introduce(std::cout);
  std::vector<run> runs = run_all(options, one_core_each, [&](const job& j) { return train(j, s, settings); });
  report_images(options, s, {"Frechet distance", /*higher is better*/ false, 1, "consistency"}, std::move(runs),
                "Consistency, " + s.source.name);
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.data = "fashion-mnist";
  options.sampler_steps = {1, 2};
  options.evaluations = 8;
  options.out = "results/consistency";
  consistency_settings settings;
  return run_program(
      "consistency", "Trains a consistency model of pictures with and without pairing of the noise and compares.", argc,
      argv, options, [&] { compare(options, settings); },
      [&](CLI::App& app) {
        app.add_option("--sigma-max", settings.greatest_sigma, "the noise that sampling starts from")
            ->check(CLI::Range(2.0, 1000.0))
            ->capture_default_str();
        app.add_option("--levels", settings.last_levels,
                       "pairs of neighbouring noise levels at the end of the training")
            ->check(CLI::Range(10, 10240))
            ->capture_default_str();
      });
}

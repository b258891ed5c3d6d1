// Trains a generator of Fashion-MNIST pictures by flow matching, with and without pairing of the noise; Frechet distance.
//
// 14x14: 2x2 pixels averaged, an MLP, half a minute a run. 28x28: a small UNet, some minutes a run. Everything but one
// line is the same for all runs of a seed: first weights, order of the pictures, times, the noise that is drawn, the start
// noise of the samples that are judged. That line chooses which noise each picture of the batch gets.
#include "common/experiment.hpp"
#include "common/fashion_mnist.hpp"
#include "common/flow.hpp"
#include "common/gnuplot.hpp"
#include "common/metrics.hpp"
#include "common/networks.hpp"
#include "common/options.hpp"
#include "common/report.hpp"

#include <immiscible/matched_loader.hpp>
#include <immiscible/torch.hpp>

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>

#include <iostream>
#include <sstream>

namespace {

using namespace examples;
using torch::Tensor;

// ---------------------------------------------------------------------------------------------------- Data and judges

constexpr int shown_side = 6;  // pictures in a row and in a column of the sample grid

/// What one size of the pictures needs.
struct set_up {
  int steps, batch;
  std::int64_t width;  ///< of the MLP's layers; channels of the UNet
  double learning_rate, average_decay;
  std::int64_t judged;  ///< pictures that are sampled for one Frechet distance
};

set_up set_up_for(int size) {
  if (size == 14) return {2000, 128, 512, 1e-3, 0.995, 4000};
  return {1500, 64, 24, 2e-3, 0.995, 2000};
}

/// The pictures and everything that judges generated ones; shared by all runs, changed by none.
struct studio {
  int size;
  labelled_images train, test;
  pixel_scale scale;
  Tensor data;  // what the network learns: (60000, 196) for the MLP, (60000, 1, 28, 28) for the UNet
  std::shared_ptr<classifier> judge;
  feature_statistics real;  // of the 10,000 test pictures
  Tensor start;             // start noise of the pictures that are judged, (N, 196) or (N, 1, 28, 28)

  explicit studio(const trainer_options& options)
      : size(options.image_size),
        train(read_fashion_mnist(options.data_dir, "train", size)),
        test(read_fashion_mnist(options.data_dir, "t10k", size)),
        scale(train.images),
        data(scale.scaled(train.images)),
        judge(trained_classifier(train, options.out)),
        real(*judge, test.images) {
    if (size == 14) data = data.flatten(1);
    std::vector<std::int64_t> shape = data.sizes().vec();
    shape[0] = set_up_for(size).judged;
    start = start_noise(shape);
  }

  /// Samples (B, ...) as pictures (B, 1, S, S) in [0, 1].
  Tensor pictures(const Tensor& samples) const { return scale.pixels(samples.view({-1, 1, size, size})); }
};

// ---------------------------------------------------------------------------------------------------------- Evaluation

/// Pictures from the start noise of the studio; 500 at a time, which the caches like.
template <class Network>
Tensor sample(Network& network, const studio& s, int euler_steps) {
  std::vector<Tensor> parts;
  for (const Tensor& noise : s.start.split(500)) {
    parts.push_back(
        euler_sample(noise, euler_steps, [&](const Tensor& x, const Tensor& t) { return network.forward(x, t); }));
  }
  return s.pictures(torch::cat(parts));
}

double frechet_distance_of(const studio& s, const Tensor& pictures) {
  return frechet_distance(feature_statistics(*s.judge, pictures), s.real);
}

// ------------------------------------------------------------------------------------------------------------ Training

/// What the loader reads, and hands out with noise.
struct training_batch {
  Tensor images;

  friend immiscible::batch<float> as_batch(const training_batch& b) { return immiscible::float_rows(b.images); }
};

template <class Network>
run train(const trainer_options& options, const studio& s, std::shared_ptr<Network> network, const std::string& pairing,
          int seed, progress_bar& progress) {
  const set_up setting = set_up_for(s.size);
  const auto key = static_cast<std::uint64_t>(seed);
  moving_average<Network> average(*network, setting.average_decay);
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(setting.learning_rate));
  batch_order order(s.data.size(0), options.batch, key);
  at::Generator times = generator_of(key + 1'000'000);

  immiscible::matched_loader_options matched;
  matched.matcher = {key, pairing_options(pairing, options.candidates)};  // all that differs between the runs
  matched.window = static_cast<std::size_t>(options.window);
  matched.background = options.background;
  matched.first_index = 1;
  immiscible::matched_loader<training_batch> loader(
      [&] { return training_batch{s.data.index_select(0, order.next())}; }, matched);

  run result;
  stopwatch clock;
  wall_clock whole_step, wait;
  for (int step = 1; step <= options.steps; ++step) {
    clock.start();
    whole_step.start();
    wait.start();
    const auto next = loader.next();
    wait.stop();
    const Tensor& images = next->images.images;
    const Tensor noise = immiscible::tensor_of(next->noise, images.sizes());

    const Tensor t = draw_times(images.size(0), times);
    const Tensor velocity = network->forward(point_on_line(noise, images, t), t);
    optimizer.zero_grad();
    torch::nn::functional::mse_loss(velocity, images - noise).backward();
    optimizer.step();
    average.update();
    clock.stop();
    whole_step.stop();

    progress.advance();
    if (is_evaluation_step(step, options.steps, options.evaluations)) {
      const Tensor pictures = sample(average.network(), s, options.euler_steps.front());
      result.curve.push_back({step, clock.seconds(), options.euler_steps.front(), frechet_distance_of(s, pictures)});
    }
  }
  result.noise_share = wait.seconds() / whole_step.seconds();
  for (const int euler_steps : options.euler_steps) {
    const Tensor pictures = sample(average.network(), s, euler_steps);
    result.finals.push_back({options.steps, clock.seconds(), euler_steps, frechet_distance_of(s, pictures)});
    if (result.finals.size() > 1) continue;
    result.cross_check = sliced_wasserstein(pictures, s.test.images.narrow(0, 0, pictures.size(0)));
    const Tensor shown = pictures.narrow(0, 0, shown_side * shown_side).contiguous();
    result.samples.assign(shown.data_ptr<float>(), shown.data_ptr<float>() + shown.numel());
  }
  return result;
}

// -------------------------------------------------------------------------------------------------------------- Report

/// Blocks of 6 x 6 pictures side by side: real ones, then each pairing's, from the same start noise.
bool draw_samples(const std::string& file, const trainer_options& options, const studio& s, const comparison& result) {
  const Tensor real = s.test.images.narrow(0, 0, shown_side * shown_side).contiguous();
  std::vector<std::pair<std::string, const float*>> blocks = {{"real pictures", real.data_ptr<float>()}};
  for (const std::string& pairing : options.pairings) {
    blocks.emplace_back("pairing " + pairing, result.first_run(pairing).samples.data());
  }
  const int zoom = 112 / s.size, side = shown_side * 112 / 2;  // drawn at half its pixels: no seams between the squares
  std::ostringstream script;
  script << picture_header(file, static_cast<int>((side + 24) * blocks.size()), side + 90) << "set multiplot layout 1,"
         << blocks.size() << " title 'After " << options.steps << " training steps, " << options.euler_steps.front()
         << " Euler steps from the same start noise' font 'DejaVu Sans,15'\n"
         << "unset key; unset tics; unset grid; unset border; unset colorbox; set palette gray; set cbrange [0:1]\n"
         << "set size ratio -1; set yrange [] reverse; set lmargin 1; set rmargin 1; set bmargin 0.5; set tmargin 2\n"
         << "set autoscale xfix; set autoscale yfix\n";
  for (const auto& [title, pixels] : blocks) {
    script << "set title '" << title << "' offset 0,-0.5\n$block << END\n";
    for (int row = 0; row < shown_side * s.size * zoom; ++row) {
      for (int column = 0; column < shown_side * s.size * zoom; ++column) {
        const int y = row / zoom, x = column / zoom, picture = y / s.size * shown_side + x / s.size;
        script << fixed(pixels[(picture * s.size + y % s.size) * s.size + x % s.size], 2) << ' ';
      }
      script << '\n';
    }
    script << "END\nplot $block matrix with image\n";
  }
  return draw(script.str());
}

void compare(trainer_options options) {
  const set_up setting = set_up_for(options.image_size);
  if (options.steps == 0) options.steps = setting.steps;
  if (options.batch == 0) options.batch = setting.batch;
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const studio s(options);
  std::cout << "Judged by a classifier with " << fixed(100 * accuracy(*s.judge, s.test), 1)
            << " % accuracy on test pictures: Frechet distance of " << setting.judged << " samples to them.\n\n";

  std::vector<run> runs = run_all(options, one_core_each, [&](const std::string& pairing, int seed, progress_bar& bar) {
    const auto key = static_cast<std::uint64_t>(seed);
    if (s.size == 14) {
      return train(options, s, make_network<residual_mlp>(key, s.size * s.size, 0, setting.width, 3), pairing, seed,
                   bar);
    }
    return train(options, s, make_network<small_unet>(key, setting.width), pairing, seed, bar);
  });

  const comparison result(options, {"Frechet distance", /*higher is better*/ false, 1, "sliced Wasserstein"},
                          std::move(runs));
  result.print(std::cout);
  std::cout << "Sliced Wasserstein: between pixels, at " << options.euler_steps.front() << " Euler steps; a check.\n";
  result.write_csv(options.out + "/runs.csv");
  std::cout << "\nWritten: " << options.out << "/runs.csv";
  const std::string name = "Fashion-MNIST " + std::to_string(s.size) + "x" + std::to_string(s.size);
  if (result.draw_curves(options.out + "/curve.png", name + ": Frechet distance") &&
      draw_samples(options.out + "/samples.png", options, s, result)) {
    std::cout << ", curve.png, samples.png";
  }
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.image_size = 14;
  options.out = "results/flow_matching";
  return run_program("flow_matching",
                     "Trains a generator of Fashion-MNIST pictures with and without pairing of the noise and compares.",
                     argc, argv, options, [&] { compare(options); });
}

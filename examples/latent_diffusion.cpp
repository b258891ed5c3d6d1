// Trains a generator on the latents of an autoencoder, as Stable Diffusion does, with and without pairing of the noise.
//
// A small variational autoencoder, trained here and kept; a UNet with self-attention on its latents that may be told the class;
// flow matching, classifier-free guidance. With --conditional, noise is exchanged within classes; the pairing exact+across
// shows what happens otherwise: the noise then tells the class, which it does not when pictures are made. --from FILE goes on from
// a saved model, on other classes (--classes) or with other meanings of the labels (--shift-classes). --latents takes your
// own latents instead, from .npy files.
#include "common/autoencoder.hpp"
#include "common/flow.hpp"
#include "common/image_studio.hpp"
#include "common/latent_model.hpp"
#include "common/latents.hpp"
#include "common/matched_samples.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/sampling.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>

#include <CLI/CLI.hpp>

#include <filesystem>

namespace {

using namespace examples;
using torch::Tensor;

constexpr double smoke_loss = 1.4;     // mean squared error that a smoke run must reach
constexpr double without_class = 0.1;  // share of the samples whose class the network is not told in training

struct own_options {
  double guidance = 1.5;
  std::string from, latents, labels;
  std::vector<int> classes;
  int shift_classes = 0;
  std::int64_t width = latent_unet_settings().width;
};

/// What a run is trained on, the same for all.
struct latent_task {
  labelled_latents train;  // scaled
  latent_scale scale;
  std::int64_t classes = 0;  // that the network can be told; 0: none
  Tensor told;               // (judged) int64: the labels that it is told for the samples that are judged
};

/// Latents (B, c, h, w) as the autoencoder knows them, from start noise.
Tensor generate(latent_unet& network, const latent_task& task, double guidance, double sample_scale,
                const Tensor& start, int euler_steps) {
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < start.size(0); first += sampled_at_once) {
    const std::int64_t count = std::min(sampled_at_once, start.size(0) - first);
    const Tensor told = task.told.narrow(0, first, count);
    const auto velocity = [&](const Tensor& x, const Tensor& t) {
      return guided_velocity(network, task.classes > 0 ? guidance : 1, x, t, told);
    };
    parts.push_back(euler_sample(start.narrow(0, first, count), euler_steps, velocity) / sample_scale);
  }
  return task.scale.unscaled(torch::cat(parts));
}

/// One run; judge.quality(latents) is a point of the curve, judge.finish(training, generate) ends the run.
template <class Judge>
run train(const job& j, const latent_task& task, const own_options& own, const Judge& judge) {
  const auto network =
      make_network<latent_unet>(j.key(), latent_unet_settings{task.train.latents.size(1), task.classes, own.width});
  if (!own.from.empty()) read_average(own.from, *network);
  const double bound = own.latents.empty() ? smoke_loss * flow_power(j) : 0;  // of the user's latents nothing is known
  training<latent_unet> training(j, network, {/*learning_rate*/ 2e-3, /*average_decay*/ 0.995, bound});
  matched_samples batches(j, task.train.latents, task.train.labels, training.step());  // all that differs
  const auto sample = [&](const Tensor& start, int euler_steps) {
    return generate(training.average(), task, own.guidance, j.sample_scale(), start, euler_steps);
  };

  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] { return batches.next(); });
    const Tensor& latents = batch.samples;  // (B, c, h, w)
    const Tensor t = draw_times(latents.size(0), training.random());
    Tensor labels = torch::full_like(batch.conditions, task.classes);  // no class
    if (task.classes > 0) {
      const Tensor told = torch::rand({latents.size(0)}, training.random()).ge(without_class);
      labels = torch::where(told, batch.conditions, labels);
    }
    const Tensor velocity = training.network().forward(point_on_line(batch.noise, latents, t), t, labels);
    training.end_step(torch::nn::functional::mse_loss(velocity, latents - batch.noise));
    if (training.is_evaluation_due()) training.record(judge.quality(sample, j.options.sampler_steps.front()));
  }
  judge.finish(training, j.options, sample);
  return training.result();
}

/// Judges pictures of the latents.
struct picture_judge {
  const image_studio& s;
  autoencoder& decoder;
  const latent_task& task;
  int shift_classes;

  template <class Sample>
  auto pictures_of(const Sample& sample) const {
    return
        [this, sample](const Tensor& start, int steps) { return s.pictures(decoded(decoder, sample(start, steps))); };
  }
  template <class Sample>
  double quality(const Sample& sample, int steps) const {
    return s.frechet(pictures_of(sample)(s.start, steps));
  }
  template <class Training, class Sample>
  void finish(Training& training, const trainer_options& options, const Sample& sample) const {
    const auto pictures = pictures_of(sample);
    judge_generator(training, options, s, pictures, [&]() -> std::vector<named_value> {
      if (task.classes == 0 || s.source.classes.size() < 2) return {};  // of one class the judge knows quarter turns
      const Tensor seen = s.judge->forward(pictures(s.start, options.sampler_steps.front())).argmax(1);
      const Tensor meant = (task.told + task.classes - shift_classes) % task.classes;
      return {{"class as told", seen.eq(meant).to(torch::kDouble).mean().item<double>()}};
    });
  }
};

/// Judges latents for themselves, beside those that were held out.
struct latent_judge {
  Tensor real, start;  // (N, c h w), (judged, c, h, w)

  /// A covariance of more values is too large to be known from some thousand latents.
  bool by_frechet() const { return real.size(1) <= 1024; }
  metric quality_is() const {
    return {by_frechet() ? "Frechet distance" : "sliced Wasserstein distance", /*higher is better*/ false,
            by_frechet() ? 2 : 3, "Euler"};
  }

  double sliced(const Tensor& samples) const {
    const std::int64_t count = std::min(samples.size(0), real.size(0));
    return sliced_wasserstein(samples.narrow(0, 0, count), real.narrow(0, 0, count));
  }
  template <class Sample>
  double quality(const Sample& sample, int steps) const {
    const Tensor samples = sample(start, steps).flatten(1);
    return by_frechet() ? frechet_distance(feature_statistics(samples), feature_statistics(real)) : sliced(samples);
  }
  template <class Training, class Sample>
  void finish(Training& training, const trainer_options& options, const Sample& sample) const {
    if (training.is_finished()) return;
    std::vector<double> distances;
    for (const int steps : options.sampler_steps) distances.push_back(quality(sample, steps));
    std::vector<named_value> others;
    if (by_frechet()) others = {{"sliced Wasserstein", sliced(sample(start, options.sampler_steps.front()))}};
    training.finish(distances, others, torch::zeros({0}));
  }
};

void check_classes(const std::vector<int>& some, std::int64_t classes) {
  for (const int c : some) {
    if (c >= classes) {
      throw std::invalid_argument("--classes: needs classes below " + std::to_string(classes) + ", got " +
                                  std::to_string(c));
    }
  }
}

/// Chooses classes and labels as the options say.
///
/// @param real_labels  of what the samples are compared with.
/// @param judged       how many samples are.
void choose_classes(latent_task& task, const trainer_options& options, const own_options& own, std::int64_t classes,
                    const Tensor& real_labels, std::int64_t judged) {
  if (!own.classes.empty()) task.train = of_classes(task.train, own.classes);
  if (task.train.labels.numel() == 0) throw std::invalid_argument("--classes: needs classes of the data, got others");
  task.told = torch::zeros({judged}, torch::kLong);
  if (!options.has_classes) return;
  task.classes = classes;
  task.told = (sample_labels(real_labels, judged) + own.shift_classes) % classes;
  task.train.labels = (task.train.labels + own.shift_classes) % classes;
}

/// The autoencoder: that of the model that is gone on from, or the program's own. A copy of it lies in `out`.
std::shared_ptr<autoencoder> choose_autoencoder(const image_studio& s, const trainer_options& options,
                                                const own_options& own) {
  if (!own.from.empty()) {
    const std::string file = autoencoder_file_of(own.from, s, options);
    const std::string copy = options.out + "/" + std::filesystem::path(file).filename().string();
    std::filesystem::copy_file(file, copy + ".part", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(copy + ".part", copy);
  }
  return autoencoder_for(s, options);
}

void compare_on_pictures(trainer_options options, const own_options& own) {
  image_studio s(options);
  options.settings["pictures"] = s.checksum();
  const auto classes = static_cast<std::int64_t>(s.source.classes.size());
  check_classes(own.classes, classes);
  s.judge_classes(own.classes);
  s.introduce(std::cout);
  const auto coder = choose_autoencoder(s, options, own);
  std::cout << "Autoencoder: mean squared error " << fixed(autoencoder_error(*coder, s), 3)
            << " on test pictures of variance 1; Frechet distance of its pictures "
            << fixed(s.frechet(s.pictures(decoded(*coder, encoded(*coder, s.scale.scaled(s.source.test.images))))), 1)
            << ".\n\n";
  const Tensor latents = encoded(*coder, s.images);
  latent_task task;
  task.scale = latent_scale(latents);
  task.train = {task.scale.scaled(latents), s.source.train.labels};
  choose_classes(task, options, own, classes, s.source.test.labels, s.start.size(0));
  s.start = start_noise({s.start.size(0), latents.size(1), latents.size(2), latents.size(3)});
  const picture_judge judge{s, *coder, task, own.shift_classes};
  std::vector<run> runs = run_all(
      options, [] { at::set_num_threads(1); }, [&](const job& j) { return train(j, task, own, judge); });
  report_images(options, s, {"Frechet distance", /*higher is better*/ false, 1, "Euler"}, std::move(runs),
                "Latents, " + s.source.name);
}

/// Every tenth latent is held out.
void compare_on_latents(trainer_options options, const own_options& own) {
  const labelled_latents data = read_latents(own.latents, own.labels);
  options.settings["latents"] = checksum_of({data.latents, data.labels});
  const std::int64_t classes = data.labels.max().item<std::int64_t>() + 1;
  check_classes(own.classes, classes);
  const Tensor tenth = torch::arange(data.latents.size(0)) % 10 == 9;
  latent_task task;
  task.train = rows_of(data, tenth.logical_not());
  task.scale = latent_scale(task.train.latents);
  task.train.latents = task.scale.scaled(task.train.latents);
  labelled_latents test = rows_of(data, tenth);
  if (!own.classes.empty()) test = of_classes(test, own.classes);
  at::Generator generator = generator_of(4);
  test.latents =
      test.latents.index_select(0, torch::randperm(test.latents.size(0), generator));  // often class after class
  if (test.latents.size(0) < 2) {
    throw std::invalid_argument("--latents: needs 2 latents that are held out, every tenth, got " +
                                std::to_string(test.latents.size(0)));
  }
  std::vector<std::int64_t> shape = test.latents.sizes().vec();
  shape[0] = options.smoke ? 200 : options.judged;
  choose_classes(task, options, own, classes, test.labels, shape[0]);
  const latent_judge judge{test.latents.flatten(1), start_noise(shape)};
  std::cout << task.train.latents.size(0) << " latents of " << judge.real.size(1) << " values, judged by the "
            << judge.quality_is().name << " between " << shape[0] << " samples and " << judge.real.size(0)
            << " latents that were held out"
            << (judge.by_frechet() ? "" : " (a Frechet distance needs at most 1024 values)") << ".\n\n";
  const comparison result(
      options, judge.quality_is(),
      run_all(
          options, [] { at::set_num_threads(1); }, [&](const job& j) { return train(j, task, own, judge); }));
  result.print(std::cout);
  result.write_csv(options.out + "/runs.csv");
  result.write_json(options.out + "/report.json");
  std::cout << "\nWritten: " << options.out << "/runs.csv, report.json";
  if (result.draw_curves(options.out + "/curve.png", "Latents: " + judge.quality_is().name)) std::cout << ", curve.png";
  std::cout << std::endl;
}

/// Refuses options that would have no effect, or another one than meant, before any work.
void check_options(const trainer_options& options, const own_options& own) {
  const auto need = [](bool given, const std::string& needed, const std::string& option) {
    if (!given) throw std::invalid_argument(option + ": needs " + needed + " too, got it alone");
  };
  if (own.width % 4 != 0) {
    throw std::invalid_argument("--width: needs a multiple of 4, got " + std::to_string(own.width));
  }
  need(own.latents.empty() || !own.labels.empty() || !options.has_classes, "--labels", "--conditional with --latents");
  need(own.labels.empty() || !own.latents.empty(), "--latents", "--labels");
  need(own.shift_classes == 0 || options.has_classes, "--conditional", "--shift-classes");
  if (own.latents.empty() && options.image_size % 4 != 0) {
    throw std::invalid_argument("--size: needs 28, whose latents are 7x7, got " + std::to_string(options.image_size));
  }
  if (own.from.empty()) return;
  check_made_with("--from", own.from, checkpoint::read(own.from).description, options.program, options.settings,
                  own.latents.empty()
                      ? std::vector<std::string>{"--conditional", "--width", "--data", "--size", "--smoke", "--latents"}
                      : std::vector<std::string>{"--conditional", "--width"});
  if (std::filesystem::equivalent(folder_of(own.from), options.out)) {
    throw std::invalid_argument("--from: needs another --out, where the runs do not overwrite it, got " + own.from);
  }
}

void compare(trainer_options options, const own_options& own) {
  check_options(options, own);
  complete(options, options.smoke ? 30 : own.from.empty() ? 3000 : 1000, 64);
  at::set_num_threads(1);
  if (own.latents.empty()) return compare_on_pictures(options, own);
  compare_on_latents(options, own);
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.data = "fashion-mnist";
  options.pairings = {"none", "exact:1024"};
  options.evaluations = 8;
  options.out = "results/latent_diffusion";
  own_options own;
  return run_program(
      "latent_diffusion", "Trains a generator on latents with and without pairing of the noise and compares.", argc,
      argv, options, [&] { compare(options, own); },
      [&](CLI::App& app) {
        CLI::Option* const conditional =
            app.add_flag("--conditional", options.has_classes, "tell the network the class");
        app.add_option("--guidance", own.guidance, "of samples towards their class; 1: none")
            ->check(CLI::Range(0.0, 100.0))
            ->needs(conditional)
            ->capture_default_str();
        app.add_option("--width", own.width, "channels of the network's fine level, a multiple of 4")
            ->check(CLI::Range(4, 4096))
            ->capture_default_str();
        app.add_option("--from", own.from, "go on from this checkpoint of the program")->check(CLI::ExistingFile);
        app.add_option("--classes", own.classes, "train on these classes only, separated by commas")
            ->delimiter(',')
            ->check(CLI::Range(0, 9999));
        app.add_option("--shift-classes", own.shift_classes, "add this to every label, around")
            ->check(CLI::Range(0, 9999))
            ->capture_default_str();
        app.add_option("--latents", own.latents, "your own latents: .npy, (N, c, h, w)")
            ->check(CLI::ExistingFile)
            ->excludes(app.get_option("--data"))
            ->excludes(app.get_option("--data-dir"))
            ->excludes(app.get_option("--size"));
        app.add_option("--labels", own.labels, "their classes: .npy, (N)")->check(CLI::ExistingFile);
      });
}

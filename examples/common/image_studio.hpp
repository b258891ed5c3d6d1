// What every trainer on images shares: the pictures, the scale that networks see, and everything that judges samples.
#pragma once

#include "experiment.hpp"
#include "flow.hpp"
#include "image_sets.hpp"
#include "metrics.hpp"
#include "picture_sheet.hpp"
#include "report.hpp"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace examples {

constexpr int shown_side = 6;  ///< pictures in a row and in a column of a sample block

/// Channels of the fine level of a small_unet that suits the pictures.
inline std::int64_t unet_width_for(const trainer_options& options) { return options.data == "emoji" ? 64 : 24; }

/// Made once, shared by all runs, changed by none.
struct image_studio {
  image_data source;
  pixel_scale scale;
  torch::Tensor images;  ///< (N, C, S, S): the training pictures as networks see them
  std::shared_ptr<classifier> judge;
  torch::Tensor real_features;  ///< of the test pictures
  feature_statistics real;
  torch::Tensor start;      ///< (judged, C, S, S) start noise of the samples that are judged
  std::int64_t unet_width;  ///< of a small_unet that suits the pictures

  explicit image_studio(const trainer_options& options)
      : source(enough(some_of(read(options), options.smoke))),
        scale(source.train.images),
        images(scale.scaled(source.train.images)),
        judge(trained_classifier(to_tell_apart(source, source.train), judged_classes(source), source.name,
                                 options.smoke ? 1 : 4, options.out)),
        real_features(features_of(*judge, source.test.images)),
        real(real_features),
        unet_width(unet_width_for(options)) {
    std::vector<std::int64_t> shape = images.sizes().vec();
    shape[0] = options.smoke ? 200 : options.judged;
    start = start_noise(shape);
  }

  std::int64_t size() const { return images.size(3); }

  /// Of the pictures, those that judge among them: a run whose pictures are others now must not be gone on with.
  std::string checksum() const {
    return checksum_of({source.train.images, source.train.labels, source.test.images, source.test.labels});
  }

  /// From now on the test pictures of these classes only are what samples are judged by; none named: all.
  void judge_classes(const std::vector<int>& classes) {
    if (classes.empty()) return;
    torch::Tensor wanted = torch::zeros({source.test.labels.size(0)}, torch::kBool);
    for (const int c : classes) wanted = wanted | source.test.labels.eq(c);
    const torch::Tensor rows = wanted.nonzero().flatten();
    source.test = {source.test.images.index_select(0, rows), source.test.labels.index_select(0, rows)};
    real_features = real_features.index_select(0, rows);
    real = feature_statistics(real_features);
    enough(source, "--classes");
  }

  /// Samples (B, ...) of a network that was trained on pictures times `factor` -> pictures (B, C, S, S) in [0, 1].
  torch::Tensor pictures(const torch::Tensor& samples, double factor = 1) const {
    return scale.pixels(samples.view({-1, images.size(1), size(), size()}) / factor);
  }

  /// The Frechet distance between pictures and the test pictures.
  double frechet(const torch::Tensor& pictures) const {
    return frechet_distance(feature_statistics(features_of(*judge, pictures)), real);
  }

  /// Says how far the judge can be trusted.
  void introduce(std::ostream& out) const {
    out << source.name << ": " << images.size(0) << " pictures, " << images.size(1) << " x " << size() << " x "
        << size() << ". Judged by a classifier " << (source.classes.size() < 2 ? "of quarter turns " : "") << "with "
        << fixed(100 * accuracy(*judge, to_tell_apart(source, source.test)), 1) << " % accuracy on "
        << source.test.images.size(0) << " test pictures: Frechet distance of " << start.size(0)
        << " samples to them.\n"
        << std::endl;
  }

 private:
  /// Folders and emoji come class after class; whoever takes the first pictures wants some of all.
  static image_data read(const trainer_options& options) {
    image_data data = read_image_data(options.data, options.data_dir, options.image_size);
    if (options.data != "folder" && options.data != "emoji") return data;
    at::Generator generator = generator_of(4);
    for (labelled_images* part : {&data.train, &data.test}) {
      const torch::Tensor order = torch::randperm(part->images.size(0), generator);
      *part = {part->images.index_select(0, order), part->labels.index_select(0, order)};
    }
    return data;
  }

  /// What the classifier learns: the classes; where there is but one, by how many quarter turns a picture was turned.
  /// [Gidaris et al., "Unsupervised representation learning by predicting image rotations", ICLR 2018]
  static labelled_images to_tell_apart(const image_data& data, const labelled_images& some) {
    if (data.classes.size() > 1) return some;
    std::vector<torch::Tensor> turned, turns;
    for (int i = 0; i < 4; ++i) {
      turned.push_back(some.images.rot90(i, {2, 3}));
      turns.push_back(torch::full_like(some.labels, i));
    }
    return {torch::cat(turned), torch::cat(turns)};
  }
  static std::int64_t judged_classes(const image_data& data) {
    return data.classes.size() > 1 ? static_cast<std::int64_t>(data.classes.size()) : 4;
  }

  /// Refuses what nothing can be judged by.
  static image_data enough(image_data data, const std::string& option = "--data") {
    constexpr std::int64_t least = shown_side * shown_side;
    if (data.test.images.size(0) >= least) return data;
    throw std::invalid_argument(option + ": needs " + std::to_string(least) +
                                " test pictures (of a folder, every tenth picture is one), got " +
                                std::to_string(data.test.images.size(0)));
  }

  /// A smoke run makes do with few pictures.
  static image_data some_of(image_data data, bool smoke) {
    if (!smoke) return data;
    for (labelled_images* part : {&data.train, &data.test}) {
      const auto count = std::min<std::int64_t>(part->images.size(0), 2000);
      part->images = part->images.narrow(0, 0, count).clone();
      part->labels = part->labels.narrow(0, 0, count).clone();
    }
    return data;
  }
};

/// Judges a trained generator, sample(start noise, sampler steps) -> pictures in [0, 1], and ends its training.
///
/// Beside the Frechet distance at each number of sampler steps: sliced Wasserstein distance, precision, recall, and the
/// Frechet distance from start noise times a temperature T: where a pairing shortens the training noise, another temperature
/// may suit it better, and a gain that is only that is no gain.
///
/// @param more  a trainer's own figures, to stand beside these.
template <class Training, class Sample>
void judge_generator(Training& training, const trainer_options& options, const image_studio& s, Sample sample,
                     const std::function<std::vector<named_value>()>& more = nullptr) {
  if (training.is_finished()) return;
  std::vector<double> distances;
  std::vector<named_value> others;
  std::vector<torch::Tensor> shown;
  for (const int sampler_steps : options.sampler_steps) {
    const torch::Tensor pictures = sample(s.start, sampler_steps);
    const torch::Tensor features = features_of(*s.judge, pictures);
    distances.push_back(frechet_distance(feature_statistics(features), s.real));
    shown.push_back(pictures.narrow(0, 0, shown_side * shown_side));
    if (!others.empty()) continue;
    const std::int64_t count = std::min(pictures.size(0), s.source.test.images.size(0));
    const torch::Tensor real_features = s.real_features.narrow(0, 0, count);
    const torch::Tensor own_features = features.narrow(0, 0, count);
    others = {{"sliced Wasserstein",
               sliced_wasserstein(pictures.narrow(0, 0, count), s.source.test.images.narrow(0, 0, count))},
              {"precision", share_covered(own_features, real_features)},
              {"recall", share_covered(real_features, own_features)}};
    for (const double temperature : {0.8, 0.9, 1.1, 1.2}) {
      others.push_back({"T = " + fixed(temperature, 1), s.frechet(sample(s.start * temperature, sampler_steps))});
    }
  }
  if (more) {
    for (const named_value& value : more()) others.push_back(value);
  }
  training.finish(distances, others, torch::cat(shown));
}

/// Blocks of 6 x 6 pictures from the same start noise: a row for each pairing, a column for each number of sampler steps; at
/// the end of the first row, real ones.
inline bool draw_samples(const std::string& file, const std::string& title, const trainer_options& options,
                         const image_studio& s, const comparison& result) {
  constexpr int shown = shown_side * shown_side;
  std::vector<std::vector<picture_block>> rows;
  for (const std::string& pairing : options.pairings) {
    const std::vector<float>& samples = result.first_run(pairing).samples;
    const torch::Tensor all = torch::tensor(samples).view({-1, s.images.size(1), s.size(), s.size()});
    std::vector<picture_block> row;
    for (const std::size_t i : result.by_sampler_steps()) {
      row.push_back({pairing + ", " + result.sampler_text(options.sampler_steps[i]),
                     all.narrow(0, static_cast<std::int64_t>(i) * shown, shown)});
    }
    row.push_back({"real pictures", rows.empty() ? s.source.test.images.narrow(0, 0, shown) : torch::Tensor()});
    rows.push_back(std::move(row));
  }
  return draw_pictures(file, title, rows);
}

/// Prints the tables and writes runs.csv, report.json, curve.png and samples.png.
inline void report_images(const trainer_options& options, const image_studio& s, const metric& quality,
                          std::vector<run> runs, const std::string& title) {
  const comparison result(options, quality, std::move(runs));
  result.print(std::cout);
  std::cout << "Sliced Wasserstein: between pixels. Precision and recall: among the classifier's features. T: Frechet "
               "distance from start noise times T.\n";
  result.write_csv(options.out + "/runs.csv");
  result.write_json(options.out + "/report.json");
  std::cout << "\nWritten: " << options.out << "/runs.csv, report.json";
  if (result.draw_curves(options.out + "/curve.png", title + ": Frechet distance") &&
      draw_samples(options.out + "/samples.png",
                   title + ": samples after " + std::to_string(options.steps) + " training steps, same start noise",
                   options, s, result)) {
    std::cout << ", curve.png, samples.png";
  }
  std::cout << std::endl;
}

}  // namespace examples

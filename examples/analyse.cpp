// Looks into trained generators: what they see in pure noise, how their picture forms, how steady it is when the noise changes.
//
//   ./run example flow_matching --size 28                            # leaves results/flow_matching/checkpoints/*.pt
//   ./run example analyse results/flow_matching/checkpoints/*seed0.pt
//
// Three analyses of Immiscible Diffusion (Li et al. 2024) and its sequel, side by side for all models. At pure noise, a model that was
// trained on random pairs can only answer with the average of all pictures; one trained on pairs knows more. After that, the
// Frechet distance of the predicted picture at every step of the sampler. Last, the noise is changed by 10, 20 and 30 percent:
// the nearer the pictures stay, the more orderly the map from noise to pictures.
#include "common/gnuplot.hpp"
#include "common/image_studio.hpp"
#include "common/picture_sheet.hpp"
#include "common/report.hpp"
#include "common/sampling.hpp"
#include "common/saved_models.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

namespace {

using namespace examples;
using torch::Tensor;

struct analyse_options {
  std::vector<std::string> files;
  int sampler_steps = 10, judged = 4000;
  std::string out = "results/analyse";
};

constexpr int shown_side = 6;  // pictures in a row and in a column of a block
constexpr int shown_rows = 6;  // start noises whose way is shown
const std::vector<double> changes = {0.1, 0.2, 0.3};

/// What was found out about one model.
struct finding {
  saved_model model;
  std::vector<Tensor> seen;       ///< at each step of the sampler, the predicted pictures of the first start noises
  std::vector<double> distances;  ///< at each step, the Frechet distance of all predicted pictures
  double known_at_noise = 0;      ///< share of the final pictures' variance that the prediction at pure noise has right
  std::vector<Tensor> changed;    ///< pictures from changed noise, the same first ones
  std::vector<double> moved_by;   ///< root mean square change of a pixel, where unrelated pictures have 1
};

/// Pictures of the model; predictions of each step go to `see`.
std::vector<Tensor> predicted_pictures(const saved_model& model, const Tensor& start, int steps) {
  const std::vector<noise_level> levels = model.levels(steps);
  std::vector<std::vector<Tensor>> parts(static_cast<std::size_t>(steps));
  for (std::int64_t first = 0; first < start.size(0); first += sampled_at_once) {
    const Tensor noise = start.narrow(0, first, std::min(sampled_at_once, start.size(0) - first));
    std::size_t step = 0;
    follow_levels(
        levels.front().noise * noise, levels,
        [&](const Tensor& x, const noise_level& level) { return model.predict(x, level, first); },
        [&](const Tensor& images) { parts[step++].push_back(model.pictures(images)); });
  }
  std::vector<Tensor> all;
  for (const std::vector<Tensor>& part : parts) all.push_back(torch::cat(part));
  return all;
}

/// Root mean square difference of a pixel.
double difference(const Tensor& a, const Tensor& b) { return (a - b).square().mean().sqrt().item<double>(); }

finding look_into(saved_model model, const image_studio& s, const analyse_options& options) {
  std::vector<std::int64_t> shape = model.shape;
  shape.insert(shape.begin(), options.judged);
  const Tensor start = start_noise(shape), other = start_noise(shape, /*set*/ 1);
  finding f;
  f.model = std::move(model);
  const std::vector<Tensor> predicted = predicted_pictures(f.model, start, options.sampler_steps);
  for (const Tensor& pictures : predicted) {
    f.distances.push_back(s.frechet(pictures));
    f.seen.push_back(pictures.narrow(0, 0, shown_side * shown_side).clone());
  }
  const Tensor& final = predicted.back();
  at::Generator generator = generator_of(5);  // neighbours may be of one class
  const double unrelated = difference(final, final.index_select(0, torch::randperm(final.size(0), generator)));
  const Tensor mean = final.mean(0, true);
  const double error = difference(predicted.front(), final) / difference(final, mean.expand_as(final));
  f.known_at_noise = 1 - error * error;
  for (const double change : changes) {  // the changed noise is standard normal again
    const Tensor noise = std::sqrt(1 - change * change) * start + change * other;
    const Tensor pictures = predicted_pictures(f.model, noise, options.sampler_steps).back();
    f.moved_by.push_back(difference(pictures, final) / unrelated);
    f.changed.push_back(pictures.narrow(0, 0, shown_side * shown_side).clone());
  }
  return f;
}

// -------------------------------------------------------------------------------------------------------------- Report

void print(std::ostream& out, const std::vector<finding>& findings, const analyse_options& options) {
  out << "Frechet distance of the predicted picture at each of " << options.sampler_steps
      << " steps of the sampler:\n\n";
  for (const finding& f : findings) {
    out << "  " << f.model.name() << ":";
    for (const double d : f.distances) out << ' ' << fixed(d, 1);
    out << '\n';
  }
  out << "\nOf the final pictures' variance, the prediction at pure noise has right (below 0: worse than the mean "
         "picture):\n\n";
  for (const finding& f : findings) out << "  " << f.model.name() << ": " << fixed(100 * f.known_at_noise, 1) << " %\n";
  out << "\nRoot mean square change of the pictures, unrelated ones = 1, where the noise is changed by 10, 20, 30 "
         "%:\n\n";
  for (const finding& f : findings) {
    out << "  " << f.model.name() << ":";
    for (const double moved : f.moved_by) out << ' ' << fixed(moved, 3);
    out << '\n';
  }
}

void write_json(const std::string& file, const std::vector<finding>& findings) {
  nlohmann::json report = nlohmann::json::array();
  for (const finding& f : findings) {
    report.push_back({{"program", f.model.program},
                      {"pairing", f.model.pairing},
                      {"seed", f.model.seed},
                      {"step", f.model.step},
                      {"frechet_distance_by_step", f.distances},
                      {"known_at_noise", f.known_at_noise},
                      {"noise_changed_by", changes},
                      {"pictures_changed_by", f.moved_by}});
  }
  std::ofstream out(file);
  out << report.dump(2) << '\n';
  if (!out) throw std::runtime_error("cannot write " + file);
}

/// The Frechet distance of the predicted picture against the steps.
bool draw_distances(const std::string& file, const std::vector<finding>& findings) {
  std::ostringstream script;
  script << picture_header(file, 800, 480) << "set title 'Frechet distance of the predicted picture, step by step'\n"
         << "set xlabel 'step of the sampler'\nset ylabel 'Frechet distance'\nset yrange [0:*]\n";
  for (std::size_t i = 0; i < findings.size(); ++i) {
    script << "$model" << i << " << END\n";
    for (std::size_t step = 0; step < findings[i].distances.size(); ++step) {
      script << step + 1 << ' ' << findings[i].distances[step] << '\n';
    }
    script << "END\n";
  }
  for (std::size_t i = 0; i < findings.size(); ++i) {
    script << (i == 0 ? "plot " : ", ") << "$model" << i << " with linespoints lw 2.5 pt 7 ps 0.7 lc rgb '"
           << colour_of(findings[i].model.pairing, i) << "' title " << quoted(findings[i].model.name())
           << " noenhanced";
  }
  return draw(script.str() + "\n");
}

/// A row for each model: what it sees in pure noise, and what its sampler makes of the same noise.
bool draw_pure_noise(const std::string& file, const std::vector<finding>& findings, const analyse_options& options) {
  std::vector<std::vector<picture_block>> rows;
  for (const finding& f : findings) {
    rows.push_back(
        {{f.model.pairing + ": seen in pure noise", f.seen.front(), shown_side},
         {f.model.pairing + ": after " + std::to_string(options.sampler_steps) + " steps", f.seen.back(), shown_side}});
  }
  return draw_pictures(file, "What the models see in pure noise", rows);
}

/// A block for each model: each row is one start noise, from left to right the steps of the sampler.
bool draw_steps(const std::string& file, const std::vector<finding>& findings) {
  std::vector<std::vector<picture_block>> rows;
  for (const finding& f : findings) {
    std::vector<Tensor> pictures;
    for (int i = 0; i < shown_rows; ++i) {
      for (const Tensor& seen : f.seen) pictures.push_back(seen[i]);
    }
    rows.push_back({{f.model.name(), torch::stack(pictures), static_cast<int>(f.seen.size())}});
  }
  return draw_pictures(file, "The predicted picture, step by step, from the same noise", rows);
}

/// A row for each model: the pictures of some noise, and of the same noise changed more and more.
bool draw_changed_noise(const std::string& file, const std::vector<finding>& findings) {
  std::vector<std::vector<picture_block>> rows;
  for (const finding& f : findings) {
    rows.push_back({{f.model.pairing + ": some noise", f.seen.back(), shown_side}});
    for (std::size_t i = 0; i < changes.size(); ++i) {
      rows.back().push_back(
          {"changed by " + fixed(100 * changes[i], 0) + " %: " + fixed(f.moved_by[i], 2), f.changed[i], shown_side});
    }
  }
  return draw_pictures(file, "Pictures from changed noise (numbers: how far they moved, unrelated pictures = 1)", rows);
}

/// The classes that a model was trained on; none: all.
std::vector<int> classes_of(const trainer_options& trained) {
  const auto found = trained.settings.find("--classes");
  return found == trained.settings.end() ? std::vector<int>{} : class_list(found->second);
}

void analyse(const analyse_options& options) {
  at::set_num_threads(1);  // as in training: small networks gain little from more
  std::filesystem::create_directories(options.out);
  const nlohmann::json first = checkpoint::read(options.files.front()).description;
  const trainer_options trained = options_of(first, options.out);
  for (const std::string& file : options.files) {
    const trainer_options other = options_of(checkpoint::read(file).description, options.out);
    if (other.data != trained.data || other.data_dir != trained.data_dir || other.image_size != trained.image_size ||
        other.smoke != trained.smoke || classes_of(other) != classes_of(trained)) {
      throw std::invalid_argument("needs models of the same pictures, got " + options.files.front() + " and " + file);
    }
  }
  image_studio s(trained);
  for (const std::string& file : options.files) {
    const trainer_options other = options_of(checkpoint::read(file).description, options.out);
    const auto pictures = other.settings.find("pictures");
    if (pictures != other.settings.end() && pictures->second != s.checksum()) {
      throw std::runtime_error("needs the pictures that " + file + " was trained on, got others in their place");
    }
  }
  s.judge_classes(classes_of(trained));
  std::vector<finding> findings;
  progress_bar progress("sampling", static_cast<long>(options.files.size()), "models");
  for (const std::string& file : options.files) {
    findings.push_back(look_into(open_model(file, s), s, options));
    progress.advance();
  }
  std::stable_partition(findings.begin(), findings.end(), [](const finding& f) { return f.model.pairing == "none"; });
  print(std::cout, findings, options);
  write_json(options.out + "/report.json", findings);
  std::cout << "\nWritten: " << options.out << "/report.json";
  if (draw_distances(options.out + "/distances.png", findings) &&
      draw_pure_noise(options.out + "/pure_noise.png", findings, options) &&
      draw_steps(options.out + "/steps.png", findings) &&
      draw_changed_noise(options.out + "/changed_noise.png", findings)) {
    std::cout << ", distances.png, pure_noise.png, steps.png, changed_noise.png";
  }
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  analyse_options options;
  CLI::App app("Looks into generators of pictures that were trained by the examples.", "analyse");
  app.add_option("checkpoints", options.files, "of trainings on the same pictures: OUT/checkpoints/*.pt")->required();
  app.add_option("--sampler-steps", options.sampler_steps, "steps of the sampler")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--judged", options.judged, "samples of one Frechet distance")
      ->check(CLI::Range(200, 1'000'000))
      ->capture_default_str();
  app.add_option("--out", options.out, "folder for figures and pictures")->capture_default_str();
  try {
    app.parse(argc, argv);
    analyse(options);
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {  // LibTorch's messages carry a stack trace: the first line says it
    const std::string text = error.what();
    std::fprintf(stderr, "analyse: %s\n", text.substr(0, text.find('\n')).c_str());
    return 2;
  }
}

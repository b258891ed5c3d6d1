#include "options.hpp"

#include "image_sets.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace examples {

namespace {

void add_options_of_all(CLI::App& app, trainer_options& o) {
  app.add_option(
         "--pairing", o.pairings,
         "how images get their noise, one or several, separated by commas: none, exact, auction, greedy, nearest, "
         "drawn_nearest or scale; exact:1024 pairs windows of 1024 samples, drawn_nearest:8 takes the nearest of 8, "
         "scale:2 doubles the images; +late pairs after a quarter of the steps, +across exchanges noise across classes "
         "(latent_diffusion --conditional), exact+conditions between like conditions (pushing_policy)")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--seed", o.seed, "seed of the first run of each pairing")
      ->check(CLI::Range(0, 20'000))  // with all --seeds below that of start_noise
      ->capture_default_str();
  app.add_option("--seeds", o.seeds, "runs of each pairing")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--steps", o.steps, "training steps of each run (0: what suits the set-up)")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  app.add_option("--batch", o.batch, "samples in a training batch (0: what suits the set-up)")
      ->check(CLI::Range(0, 65'536))
      ->capture_default_str();
  app.add_option("--sampler-steps", o.sampler_steps,
                 "steps of the sampler, separated by commas; the first is the curve's")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--candidates", o.candidates, "candidates per sample of nearest and drawn_nearest without a number")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--window", o.window,
                 "samples that are paired together where no number is given (0: each batch alone)")
      ->check(CLI::Range(0, 65'536))
      ->capture_default_str();
  app.add_flag("--background", o.background, "draw and pair ahead of time, on a thread of its own");
  app.add_option("--evaluations", o.evaluations, "points of the curve; each is a checkpoint too")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--jobs", o.jobs, "runs at once, one core each")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--out", o.out, "folder for figures, pictures and checkpoints")->capture_default_str();
  app.add_flag("--resume", o.resume, "go on from the checkpoints in the folder");
  app.add_flag("--smoke", o.smoke, "a run of seconds: does the program work and the loss fall?");
}

void add_options_of_images(CLI::App& app, trainer_options& o) {
  app.add_option("--data", o.data, "the pictures: see docs/data.md")
      ->check(CLI::IsMember(image_data_names))
      ->capture_default_str();
  app.add_option("--data-dir", o.data_dir, "folder of the pictures (default: where Debian's packages put them)");
  app.add_option("--size", o.image_size, "of Fashion-MNIST: 28, or 14 by averaging")
      ->check(CLI::IsMember({14, 28}))
      ->capture_default_str();
  app.add_option("--judged", o.judged,
                 "samples of one Frechet distance; with fewer than 4000 it is too large and shakier")
      ->check(CLI::Range(200, 1'000'000))
      ->capture_default_str();
  app.add_option("--image-scale", o.image_scale, "multiplies the pictures before noise is added, whatever the pairing")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
}

/// An option's value as text; values of a list with commas between.
std::string value_of(const CLI::Option& option) {
  std::string value;
  for (const std::string& part : option.results()) value += (value.empty() ? "" : ",") + part;
  return value;
}

/// What does not change the numbers of one run: where, how many at once, which others.
const std::set<std::string> without_effect = {"--help", "--out",   "--jobs",    "--resume",
                                              "--seed", "--seeds", "--pairing", "--background"};

std::map<std::string, std::string> settings_of(const CLI::App& app) {
  std::map<std::string, std::string> settings;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (without_effect.count(name)) continue;
    std::string own_value = option->get_default_str();
    if (option->get_items_expected_max() > 1) std::replace(own_value.begin(), own_value.end(), ' ', ',');
    settings[name] = option->count() ? value_of(*option) : own_value;
  }
  return settings;
}

/// The command line that gives the same numbers, without what is the same by default.
std::string command_of(const CLI::App& app) {
  static const std::set<std::string> left_out = {"--out", "--jobs", "--resume", "--data-dir"};
  std::string command = app.get_name();
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || left_out.count(option->get_name())) continue;
    const bool is_flag = option->get_items_expected_max() == 0;
    command += " " + option->get_name() + (is_flag ? "" : " " + value_of(*option));
  }
  return command;
}

/// 0.01, 1
std::string short_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

/// A number of at least `least`, or an error that names the pairing.
double number_of(const std::string& name, const std::string& text, double least) {
  std::size_t end = 0;
  double value = least - 1;
  try {
    value = std::stod(text, &end);
  } catch (const std::exception&) {
  }
  if (text.empty() || end != text.size() || !(value >= least) || value > 1e6) {
    throw std::invalid_argument("--pairing: needs a number from " + short_text(least) +
                                " to 1000000 after the colon, got " + name);
  }
  return value;
}

/// Cuts `ending` off the end of `text`, if it is there.
bool cut(std::string& text, const std::string& ending) {
  if (text.size() < ending.size() || text.compare(text.size() - ending.size(), ending.size(), ending) != 0)
    return false;
  text.resize(text.size() - ending.size());
  return true;
}

}  // namespace

void complete(trainer_options& options, int steps, int batch) {
  if (options.steps == 0) options.steps = steps;
  if (options.batch == 0) options.batch = batch;
  options.settings["--steps"] = std::to_string(options.steps);
  options.settings["--batch"] = std::to_string(options.batch);
}

pairing read_pairing(const std::string& name, const trainer_options& options) {
  static const std::map<std::string, immiscible::method> methods = {
      {"none", immiscible::method::none},       {"exact", immiscible::method::exact},
      {"auction", immiscible::method::auction}, {"greedy", immiscible::method::greedy},
      {"nearest", immiscible::method::nearest}, {"drawn_nearest", immiscible::method::drawn_nearest},
      {"scale", immiscible::method::none}};
  pairing p;
  p.name = name;
  p.assign.method = immiscible::method::none;
  std::string text = name;
  for (bool found = true; found;) {
    found = false;
    if (cut(text, "+across")) p.within_classes = false, found = true;
    if (cut(text, "+conditions")) p.by_conditions = true, found = true;
    if (cut(text, "+late")) p.warm_up = 0.25, found = true;
  }
  if (!p.within_classes && !options.has_classes) {
    throw std::invalid_argument("--pairing: needs a trainer with classes for +across, got " + name);
  }
  if (p.by_conditions) {
    if (!options.has_conditions || text != "exact") {
      throw std::invalid_argument(
          "--pairing: needs exact, of batches, and a trainer with conditions for +conditions, got " + name);
    }
    return p;  // the method stays none: the trainer does the rest
  }
  const std::size_t colon = text.find(':');
  const std::string method = text.substr(0, colon);
  const auto known = methods.find(method);
  if (known == methods.end()) {
    throw std::invalid_argument("--pairing: needs none, exact, auction, greedy, nearest, drawn_nearest or scale, got " +
                                name);
  }
  p.assign.method = known->second;
  p.assign.candidates = static_cast<std::size_t>(options.candidates);
  const bool in_windows = method == "exact" || method == "auction" || method == "greedy";
  if (!p.within_classes && !in_windows) {
    throw std::invalid_argument("--pairing: needs exact, auction or greedy before +across, got " + name);
  }
  if (p.warm_up > 0 && p.assign.method == immiscible::method::none) {
    throw std::invalid_argument("--pairing: needs a method that chooses noise before +late, got " + name);
  }
  if (in_windows) p.window = static_cast<std::size_t>(options.window);
  if (method == "scale" && colon == std::string::npos) p.image_scale = 2;
  if (colon == std::string::npos) return p;
  if (method == "none") throw std::invalid_argument("--pairing: needs no number after none, got " + name);
  const double number = number_of(name, text.substr(colon + 1), method == "scale" ? 0.01 : 1);
  if (method != "scale" && number != std::floor(number)) {
    throw std::invalid_argument("--pairing: needs a whole number after the colon, got " + name);
  }
  if (method == "scale") {
    p.image_scale = number;
  } else if (in_windows) {
    p.window = static_cast<std::size_t>(number);
  } else {
    p.assign.candidates = static_cast<std::size_t>(number);
  }
  return p;
}

int run_program(const std::string& name, const std::string& description, int argc, char** argv,
                trainer_options& options, const std::function<void()>& program,
                const std::function<void(CLI::App&)>& add_options) {
  CLI::App app(description, name);
  options.program = name;
  add_options_of_all(app, options);
  if (!options.data.empty()) add_options_of_images(app, options);
  if (add_options) add_options(app);
  try {
    app.parse(argc, argv);
    for (const std::string& pairing : options.pairings) {
      read_pairing(pairing, options);
      if (std::count(options.pairings.begin(), options.pairings.end(), pairing) > 1) {
        throw std::invalid_argument("--pairing: needs each pairing once, got " + pairing + " twice");
      }
    }
    if (!options.data.empty() && options.data != "fashion-mnist") {
      if (app.count("--size") > 0) {
        throw std::invalid_argument("--size: needs --data fashion-mnist, got " + options.data + ", which is 32x32");
      }
      options.image_size = 32;
    }
    options.settings = settings_of(app);
    if (!options.data.empty()) options.settings["--size"] = std::to_string(options.image_size);
    options.command = command_of(app);
    if (options.smoke) options.seeds = 1, options.evaluations = 1, options.sampler_steps.resize(1);
    std::filesystem::create_directories(options.out);
    program();
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {  // LibTorch's messages carry a stack trace: the first line says it
    const std::string text = error.what();
    std::cout.flush();
    std::fprintf(stderr, "%s: %s\n", name.c_str(), text.substr(0, text.find('\n')).c_str());
    return 2;
  }
}

}  // namespace examples

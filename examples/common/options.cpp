#include "options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>

namespace examples {

namespace {

void add_options(CLI::App& app, trainer_options& o) {
  app.add_option("--pairing", o.pairings,
                 "none, exact, auction, greedy, nearest, drawn_nearest: one or several, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"none", "exact", "auction", "greedy", "nearest", "drawn_nearest"}))
      ->capture_default_str();
  app.add_option("--seeds", o.seeds, "runs of each pairing")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--steps", o.steps, "training steps of each run (0: what suits the set-up)")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  app.add_option("--batch", o.batch, "samples in a training batch (0: what suits the set-up)")
      ->check(CLI::Range(0, 65'536))
      ->capture_default_str();
  app.add_option("--euler-steps", o.euler_steps, "steps of the sampler, separated by commas; the first is the curve's")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--candidates", o.candidates, "candidates per sample of --pairing nearest and drawn_nearest")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--evaluations", o.evaluations, "points of the curve")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--jobs", o.jobs, "runs at once, one core each")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--out", o.out, "folder for the CSV file and the pictures")->capture_default_str();
  if (o.image_size == 0) return;
  app.add_option("--window", o.window, "pictures that are paired together (0: each batch for itself)")
      ->check(CLI::Range(0, 65'536))
      ->capture_default_str();
  app.add_flag("--background", o.background, "draw and pair ahead of time, on a thread of its own");
  app.add_option("--size", o.image_size, "14: pooled images and a small MLP; 28: a small UNet")
      ->check(CLI::IsMember({14, 28}))
      ->capture_default_str();
  app.add_option("--data-dir", o.data_dir, "folder with the four gz files of Fashion-MNIST")->capture_default_str();
}

}  // namespace

immiscible::assign_options pairing_options(const std::string& name, int candidates) {
  immiscible::assign_options options;
  options.method = name == "exact"           ? immiscible::method::exact
                   : name == "auction"       ? immiscible::method::auction
                   : name == "greedy"        ? immiscible::method::greedy
                   : name == "nearest"       ? immiscible::method::nearest
                   : name == "drawn_nearest" ? immiscible::method::drawn_nearest
                                             : immiscible::method::none;
  options.candidates = static_cast<std::size_t>(candidates);
  return options;
}

int run_program(const std::string& name, const std::string& description, int argc, char** argv,
                trainer_options& options, const std::function<void()>& program) {
  CLI::App app(description, name);
  add_options(app, options);
  try {
    app.parse(argc, argv);
    for (const std::string& pairing : options.pairings) {
      if (std::count(options.pairings.begin(), options.pairings.end(), pairing) > 1) {
        throw std::invalid_argument("--pairing: needs each pairing once, got " + pairing + " twice");
      }
    }
    std::filesystem::create_directories(options.out);
    program();
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {  // LibTorch's messages carry a stack trace: the first line says it
    const std::string text = error.what();
    std::fprintf(stderr, "%s: %s\n", name.c_str(), text.substr(0, text.find('\n')).c_str());
    return 2;
  }
}

}  // namespace examples

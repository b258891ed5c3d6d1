// What every trainer can be told on the command line.
#pragma once

#include <immiscible/assign.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace examples {

struct trainer_options {
  std::vector<std::string> pairings = {"none", "exact"};  ///< the only difference between the runs that are compared
  int seeds = 3;                                          ///< runs of each pairing
  int steps = 2000;                                       ///< training steps of each run
  int batch = 128;
  std::vector<int> euler_steps = {4, 10, 50};  ///< of the sampler; the curve is drawn for the first
  int candidates = 4;                          ///< of pairing `nearest`
  int evaluations = 20;                        ///< points of the curve
  int jobs = static_cast<int>(std::thread::hardware_concurrency());
  std::string out;
};

inline void add_options(CLI::App& app, trainer_options& o) {
  app.add_option("--pairing", o.pairings, "none, exact, auction, greedy, nearest: one or several, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"none", "exact", "auction", "greedy", "nearest"}))
      ->capture_default_str();
  app.add_option("--seeds", o.seeds, "runs of each pairing")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--steps", o.steps, "training steps of each run")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  app.add_option("--batch", o.batch, "samples in a training batch")->check(CLI::Range(1, 65'536))->capture_default_str();
  app.add_option("--euler-steps", o.euler_steps, "steps of the sampler, several separated by commas; the first is the curve's")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--candidates", o.candidates, "candidates per sample of --pairing nearest")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--evaluations", o.evaluations, "points of the curve")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--jobs", o.jobs, "runs at once, one core each")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--out", o.out, "folder for the CSV file and the pictures")->capture_default_str();
}

/// The library's options for the name of a pairing.
inline immiscible::assign_options pairing_options(const std::string& name, int candidates) {
  immiscible::assign_options options;
  options.method = name == "exact"     ? immiscible::method::exact
                   : name == "auction" ? immiscible::method::auction
                   : name == "greedy"  ? immiscible::method::greedy
                   : name == "nearest" ? immiscible::method::nearest
                                       : immiscible::method::none;
  options.candidates = static_cast<std::size_t>(candidates);
  return options;
}

/// Parses the command line and runs the program; what goes wrong is told in one line on standard error, with exit code 2.
template <class Program>
int run_program(CLI::App& app, int argc, char** argv, Program program) {
  try {
    app.parse(argc, argv);
    program();
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {
    const std::string text = error.what();
    std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), text.substr(0, text.find('\n')).c_str());
    return 2;
  }
}

}  // namespace examples

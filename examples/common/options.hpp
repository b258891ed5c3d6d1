// What every trainer can be told on the command line.
#pragma once

#include <immiscible/assign.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace examples {

struct trainer_options {
  std::vector<std::string> pairings = {"none", "exact"};  ///< the only difference between the runs that are compared
  int seeds = 3;                                          ///< runs of each pairing
  int steps = 0;                                          ///< training steps of each run; 0: what suits the set-up
  int batch = 0;                                          ///< samples in a training batch; 0: what suits the set-up
  std::vector<int> euler_steps = {4, 10, 50};             ///< of the sampler; the curve is drawn for the first
  int candidates = 4;                                     ///< of pairing `nearest`
  int window = 0;           ///< samples that are paired together, at least; 0: each batch for itself
  bool background = false;  ///< draw and pair ahead of time, on a thread of its own
  int evaluations = 16;     ///< points of the curve
  int jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));  ///< runs at once, one core each
  std::string out;                                                                 ///< folder of what is written
  int image_size = 0;  ///< 14 or 28; 0: not a trainer on images
  std::string data_dir = "/usr/share/datasets/fashion-mnist";
};

/// The library's options for the name of a pairing.
immiscible::assign_options pairing_options(const std::string& name, int candidates);

/// Reads the command line into `options` (its values are the defaults), makes the folder `out` and calls `program`.
///
/// @return  the program's exit code: 0; 2 after one line on standard error, where anything goes wrong.
int run_program(const std::string& name, const std::string& description, int argc, char** argv,
                trainer_options& options, const std::function<void()>& program);

}  // namespace examples

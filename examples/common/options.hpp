// What every trainer can be told on the command line.
#pragma once

#include <immiscible/assign.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace CLI {
class App;
}

namespace examples {

struct trainer_options {
  std::string program;  ///< the trainer's name
  std::string command;  ///< program and arguments that repeat the runs' numbers

  std::vector<std::string> pairings = {"none", "exact"};  ///< the only difference between the runs that are compared
  int seed = 0;                                           ///< of the first run of each pairing
  int seeds = 3;                                          ///< runs of each pairing
  int steps = 0;                                          ///< training steps of each run; 0: what suits the set-up
  int batch = 0;                                          ///< samples in a training batch; 0: what suits the set-up
  std::vector<int> sampler_steps = {4, 10, 50};           ///< the curve is drawn for the first
  int candidates = 4;                                     ///< of nearest and drawn_nearest that name no number
  int window = 0;           ///< samples that are paired together, at least; 0: each batch for itself
  bool background = false;  ///< draw and pair ahead of time, on a thread of its own
  int evaluations = 16;     ///< points of the curve
  int jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));  ///< runs at once, one core each
  std::string out;                                                                 ///< folder of what is written
  bool resume = false;  ///< go on from the checkpoints in `out`
  bool smoke = false;   ///< a short run that only shows that the program works and learns

  // Trainers on images.
  std::string data;          ///< fashion-mnist, photographs, ...; empty: not a trainer on images
  std::string data_dir;      ///< folder of the data; empty: where Debian's packages put it
  int image_size = 28;       ///< 14 or 28 of Fashion-MNIST, 32 of all others
  int judged = 4000;         ///< samples of one Frechet distance
  double image_scale = 1;    ///< images are multiplied by this before noise is added
  bool has_classes = false;  ///< noise is exchanged within classes, unless the pairing says "+across"

  // Trainers whose samples belong to conditions.
  bool has_conditions = false;  ///< a pairing may say "+conditions"

  /// Every option that changes a run's numbers, with its value as text: a checkpoint fits only where they are the same.
  std::map<std::string, std::string> settings;
};

/// Steps and batch where the command line names none. Both become settings, so that a resumed run may name them or not.
void complete(trainer_options& options, int steps, int batch);

/// Which noise the samples of a batch get: all that differs between the runs of a comparison.
struct pairing {
  std::string name;                   ///< as on the command line
  immiscible::assign_options assign;  ///< method and candidates
  std::size_t window = 0;             ///< samples that are paired together, at least; 0: each batch for itself
  double image_scale = 1;             ///< samples are multiplied by this
  bool within_classes = true;         ///< where there are classes
  bool by_conditions = false;         ///< the trainer pairs each batch, the conditions' distances in the cost
  double warm_up = 0;                 ///< share of the training steps before the first paired one
};

/// Reads METHOD[:NUMBER][+across][+conditions][+late].
///
/// METHOD is none, exact, auction, greedy, nearest, drawn_nearest or scale. NUMBER is the window of exact, auction and
/// greedy, the candidates of nearest and drawn_nearest, the factor of scale. +across exchanges noise across classes, exact+conditions
/// between samples of like conditions, +late pairs after the first quarter of the steps only.
///
/// @throws std::invalid_argument  `name` is no such text.
pairing read_pairing(const std::string& name, const trainer_options& options);

/// Reads the command line into `options` (its values are the defaults), makes the folder `out` and calls `program`.
///
/// @param add_options  adds options of the trainer's own.
/// @return  the program's exit code: 0; 2 after one line on standard error, where anything goes wrong.
int run_program(const std::string& name, const std::string& description, int argc, char** argv,
                trainer_options& options, const std::function<void()>& program,
                const std::function<void(CLI::App&)>& add_options = nullptr);

}  // namespace examples

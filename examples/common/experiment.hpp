// Several runs of one training that differ in nothing but the pairing and the seed.
#pragma once

#include "options.hpp"
#include "progress.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace examples {

/// The quality of one run at one moment.
struct measurement {
  int step = 0;
  double seconds = 0;  ///< core seconds of training until then, drawing and pairing of the noise included
  int sampler_steps = 0;
  double quality = 0;
};

/// Another figure of a run after its last step, such as {"recall", 0.4}.
struct named_value {
  std::string name;
  double value = 0;
};

/// One training from start to end.
struct run {
  std::string pairing;
  int seed = 0;
  std::vector<measurement> curve;   ///< at the first number of sampler steps, through the training
  std::vector<measurement> finals;  ///< after the last step, at every number of sampler steps
  std::vector<named_value>
      others;                  ///< after the last step, at the first number of sampler steps: the same of every run
  std::vector<float> samples;  ///< for the pictures
  double noise_share = 0;      ///< of the time of the training steps, by the clock: the wait for matched noise
  double loss = 0;             ///< mean over the last tenth of the steps; not to be compared between pairings
};

/// Counts the processor time of the calling thread while it runs: what other programs do meanwhile does not matter.
class stopwatch {
 public:
  explicit stopwatch(double seconds = 0) : seconds_(seconds) {}
  void start() { started_ = now(); }
  void stop() { seconds_ += now() - started_; }
  double seconds() const { return seconds_; }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  double started_ = 0, seconds_;
};

/// Adds up time by the clock.
class wall_clock {
 public:
  explicit wall_clock(double seconds = 0) : seconds_(seconds) {}
  void start() { started_ = std::chrono::steady_clock::now(); }
  void stop() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count(); }
  double seconds() const { return seconds_; }

 private:
  std::chrono::steady_clock::time_point started_;
  double seconds_;
};

/// True after the steps at which the curve has a point: `evaluations` of them, evenly spread, the last step among them.
inline bool is_evaluation_step(int step, int steps, int evaluations) {
  return static_cast<long>(step) * evaluations / steps != static_cast<long>(step - 1) * evaluations / steps;
}

/// One run that is to be made.
struct job {
  const trainer_options& options;
  pairing how;
  int seed;
  progress_bar& progress;  ///< of all runs together

  /// The first weights, the order of the samples, the noise: whatever is random begins with it.
  std::uint64_t key() const { return static_cast<std::uint64_t>(seed); }
  /// Steps count from 1; those before it get plain noise.
  std::uint64_t first_paired_step() const { return static_cast<std::uint64_t>(how.warm_up * options.steps) + 1; }
  /// Samples are multiplied by this before noise is added.
  double sample_scale() const { return options.image_scale * how.image_scale; }
  /// The trainer itself pairs the batch of this step, with the conditions' distances in the cost.
  bool is_paired_by_conditions(int step) const {
    return how.by_conditions && static_cast<std::uint64_t>(step) >= first_paired_step();
  }
};

/// The mean square of what flow matching learns, image less noise, where that is 1 for images of deviation 1: for bounds of losses.
inline double flow_power(const job& j) { return (1 + j.sample_scale() * j.sample_scale()) / 2; }

/// Calls train(job) -> run for every pairing and seed, `options.jobs` at once, each in a thread of its own.
///
/// @param prepare_thread  called first in each thread.
/// @return                the runs, pairing by pairing, seed by seed: the same for any number of jobs, seconds apart.
template <class PrepareThread, class Train>
std::vector<run> run_all(const trainer_options& options, PrepareThread prepare_thread, Train train) {
  const std::size_t pairings = options.pairings.size(), count = pairings * static_cast<std::size_t>(options.seeds);
  std::vector<run> runs(count);
  progress_bar progress("training", static_cast<long>(count) * options.steps, "steps");
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      prepare_thread();
      for (std::size_t i = next++; i < count; i = next++) {  // pairings of one seed run side by side
        const std::size_t pairing = i % pairings, seed = i / pairings;
        const job job{options, read_pairing(options.pairings[pairing], options), options.seed + static_cast<int>(seed),
                      progress};
        run& result = runs[pairing * static_cast<std::size_t>(options.seeds) + seed];
        result = train(job);
        result.pairing = job.how.name;
        result.seed = job.seed;
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failure_mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(count, static_cast<std::size_t>(options.jobs)); ++i) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error&) {  // the system has no more
      if (threads.empty()) throw;
      break;
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return runs;
}

}  // namespace examples

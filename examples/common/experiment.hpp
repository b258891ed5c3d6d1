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
#include <thread>
#include <vector>

namespace examples {

/// The quality of one run at one moment.
struct measurement {
  int step = 0;
  double seconds = 0;  ///< core seconds of training until then, drawing and pairing of the noise included
  int euler_steps = 0;
  double quality = 0;
};

/// One training from start to end.
struct run {
  std::string pairing;
  int seed = 0;
  std::vector<measurement> curve;   ///< at the first number of Euler steps, through the training
  std::vector<measurement> finals;  ///< after the last step, at every number of Euler steps
  double cross_check = 0;           ///< after the last step, by another measure, at the first number of Euler steps
  std::vector<float> samples;       ///< for the pictures
  double noise_share = 0;           ///< of the time of the training steps, by the clock: the wait for matched noise
};

/// Counts the processor time of the calling thread while it runs: what other programs do meanwhile does not matter.
class stopwatch {
 public:
  void start() { started_ = now(); }
  void stop() { seconds_ += now() - started_; }
  double seconds() const { return seconds_; }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  double started_ = 0, seconds_ = 0;
};

/// Adds up time by the clock.
class wall_clock {
 public:
  void start() { started_ = std::chrono::steady_clock::now(); }
  void stop() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count(); }
  double seconds() const { return seconds_; }

 private:
  std::chrono::steady_clock::time_point started_;
  double seconds_ = 0;
};

/// True after the steps at which the curve has a point: `evaluations` of them, evenly spread, the last step among them.
inline bool is_evaluation_step(int step, int steps, int evaluations) {
  return static_cast<long>(step) * evaluations / steps != static_cast<long>(step - 1) * evaluations / steps;
}

/// Calls train(pairing, seed, progress) -> run for every pairing and seed, `jobs` at once, each in a thread of its own.
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
      for (std::size_t job = next++; job < count; job = next++) {  // pairings of one seed run side by side
        const std::size_t pairing = job % pairings, seed = job / pairings;
        run& result = runs[pairing * static_cast<std::size_t>(options.seeds) + seed];
        result = train(options.pairings[pairing], static_cast<int>(seed), progress);
        result.pairing = options.pairings[pairing];
        result.seed = static_cast<int>(seed);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failure_mutex);
      failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(count, static_cast<std::size_t>(options.jobs)); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return runs;
}

}  // namespace examples

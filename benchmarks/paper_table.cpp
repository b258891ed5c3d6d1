// What paper_table.py times, as a shared library that Python calls: each function does the work once and returns the
// seconds of processor time that its thread took, nothing but the work inside.
#include <immiscible/immiscible.hpp>

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

namespace {

using immiscible::assignment;
using immiscible::batch;
using immiscible::matrix_view;

std::string last_error;

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of `work`; -1 if it throws, and the text is kept for `paper_table_error`.
template <class Work>
double seconds_of(Work work) {
  try {
    const double start = thread_seconds();
    work();
    return thread_seconds() - start;
  } catch (const std::exception& error) {
    last_error = error.what();
    return -1;
  }
}

}  // namespace

extern "C" {

/// Why the last call returned -1.
const char* paper_table_error() { return last_error.c_str(); }

/// images [n, d], noise [n, d] -> noise_of_image [n]: the whole way, with the memory that a trainer keeps between steps.
double paper_table_pair(const float* images, const float* noise, std::size_t n, std::size_t d,
                        std::int32_t* noise_of_image) {
  static assignment answer;
  static immiscible::assign_workspace<float> workspace;
  const double seconds = seconds_of(
      [&] { immiscible::assign(batch<float>(images, n, d), batch<float>(noise, n, d), {}, answer, workspace); });
  std::copy(answer.noise_of_image.begin(), answer.noise_of_image.end(), noise_of_image);
  return seconds;
}

/// The same in a precision of the caller's choice (0 full, 1 int8, 2 automatic), on some threads; `chosen` tells which it was.
double paper_table_pair_in(const float* images, const float* noise, std::size_t n, std::size_t d, std::size_t precision,
                           std::size_t threads, std::int32_t* noise_of_image, std::int32_t* chosen) {
  static assignment answer;
  static immiscible::assign_workspace<float> workspace;
  immiscible::assign_options options;
  options.precision = static_cast<immiscible::precision>(precision);
  options.threads = threads;
  const double seconds = seconds_of(
      [&] { immiscible::assign(batch<float>(images, n, d), batch<float>(noise, n, d), options, answer, workspace); });
  std::copy(answer.noise_of_image.begin(), answer.noise_of_image.end(), noise_of_image);
  *chosen = answer.precision == immiscible::precision::int8 ? 1 : 0;
  return seconds;
}

/// Draws and pairs the noise of a step as a trainer does, in bytes where that is possible.
double paper_table_match(const float* images, std::size_t n, std::size_t d, std::size_t step) {
  immiscible::noise_matcher_options options;
  options.pairing.precision = immiscible::precision::automatic;
  static immiscible::noise_matcher match(options);
  return seconds_of([&] { match(batch<float>(images, n, d), step); });
}

/// images [n, d], noise [n, d] -> squared distances [n, n].
double paper_table_cost(const float* images, const float* noise, std::size_t n, std::size_t d, float* cost) {
  return seconds_of([&] {
    immiscible::pairwise_cost(batch<float>(images, n, d), batch<float>(noise, n, d),
                              immiscible::cost_function::squared_l2, matrix_view<float>(cost, n, n));
  });
}

/// cost [n, n] -> noise_of_image [n]; then, outside the time, whether the prices prove it.
double paper_table_solve(const float* cost, std::size_t n, std::int32_t* noise_of_image, std::int32_t* proved) {
  static assignment answer;
  static immiscible::jonker_volgenant_workspace<float> workspace;
  const batch<float> view(cost, n, n);
  const double seconds = seconds_of([&] { immiscible::jonker_volgenant(view, answer, workspace); });
  std::copy(answer.noise_of_image.begin(), answer.noise_of_image.end(), noise_of_image);
  *proved = immiscible::is_optimal(view, answer) ? 1 : 0;
  return seconds;
}

/// images [n, d] -> noise [n, d] with the law of the nearest of k.
double paper_table_draw_nearest(const float* images, std::size_t n, std::size_t d, std::size_t k, std::size_t step,
                                float* noise) {
  return seconds_of([&] {
    immiscible::nearest_normal_rows(0, step, 0, batch<float>(images, n, d), static_cast<double>(k),
                                    matrix_view<float>(noise, n, d));
  });
}

}  // extern "C"

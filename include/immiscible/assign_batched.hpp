// Many small problems at once: groups, classes, or the micro-batches of several devices, each paired for itself.
//
//   auto paired = immiscible::assign_batched(images, noise, options);   // vectors of batches; paired[p] belongs to problem p
#pragma once

#include <immiscible/assign.hpp>
#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/parallel.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Working memory of `assign_batched`: one for each thread.
template <class Scalar>
struct assign_batched_workspace {
  std::vector<assign_workspace<Scalar>> of_thread;
};

/// Solves problems that have nothing to do with each other, several at a time.
///
/// @param images   [p] batches [n_p, d_p], float or double.
/// @param noise    [p] batches [m_p, d_p], the same type.
/// @param options  as for `assign`, for every problem; `threads` share the problems among them, and each problem is solved on
///                 one thread.
/// @param out      [p] answers as of `assign`.
/// @throws std::invalid_argument  another number of noises than of images, threads < 1, or what `assign` says of the first
///                                problem that it refuses; `out` then holds some of the answers, in no order.
///
/// Cost:        that of the problems. Memory: that of one problem for each thread.
/// Determinism: every answer is what `assign` gives for its problem alone, for any number of threads.
template <class Scalar>
void assign_batched(const std::vector<batch<Scalar>>& images, const std::vector<batch<Scalar>>& noise,
                    const assign_options& options, std::vector<assignment>& out,
                    assign_batched_workspace<Scalar>& workspace);

/// The same with memory of its own.
template <class Scalar>
std::vector<assignment> assign_batched(const std::vector<batch<Scalar>>& images,
                                       const std::vector<batch<Scalar>>& noise, const assign_options& options = {});

// ------------------------------------------------------------------------------------------------ Implementation

template <class Scalar>
void assign_batched(const std::vector<batch<Scalar>>& images, const std::vector<batch<Scalar>>& noise,
                    const assign_options& options, std::vector<assignment>& out,
                    assign_batched_workspace<Scalar>& workspace) {
  const std::size_t problems = images.size();
  if (noise.size() != problems) {
    detail::fail("assign_batched", "needs a noise batch for each of the " + std::to_string(problems) +
                                       " image batches, got " + std::to_string(noise.size()));
  }
  if (options.threads < 1) detail::fail("assign_batched", "needs threads >= 1, got 0");
  out.resize(problems);
  const std::size_t team = detail::team_size(problems, options.threads);
  if (workspace.of_thread.size() < team) workspace.of_thread.resize(team);
  assign_options each = options;
  each.threads = 1;
  detail::for_each_problem(problems, options.threads, [&](std::size_t p, std::size_t thread) {
    assign(images[p], noise[p], each, out[p], workspace.of_thread[thread]);
  });
}

template <class Scalar>
std::vector<assignment> assign_batched(const std::vector<batch<Scalar>>& images,
                                       const std::vector<batch<Scalar>>& noise, const assign_options& options) {
  std::vector<assignment> out;
  assign_batched_workspace<Scalar> workspace;
  assign_batched(images, noise, options, out, workspace);
  return out;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

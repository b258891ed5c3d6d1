// Rows shared out among threads in contiguous blocks. Which thread does which rows never changes a result.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Calls work(first_row, last_row) on blocks of about equal size that cover 0 ... rows - 1, one block a thread.
///
/// Blocks begin at multiples of `grain` rows and have at least as many. The calling thread takes the first block, so one thread
/// means a plain call. An exception of any block is rethrown here once all blocks have ended.
template <class Work>
void for_row_blocks(std::size_t rows, std::size_t threads, const Work& work, std::size_t grain = 32) {
  const std::size_t grains = rows / grain, blocks = std::max<std::size_t>(1, std::min(threads, grains));
  const auto bound = [&](std::size_t b) {
    return b == blocks ? rows : grain * (b * (grains / blocks) + std::min(b, grains % blocks));
  };
  if (blocks == 1) {
    work(std::size_t{0}, rows);
    return;
  }
  std::vector<std::exception_ptr> errors(blocks);
  const auto guarded = [&](std::size_t b) {
    try {
      work(bound(b), bound(b + 1));
    } catch (...) {
      errors[b] = std::current_exception();
    }
  };
  std::vector<std::thread> team;
  team.reserve(blocks - 1);
  try {
    for (std::size_t b = 1; b < blocks; ++b) team.emplace_back(guarded, b);
  } catch (...) {  // no more threads to be had: the caller does the blocks that none was started for
  }
  for (std::size_t b = team.size() + 1; b < blocks; ++b) guarded(b);
  guarded(0);
  for (std::thread& member : team) member.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

/// The same for rows of a product of matrices, in blocks such that each row is summed in the same order, to the bit, whatever the
/// number of threads.
///
/// Kernels take 4, 6, 8 or 16 rows at a time and sum what is left in another way; oneDNN's for AVX2 cut off 96 rows as long as 192
/// are left, and halve the rest. So blocks begin at multiples of 96 rows and have at least 96.
template <class Work>
void for_product_blocks(std::size_t rows, std::size_t threads, const Work& work) {
  for_row_blocks(rows, threads, work, 96);
}

/// How many threads `for_each_problem` starts at most.
inline std::size_t team_size(std::size_t problems, std::size_t threads) {
  return std::max<std::size_t>(1, std::min(threads, problems));
}

/// Calls work(problem, thread) for each problem 0 ... problems - 1, several at a time; thread < team_size(problems, threads).
///
/// Once a problem has failed no other is begun; the exception of the lowest that failed is rethrown here at the end.
template <class Work>
void for_each_problem(std::size_t problems, std::size_t threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::vector<std::exception_ptr> errors(problems);
  const auto take_problems = [&](std::size_t thread) {
    while (!failed) {  // a problem once taken is worked on, so that the lowest that fails is always among the errors
      const std::size_t p = next++;
      if (p >= problems) return;
      try {
        work(p, thread);
      } catch (...) {
        errors[p] = std::current_exception();
        failed = true;
      }
    }
  };
  std::vector<std::thread> team;
  const std::size_t size = team_size(problems, threads);
  team.reserve(size - 1);
  try {
    for (std::size_t t = 1; t < size; ++t) team.emplace_back(take_problems, t);
  } catch (...) {  // no more threads to be had: those that there are do all
  }
  take_problems(0);
  for (std::thread& member : team) member.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

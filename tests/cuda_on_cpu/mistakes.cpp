// Kernels with a mistake must not pass: each runs in a process of its own (wrong_kernels.cpp).
#include <catch2/catch.hpp>

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace {

struct outcome {
  bool good;         // it came to its end
  std::string text;  // what it printed
};

outcome result_of(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::string text;
  char part[4096];
  while (const std::size_t read = std::fread(part, 1, sizeof part, pipe)) text.append(part, read);
  const int status = pclose(pipe);
  return {WIFEXITED(status) && WEXITSTATUS(status) == 0, text};
}

/// With the threads in one of their orders. (Left alone, the thread sanitizer waits for a second at the end.)
outcome run_kernel(const std::string& program, const std::string& kernel, int order) {
  const std::string command = "'" + program + "' " + kernel,
                    environment = "TSAN_OPTIONS=atexit_sleep_ms=0 CUDA_ON_CPU_ORDER=" + std::to_string(order) + " ";
  const outcome first = result_of(environment + command);
  if (first.text.find("unexpected memory mapping") == std::string::npos) return first;
  return result_of(environment + "setarch -R " + command);  // addresses that the thread sanitizer cannot place
}

void require_caught(const std::string& program, const std::string& kernel, const std::string& message) {
  for (int order = 0; order < 3; ++order) {
    const outcome found = run_kernel(program, kernel, order);
    CAPTURE(kernel, order, found.text);
    REQUIRE_FALSE(found.good);
    REQUIRE(found.text.find(message) != std::string::npos);
  }
}

void require_good(const std::string& program, const std::string& kernel) {
  for (int order = 0; order < 3; ++order) {
    const outcome found = run_kernel(program, kernel, order);
    CAPTURE(kernel, order, found.text);
    REQUIRE(found.good);
    REQUIRE(found.text == "ended\n");
  }
}

}  // namespace

TEST_CASE("a correct kernel ends, and nothing is said") {
  require_good(WRONG_KERNELS, "correct");
  require_good(WRONG_KERNELS, "correct_grid");
}

TEST_CASE("threads that wait for each other in wrong ways are found, and named") {
  require_caught(WRONG_KERNELS, "barriers_at_different_lines", "divergent __syncthreads: at ");
  require_caught(WRONG_KERNELS, "barriers_at_different_lines",
                 "kernel barriers_at_different_lines(int*, unsigned int*)");
  require_caught(WRONG_KERNELS, "barrier_after_exit", "exited");
  require_caught(WRONG_KERNELS, "exit_before_others_arrive", "exited");
  require_caught(WRONG_KERNELS, "own_lane_not_in_mask", "__shfl_sync: the mask 0000ffff lacks its own lane ");
  require_caught(WRONG_KERNELS, "exited_lane_in_mask", "exited");
  require_caught(WRONG_KERNELS, "shuffle_from_outside_the_mask", "reads lane 20, which is outside the mask");
  require_caught(WRONG_KERNELS, "different_collectives", "deadlock");
  require_caught(WRONG_KERNELS, "grid_barrier_of_one_block", "grid.sync()");
  require_caught(WRONG_KERNELS, "grid_barrier_in_ordinary_launch", "in a launch that is not cooperative");
}

#if defined(WRONG_KERNELS_ASAN)
TEST_CASE("the address sanitizer finds accesses beyond shared and global memory") {
  require_good(WRONG_KERNELS_ASAN, "correct");
  require_good(WRONG_KERNELS_ASAN, "correct_grid");
  require_caught(WRONG_KERNELS_ASAN, "beyond_shared_memory", "AddressSanitizer: heap-buffer-overflow");
  require_caught(WRONG_KERNELS_ASAN, "beyond_global_memory", "AddressSanitizer: heap-buffer-overflow");
}
#endif

#if defined(WRONG_KERNELS_TSAN)
TEST_CASE("the thread sanitizer finds missing barriers, and races between blocks") {
  require_good(WRONG_KERNELS_TSAN, "correct");
  require_good(WRONG_KERNELS_TSAN, "correct_grid");
  const char* race = "ThreadSanitizer: data race";
  require_caught(WRONG_KERNELS_TSAN, "missing_block_barrier", race);
  require_caught(WRONG_KERNELS_TSAN, "missing_second_barrier", race);
  require_caught(WRONG_KERNELS_TSAN, "missing_warp_barrier", race);
  require_caught(WRONG_KERNELS_TSAN, "race_of_blocks", race);
  require_caught(WRONG_KERNELS_TSAN, "race_of_same_threads", race);
  require_caught(WRONG_KERNELS_TSAN, "missing_fence", race);
}
#endif

// Of CUDA's cooperative groups: the grid and the block.
#pragma once

#include <cuda_runtime.h>

namespace cooperative_groups {

class grid_group {
 public:
  void sync(cuda_on_cpu::site where = {}) const { cuda_on_cpu::grid_barrier(where); }
  bool is_valid() const {
    const cuda_on_cpu::unwatched books;
    return cuda_on_cpu::current_grid->request->cooperative;
  }
  unsigned long long num_blocks() const { return 1ull * gridDim.x * gridDim.y * gridDim.z; }
  unsigned long long num_threads() const { return num_blocks() * blockDim.x * blockDim.y * blockDim.z; }
  unsigned long long size() const { return num_threads(); }
  unsigned long long block_rank() const {
    return (1ull * blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  }
  unsigned long long thread_rank() const {
    return block_rank() * blockDim.x * blockDim.y * blockDim.z + cuda_on_cpu::running->number;
  }
};

class thread_block {
 public:
  void sync(cuda_on_cpu::site where = {}) const { cuda_on_cpu::block_barrier("thread_block.sync()", false, where); }
  unsigned num_threads() const { return blockDim.x * blockDim.y * blockDim.z; }
  unsigned size() const { return num_threads(); }
  unsigned thread_rank() const { return cuda_on_cpu::running->number; }
};

inline grid_group this_grid() { return {}; }
inline thread_block this_thread_block() { return {}; }

}  // namespace cooperative_groups

// Kernels with one mistake each, by name: mistakes.cpp runs this program and reads what it says.
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <utility>

namespace {

constexpr unsigned all_lanes = 0xffffffffu;

int* shared() { return static_cast<int*>(cuda_on_cpu::shared_memory()); }

}  // namespace

// Outside of namespaces without names, so that messages name them.

__global__ void correct(int* values, unsigned* finished) {
  int* scratch = shared();
  scratch[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  const int other = scratch[threadIdx.x ^ 32u];
  __syncthreads();
  scratch[threadIdx.x] = other;
  __syncwarp();
  const int neighbour = scratch[threadIdx.x ^ 1u];
  values[blockIdx.x * blockDim.x + threadIdx.x] = __shfl_xor_sync(all_lanes, neighbour, 1);
  __syncthreads();
  if (threadIdx.x != 0) return;
  __threadfence();
  const unsigned before = atomicAdd(finished, 1u);
  __threadfence();
  if (before + 1 != gridDim.x) return;
  for (unsigned i = 0; i < gridDim.x * blockDim.x; ++i) values[0] += values[i];  // the last block sees all
}

__global__ void correct_grid(int* values, unsigned*) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x, count = gridDim.x * blockDim.x;
  for (int round = 0; round < 3; ++round) {
    values[i] = static_cast<int>(i);
    cooperative_groups::this_grid().sync();
    const int next = values[(i + blockDim.x) % count];
    cooperative_groups::this_grid().sync();
    values[i] = next;
  }
}

__global__ void barriers_at_different_lines(int*, unsigned*) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void barrier_after_exit(int*, unsigned*) {
  if (threadIdx.x == 5) return;
  __syncthreads();
}

__global__ void exit_before_others_arrive(int*, unsigned*) {
  if (threadIdx.x == 63) return;
  __syncthreads();
}

__global__ void own_lane_not_in_mask(int* values, unsigned*) { values[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 0); }

__global__ void exited_lane_in_mask(int*, unsigned*) {
  if (threadIdx.x % 32 == 3) return;
  __syncwarp();
}

__global__ void shuffle_from_outside_the_mask(int* values, unsigned*) {
  if (threadIdx.x % 32 < 16) values[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 20);
}

__global__ void different_collectives(int*, unsigned*) {
  if (threadIdx.x % 2 == 0) {
    __syncwarp();
  } else {
    __any_sync(all_lanes, 1);
  }
}

__global__ void grid_barrier_of_one_block(int*, unsigned*) {
  if (blockIdx.x == 0) cooperative_groups::this_grid().sync();
}

__global__ void grid_barrier_in_ordinary_launch(int*, unsigned*) { cooperative_groups::this_grid().sync(); }

__global__ void beyond_shared_memory(int* values, unsigned*) { values[0] = shared()[64 + threadIdx.x]; }

__global__ void beyond_global_memory(int* values, unsigned*) { values[256 + threadIdx.x] = 1; }

__global__ void missing_block_barrier(int* values, unsigned*) {
  shared()[threadIdx.x] = 1;
  values[threadIdx.x + blockDim.x * blockIdx.x] = shared()[threadIdx.x ^ 32u];
}

__global__ void missing_second_barrier(int* values, unsigned*) {
  for (int round = 0; round < 2; ++round) {
    shared()[threadIdx.x] = round;
    __syncthreads();
    values[threadIdx.x + blockDim.x * blockIdx.x] = shared()[threadIdx.x ^ 32u];
  }
}

__global__ void missing_warp_barrier(int* values, unsigned*) {
  shared()[threadIdx.x] = 1;
  __shfl_sync(all_lanes, 1, 0);  // brings the lanes together, but orders no memory
  values[threadIdx.x + blockDim.x * blockIdx.x] = shared()[threadIdx.x ^ 1u];
}

__global__ void race_of_blocks(int* values, unsigned*) {
  if (threadIdx.x == 0) values[0] = static_cast<int>(blockIdx.x);
}

__global__ void race_of_same_threads(int* values, unsigned*) { values[threadIdx.x] = static_cast<int>(blockIdx.x); }

__global__ void missing_fence(int* values, unsigned* finished) {
  if (threadIdx.x != 0) return;
  values[blockIdx.x] = 1;
  if (atomicAdd(finished, 1u) + 1 == gridDim.x) values[0] += values[1];
}

namespace {

struct wrong_kernel {
  const char* name;
  void (*kernel)(int*, unsigned*);
  bool cooperative = false;
};

const wrong_kernel kernels[] = {{"correct", correct},
                                {"correct_grid", correct_grid, true},
                                {"barriers_at_different_lines", barriers_at_different_lines},
                                {"barrier_after_exit", barrier_after_exit},
                                {"exit_before_others_arrive", exit_before_others_arrive},
                                {"own_lane_not_in_mask", own_lane_not_in_mask},
                                {"exited_lane_in_mask", exited_lane_in_mask},
                                {"shuffle_from_outside_the_mask", shuffle_from_outside_the_mask},
                                {"different_collectives", different_collectives},
                                {"grid_barrier_of_one_block", grid_barrier_of_one_block, true},
                                {"grid_barrier_in_ordinary_launch", grid_barrier_in_ordinary_launch},
                                {"beyond_shared_memory", beyond_shared_memory},
                                {"beyond_global_memory", beyond_global_memory},
                                {"missing_block_barrier", missing_block_barrier},
                                {"missing_second_barrier", missing_second_barrier},
                                {"missing_warp_barrier", missing_warp_barrier},
                                {"race_of_blocks", race_of_blocks},
                                {"race_of_same_threads", race_of_same_threads},
                                {"missing_fence", missing_fence}};

}  // namespace

int main(int argc, char** argv) {
  for (const wrong_kernel& wrong : kernels) {
    if (argc != 2 || std::strcmp(wrong.name, argv[1]) != 0) continue;
    int* values = nullptr;
    unsigned* finished = nullptr;
    cudaMalloc(&values, 256 * sizeof(int));
    cudaMalloc(&finished, sizeof(unsigned));
    cudaMemset(finished, 0, sizeof(unsigned));
    void* arguments[] = {&values, &finished};
    const std::size_t shared_bytes = 64 * sizeof(int);
    const cudaError_t error = wrong.cooperative
                                  ? cudaLaunchCooperativeKernel(wrong.kernel, 4, 64, arguments, shared_bytes)
                                  : cudaLaunchKernel(wrong.kernel, 4, 64, arguments, shared_bytes);
    if (error != cudaSuccess) return 2;
    cudaDeviceSynchronize();
    cudaFree(values);
    cudaFree(finished);
    std::printf("ended\n");
    return 0;
  }
  std::printf("needs the name of a kernel\n");
  return 2;
}

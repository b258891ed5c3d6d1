// The emulation itself: what kernels and host code of CUDA rely on holds here too.
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace {

constexpr unsigned all_lanes = 0xffffffffu;

/// Launches with arguments of exactly the kernel's types.
template <class... Parameters>
cudaError_t launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, std::size_t shared_bytes,
                   cudaStream_t stream, Parameters... arguments) {
  void* pointers[] = {static_cast<void*>(&arguments)..., nullptr};
  return cudaLaunchKernel(kernel, blocks, threads, pointers, shared_bytes, stream);
}

/// Memory that host and kernels see: here there is no other.
template <class T>
struct device_vector {
  explicit device_vector(std::size_t size_) : size(size_) {
    REQUIRE(cudaMalloc(&data, size * sizeof(T)) == cudaSuccess);
    REQUIRE(cudaMemset(data, 0, size * sizeof(T)) == cudaSuccess);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  }
  ~device_vector() { cudaFree(data); }
  T& operator[](std::size_t i) { return data[i]; }

  T* data = nullptr;
  std::size_t size;
};

template <class T>
T* shared() {
  return static_cast<T*>(cuda_on_cpu::shared_memory());
}

unsigned global_index() { return blockIdx.x * blockDim.x + threadIdx.x; }

}  // namespace

// ------------------------------------------------------------------------------------------- Threads, blocks and grids

namespace {

__global__ void indices(uint3* threads, uint3* blocks) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  threads[i] = threadIdx;
  blocks[i] = blockIdx;
}

__global__ void prefix_sums(int* values) {
  int* sums = shared<int>();
  sums[threadIdx.x] = values[global_index()];
  __syncthreads();
  for (unsigned step = 1; step < blockDim.x; step *= 2) {
    const int before = threadIdx.x >= step ? sums[threadIdx.x - step] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
    __syncthreads();
  }
  values[global_index()] = sums[threadIdx.x];
}

__global__ void vote_of_block(std::array<int, 3>* votes) {
  votes[threadIdx.x] = {__syncthreads_count(threadIdx.x % 3 == 0), __syncthreads_or(threadIdx.x == 40),
                        __syncthreads_and(threadIdx.x != 40)};
}

__global__ void first_of_shared_memory(unsigned* found) {
  found[blockIdx.x] = *shared<unsigned>();
  *shared<unsigned>() = 7;
}

__global__ void turn_around_the_grid(int* values, int rounds, unsigned long long* ranks) {
  const auto grid = cooperative_groups::this_grid();
  const unsigned i = global_index(), count = static_cast<unsigned>(grid.size());
  ranks[i] = grid.thread_rank();
  for (int round = 0; round < rounds; ++round) {
    const int next = values[(i + blockDim.x) % count];
    grid.sync();
    values[i] = next;
    grid.sync();
  }
}

__global__ void wait_for_first_thread(unsigned* flag, unsigned* seen) {
  if (global_index() == 0) atomicExch(flag, 5u);
  while (atomicAdd(flag, 0u) == 0) __nanosleep(100);
  seen[threadIdx.x] = atomicAdd(flag, 0u);
}

}  // namespace

TEST_CASE("every thread of every block runs once and knows its place") {
  const dim3 blocks(3, 2, 2), threads(4, 3, 2);
  device_vector<uint3> thread_of(12 * 24), block_of(12 * 24);
  REQUIRE(launch(indices, blocks, threads, 0, nullptr, thread_of.data, block_of.data) == cudaSuccess);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  for (unsigned i = 0; i < thread_of.size; ++i) {
    const uint3 t = thread_of[i], b = block_of[i];
    REQUIRE((t.z * 3 + t.y) * 4 + t.x == i % 24);
    REQUIRE((b.z * 2 + b.y) * 3 + b.x == i / 24);
  }
}

TEST_CASE("a barrier lets no thread pass before all have come") {
  device_vector<int> values(3 * 200);
  for (std::size_t i = 0; i < values.size; ++i) values[i] = static_cast<int>(i % 7);
  std::vector<int> expected(values.size);
  for (std::size_t b = 0; b < 3; ++b) {
    std::partial_sum(values.data + 200 * b, values.data + 200 * (b + 1), expected.begin() + static_cast<long>(200 * b));
  }
  REQUIRE(launch(prefix_sums, 3, 200, 200 * sizeof(int), nullptr, values.data) == cudaSuccess);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  REQUIRE(std::vector<int>(values.data, values.data + values.size) == expected);
}

TEST_CASE("barriers count votes") {
  device_vector<std::array<int, 3>> votes(96);
  launch(vote_of_block, 1, 96, 0, nullptr, votes.data);
  cudaDeviceSynchronize();
  for (std::size_t i = 0; i < votes.size; ++i) REQUIRE(votes[i] == std::array<int, 3>{32, 1, 0});
}

TEST_CASE("a block finds nothing of another one in its shared memory") {
  device_vector<unsigned> found(4);
  launch(first_of_shared_memory, 4, 1, 4, nullptr, found.data);
  cudaDeviceSynchronize();
  for (std::size_t i = 0; i < found.size; ++i) REQUIRE(found[i] == 0xFBFBFBFBu);
}

TEST_CASE("the blocks of a cooperative launch wait for each other") {
  device_vector<int> values(8 * 64);
  device_vector<unsigned long long> ranks(8 * 64);
  std::iota(values.data, values.data + values.size, 0);
  int rounds = 3;
  void* arguments[] = {&values.data, &rounds, &ranks.data};
  cuda_on_cpu::reset_counters();
  REQUIRE(cudaLaunchCooperativeKernel(turn_around_the_grid, 8, 64, arguments) == cudaSuccess);
  cudaDeviceSynchronize();
  for (std::size_t i = 0; i < values.size; ++i) {
    REQUIRE(values[i] == static_cast<int>((i + 3 * 64) % values.size));
    REQUIRE(ranks[i] == i);
  }
  REQUIRE(cuda_on_cpu::counters().grid_barriers == 6);
  REQUIRE(cudaLaunchCooperativeKernel(turn_around_the_grid, 1000, 1024, arguments) ==
          cudaErrorCooperativeLaunchTooLarge);
}

TEST_CASE("a thread that waits in a loop lets others run when it sleeps") {
  device_vector<unsigned> flag(1), seen(128);
  launch(wait_for_first_thread, 1, 128, 0, nullptr, flag.data, seen.data);
  cudaDeviceSynchronize();
  for (std::size_t i = 0; i < seen.size; ++i) REQUIRE(seen[i] == 5);
}

// --------------------------------------------------------------------------------------------------------------- Warps

namespace {

__global__ void shuffles(double* found) {
  const unsigned i = threadIdx.x;
  const double value = 1.5 * i;
  found[i] = __shfl_sync(all_lanes, value, 5);
  found[32 + i] = __shfl_xor_sync(all_lanes, value, 3);
  found[64 + i] = __shfl_up_sync(all_lanes, value, 2);
  found[96 + i] = __shfl_down_sync(all_lanes, value, 2);
  found[128 + i] = __shfl_sync(all_lanes, value, 1, 8);
  found[160 + i] = __shfl_down_sync(all_lanes, value, 1, 4);
}

__global__ void votes(unsigned* found) {
  const unsigned i = threadIdx.x;
  if (i % 2 == 0) {  // half of the warp
    found[i] = __ballot_sync(0x55555555u, i < 8);
  } else {
    found[i] = __match_any_sync(0xaaaaaaaau, i / 16);
  }
  __syncwarp();
  found[32 + i] = static_cast<unsigned>(__any_sync(all_lanes, i == 3) + 2 * __all_sync(all_lanes, i != 3));
}

__global__ void reductions(int* found) {
  const int value = static_cast<int>(threadIdx.x) - 10;
  found[0] = __reduce_add_sync(all_lanes, value);
  found[1] = __reduce_min_sync(all_lanes, value);
  found[2] = __reduce_max_sync(all_lanes, value);
  found[3] = static_cast<int>(__reduce_max_sync(all_lanes, static_cast<unsigned>(value)));
  found[4] = static_cast<int>(__reduce_or_sync(all_lanes, 1u << threadIdx.x % 5));
  found[5] = static_cast<int>(__reduce_and_sync(all_lanes, threadIdx.x | 6u));
}

__global__ void atomics(int* integers, unsigned long long* wide, float* floats) {
  const int i = static_cast<int>(global_index());
  atomicAdd(&integers[0], i);
  atomicMin(&integers[1], -i);
  atomicMax(&integers[2], i);
  atomicOr(&integers[3], 1 << i % 9);
  atomicSub(&integers[4], 1);
  atomicMax(wide, static_cast<unsigned long long>(i) << 32);
  atomicAdd(floats, 0.5f);
  for (int seen = 0, expected = -1; seen != expected;) {
    expected = seen;
    seen = atomicCAS(&integers[5], expected, expected + 2);
  }
}

}  // namespace

TEST_CASE("lanes read each other's values") {
  device_vector<double> found(192);
  launch(shuffles, 1, 32, 0, nullptr, found.data);
  cudaDeviceSynchronize();
  for (unsigned i = 0; i < 32; ++i) {
    REQUIRE(found[i] == 7.5);
    REQUIRE(found[32 + i] == 1.5 * (i ^ 3));
    REQUIRE(found[64 + i] == 1.5 * (i < 2 ? i : i - 2));
    REQUIRE(found[96 + i] == 1.5 * (i > 29 ? i : i + 2));
    REQUIRE(found[128 + i] == 1.5 * (i / 8 * 8 + 1));
    REQUIRE(found[160 + i] == 1.5 * (i % 4 == 3 ? i : i + 1));
  }
}

TEST_CASE("lanes vote, whole warps and parts of them") {
  device_vector<unsigned> found(64);
  launch(votes, 1, 32, 0, nullptr, found.data);
  cudaDeviceSynchronize();
  for (unsigned i = 0; i < 32; ++i) {
    REQUIRE(found[i] == (i % 2 == 0 ? 0x55u : i < 16 ? 0xaaaau : 0xaaaa0000u));
    REQUIRE(found[32 + i] == 1u);
  }
}

TEST_CASE("warps reduce signed and unsigned values") {
  device_vector<int> found(6);
  launch(reductions, 1, 32, 0, nullptr, found.data);
  cudaDeviceSynchronize();
  REQUIRE(std::vector<int>(found.data, found.data + 6) == std::vector<int>{176, -10, 21, -1, 31, 6});
}

TEST_CASE("atomics of all threads come together") {
  device_vector<int> integers(6);
  device_vector<unsigned long long> wide(1);
  device_vector<float> floats(1);
  launch(atomics, 4, 64, 0, nullptr, integers.data, wide.data, floats.data);
  cudaDeviceSynchronize();
  REQUIRE(std::vector<int>(integers.data, integers.data + 6) == std::vector<int>{255 * 128, -255, 255, 511, -256, 512});
  REQUIRE(wide[0] == 255ull << 32);
  REQUIRE(floats[0] == 128.0f);
}

TEST_CASE("bits and roundings are those of CUDA") {
  REQUIRE(__popc(0xf0f0u) == 8);
  REQUIRE(__ffs(8) == 4);
  REQUIRE(__ffs(0) == 0);
  REQUIRE(__clz(1) == 31);
  REQUIRE(__clz(0) == 32);
  REQUIRE(__clzll(1) == 63);
  REQUIRE(__brev(1u) == 0x80000000u);
  REQUIRE(__umulhi(0x80000000u, 6u) == 3u);
  REQUIRE(__umul64hi(1ull << 63, 6ull) == 3ull);
  REQUIRE(__float_as_uint(1.0f) == 0x3f800000u);
  REQUIRE(__dp4a(0x01ff0203, 0x01020304, 10) == 10 + 1 - 2 + 6 + 12);
  const float a = 1.0f + 0x1p-12f;
  REQUIRE(__fadd_rn(__fmul_rn(a, a), -1.0f) == 0x1p-11f);
  REQUIRE(__fmaf_rn(a, a, -1.0f) == 0x1p-11f + 0x1p-24f);
}

TEST_CASE("work is counted") {
  device_vector<int> values(512);
  cuda_on_cpu::reset_counters();
  launch(prefix_sums, 2, 256, 1024, nullptr, values.data);
  cudaDeviceSynchronize();
  REQUIRE(cuda_on_cpu::counters().launches == 1);
  REQUIRE(cuda_on_cpu::counters().blocks == 2);
  REQUIRE(cuda_on_cpu::counters().block_barriers == 2 * 17);
  device_vector<int> found(6);
  launch(reductions, 1, 32, 0, nullptr, found.data);
  cudaDeviceSynchronize();
  REQUIRE(cuda_on_cpu::counters().warp_collectives == 6);
}

// -------------------------------------------------------------------------------------------------- Streams and graphs

namespace {

__global__ void add_to(int* values, int added) { values[threadIdx.x] += added; }
__global__ void copy_to(int* to, const int* from) { to[threadIdx.x] = from[threadIdx.x]; }

struct two_streams {
  two_streams() {
    cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  }
  ~two_streams() {
    cudaStreamDestroy(first);
    cudaStreamDestroy(second);
  }
  cudaStream_t first, second;
};

}  // namespace

TEST_CASE("work of a stream is done when the host waits for that stream, not before") {
  const two_streams streams;
  device_vector<int> values(32);
  std::vector<int> host(32, -1);
  launch(add_to, 1, 32, 0, streams.first, values.data, 3);
  cudaMemcpyAsync(host.data(), values.data, 128, cudaMemcpyDeviceToHost, streams.first);
  REQUIRE(host[0] == -1);
  cudaStreamSynchronize(streams.second);
  cudaStreamSynchronize(nullptr);  // a non-blocking stream does not care
  REQUIRE(host[0] == -1);
  REQUIRE(cudaStreamQuery(streams.first) == cudaErrorNotReady);
  cudaGetLastError();
  cudaStreamSynchronize(streams.first);
  REQUIRE(host == std::vector<int>(32, 3));
  REQUIRE(cudaStreamQuery(streams.first) == cudaSuccess);
}

TEST_CASE("the null stream waits for blocking streams, and they for it") {
  cudaStream_t blocking;
  cudaStreamCreate(&blocking);
  device_vector<int> values(32);
  std::vector<int> host(32, -1);
  launch(add_to, 1, 32, 0, blocking, values.data, 1);
  cudaMemcpy(host.data(), values.data, 128, cudaMemcpyDeviceToHost);
  REQUIRE(host[31] == 1);
  launch<int*, int>(add_to, 1, 32, 0, nullptr, values.data, 1);
  cudaMemcpyAsync(host.data(), values.data, 128, cudaMemcpyDeviceToHost, blocking);
  cudaStreamSynchronize(blocking);
  REQUIRE(host[31] == 2);
  cudaStreamDestroy(blocking);
}

TEST_CASE("a stream waits for the event of another one, for what was recorded and no more") {
  const two_streams streams;
  device_vector<int> values(32);
  device_vector<int> copy(32);
  cudaEvent_t start, event;
  cudaEventCreate(&start);
  cudaEventCreate(&event);
  cudaEventRecord(start, streams.first);
  launch(add_to, 1, 32, 0, streams.first, values.data, 3);
  cudaEventRecord(event, streams.first);
  launch(add_to, 1, 32, 0, streams.first, values.data, 40);
  REQUIRE(cudaStreamWaitEvent(streams.second, event) == cudaSuccess);
  launch<int*, const int*>(copy_to, 1, 32, 0, streams.second, copy.data, values.data);
  float milliseconds = -1;
  REQUIRE(cudaEventElapsedTime(&milliseconds, start, event) == cudaErrorNotReady);
  cudaGetLastError();
  cudaStreamSynchronize(streams.second);
  REQUIRE(copy[0] == 3);
  REQUIRE(values[0] == 3);
  REQUIRE(cudaEventElapsedTime(&milliseconds, start, event) == cudaSuccess);
  REQUIRE(milliseconds >= 0);
  cudaDeviceSynchronize();
  REQUIRE(values[0] == 43);
  cudaEventDestroy(start);
  cudaEventDestroy(event);
}

TEST_CASE("captured work is done when its graph is launched, each time") {
  const two_streams streams;
  device_vector<int> values(32), copy(32);
  cudaEvent_t fork, join;
  cudaEventCreate(&fork);
  cudaEventCreate(&join);
  REQUIRE(cudaStreamBeginCapture(streams.first, cudaStreamCaptureModeGlobal) == cudaSuccess);
  launch(add_to, 1, 32, 0, streams.first, values.data, 3);
  cudaEventRecord(fork, streams.first);
  cudaStreamWaitEvent(streams.second, fork);
  launch<int*, const int*>(copy_to, 1, 32, 0, streams.second, copy.data, values.data);
  cudaEventRecord(join, streams.second);
  cudaStreamWaitEvent(streams.first, join);
  cudaStreamCaptureStatus status;
  cudaStreamIsCapturing(streams.second, &status);
  REQUIRE(status == cudaStreamCaptureStatusActive);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(streams.first, &graph) == cudaSuccess);
  cudaGraphExec_t program = nullptr;
  REQUIRE(cudaGraphInstantiate(&program, graph) == cudaSuccess);
  REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
  cudaDeviceSynchronize();
  REQUIRE(values[0] == 0);
  for (int launches = 1; launches <= 3; ++launches) {
    REQUIRE(cudaGraphLaunch(program, streams.second) == cudaSuccess);
    cudaStreamSynchronize(streams.second);
    REQUIRE(copy[0] == 3 * launches);
  }
  cudaGraphExecDestroy(program);
  cudaEventDestroy(fork);
  cudaEventDestroy(join);
}

TEST_CASE("what cannot be captured is refused, and spoils the capture") {
  const two_streams streams;
  cudaStream_t blocking;
  cudaStreamCreate(&blocking);
  device_vector<int> values(32);
  int* more = nullptr;
  cudaEvent_t fork;
  cudaEventCreate(&fork);
  cudaGraph_t graph = nullptr;
  const auto begin = [&](cudaStream_t stream) {
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    REQUIRE(launch(add_to, 1, 32, 0, stream, values.data, 3) == cudaSuccess);
  };
  begin(streams.first);
  REQUIRE(cudaMalloc(&more, 16) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(launch(add_to, 1, 32, 0, streams.first, values.data, 3) == cudaErrorStreamCaptureInvalidated);
  REQUIRE(cudaStreamEndCapture(streams.first, &graph) == cudaErrorStreamCaptureInvalidated);
  begin(streams.first);
  REQUIRE(cudaFree(values.data) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(cudaStreamEndCapture(streams.first, &graph) == cudaErrorStreamCaptureInvalidated);
  begin(streams.first);
  REQUIRE(cudaStreamSynchronize(streams.first) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(cudaStreamEndCapture(streams.first, &graph) == cudaErrorStreamCaptureInvalidated);
  begin(blocking);
  REQUIRE(launch<int*, int>(add_to, 1, 32, 0, nullptr, values.data, 3) == cudaErrorStreamCaptureImplicit);
  REQUIRE(cudaStreamEndCapture(blocking, &graph) == cudaErrorStreamCaptureInvalidated);
  begin(streams.first);
  cudaEventRecord(fork, streams.first);
  cudaStreamWaitEvent(streams.second, fork);
  launch(add_to, 1, 32, 0, streams.second, values.data, 3);
  REQUIRE(cudaStreamEndCapture(streams.first, &graph) == cudaErrorStreamCaptureUnjoined);
  REQUIRE(cudaGetLastError() == cudaErrorStreamCaptureUnjoined);
  REQUIRE(cudaGetLastError() == cudaSuccess);
  cudaDeviceSynchronize();
  REQUIRE(values[0] == 0);
  cudaEventDestroy(fork);
  cudaStreamDestroy(blocking);
}

// ------------------------------------------------------------------------------------------------------ Wrong arguments

TEST_CASE("launches that a GPU would refuse are refused") {
  device_vector<int> values(32);
  REQUIRE(launch<int*, int>(add_to, 1, 1025, 0, nullptr, values.data, 1) == cudaErrorInvalidConfiguration);
  REQUIRE(launch<int*, int>(add_to, 0, 32, 0, nullptr, values.data, 1) == cudaErrorInvalidConfiguration);
  REQUIRE(launch<int*, int>(add_to, dim3(1, 65536), 32, 0, nullptr, values.data, 1) == cudaErrorInvalidConfiguration);
  REQUIRE(launch<int*, int>(add_to, 1, 32, 48 * 1024 + 1, nullptr, values.data, 1) == cudaErrorInvalidValue);
  REQUIRE(cudaFuncSetAttribute(add_to, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024 + 1) ==
          cudaErrorInvalidValue);
  REQUIRE(cudaFuncSetAttribute(add_to, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024) == cudaSuccess);
  REQUIRE(launch<int*, int>(add_to, 1, 32, 227 * 1024, nullptr, values.data, 1) == cudaSuccess);
  int blocks = 0;
  REQUIRE(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add_to, 256, 100 * 1024) == cudaSuccess);
  REQUIRE(blocks == 2);
}

TEST_CASE("copies in a wrong direction or beyond an array are refused") {
  device_vector<int> values(32);
  std::vector<int> host(64);
  REQUIRE(cudaMemcpy(host.data(), values.data, 128, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  REQUIRE(cudaMemcpy(values.data, host.data(), 132, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  REQUIRE(cudaMemset(host.data(), 0, 4) == cudaErrorInvalidValue);
  REQUIRE(cudaFree(host.data()) == cudaErrorInvalidValue);
  REQUIRE(cudaMemcpy2D(host.data(), 16, values.data, 8, 8, 4, cudaMemcpyDeviceToHost) == cudaSuccess);
  REQUIRE(std::string(cudaGetErrorName(cudaGetLastError())) == "cudaErrorInvalidValue");
}

// Reductions within a warp and within a block, in an order that never changes.
//
// All threads of the warp (or block) call, with blockDim.x a multiple of 32; all of them get the result. Orders of
// candidates are total (value, then index), so which thread held what does not matter.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cuda_runtime.h>

#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr unsigned warp_lanes = 32;
constexpr unsigned all_lanes = 0xffffffffu;
constexpr unsigned most_warps = 32;  ///< of a block

__device__ inline unsigned lane_of_thread() { return threadIdx.x % warp_lanes; }
__device__ inline unsigned warp_of_thread() { return threadIdx.x / warp_lanes; }
__device__ inline unsigned warps_of_block() { return blockDim.x / warp_lanes; }

/// A value and where it stands; the lesser value comes first, of equal ones the lesser index.
template <class Value>
struct ranked {
  Value value;
  std::int32_t index;
};

template <class Value>
__device__ bool comes_before(const ranked<Value>& a, const ranked<Value>& b) {
  return a.value < b.value || (a.value == b.value && a.index < b.index);
}

struct add {
  template <class T>
  __device__ T operator()(const T& a, const T& b) const {
    return a + b;
  }
};

struct lesser {
  template <class T>
  __device__ T operator()(const T& a, const T& b) const {
    return b < a ? b : a;
  }
};

struct greater {
  template <class T>
  __device__ T operator()(const T& a, const T& b) const {
    return a < b ? b : a;
  }
};

struct first_ranked {
  template <class Value>
  __device__ ranked<Value> operator()(const ranked<Value>& a, const ranked<Value>& b) const {
    return comes_before(b, a) ? b : a;
  }
};

/// `value` of the lane whose number differs in the bits of `mask`.
template <class T>
__device__ T from_lane_across(const T& value, int mask) {
  return __shfl_xor_sync(all_lanes, value, mask);
}

template <class Value>
__device__ ranked<Value> from_lane_across(const ranked<Value>& value, int mask) {
  return {__shfl_xor_sync(all_lanes, value.value, mask), __shfl_xor_sync(all_lanes, value.index, mask)};
}

/// combine(...) over the warp; `combine` is commutative, so every lane computes the same bits.
template <class T, class Combine>
__device__ T warp_reduce(T value, Combine combine) {
  for (int mask = warp_lanes / 2; mask > 0; mask /= 2) value = combine(value, from_lane_across(value, mask));
  return value;
}

/// combine(...) over the block.
///
/// @param identity  what `combine` leaves alone.
/// @param scratch   [most_warps], shared; may be used again at once afterwards. Two barriers.
template <class T, class Combine>
__device__ T block_reduce(T value, Combine combine, T identity, T* scratch) {
  value = warp_reduce(value, combine);
  if (lane_of_thread() == 0) scratch[warp_of_thread()] = value;
  __syncthreads();  // every warp's part stands there
  value = lane_of_thread() < warps_of_block() ? scratch[lane_of_thread()] : identity;
  __syncthreads();  // everyone has read: the scratch is free
  return warp_reduce(value, combine);
}

/// The least value over the warp, in one instruction where the processor has it.
__device__ inline std::int32_t warp_least(std::int32_t value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  return warp_reduce(value, lesser());
#else
  return __reduce_min_sync(all_lanes, value);
#endif
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

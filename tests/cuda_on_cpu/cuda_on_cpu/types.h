// The words and types of CUDA that mean something on a host too.
#pragma once

#include <cstddef>
#include <cstdint>

#define CUDART_VERSION 13000

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

// Vectors of 2, 3 and 4 values: NAME2 {x, y} and make_NAME2(x, y), and so on.
#define CUDA_ON_CPU_VECTORS(TYPE, NAME)                                   \
  struct alignas(2 * sizeof(TYPE)) NAME##2 {                              \
    TYPE x, y;                                                            \
  };                                                                      \
  struct alignas(4 * sizeof(TYPE) < 16 ? 4 * sizeof(TYPE) : 16) NAME##4 { \
    TYPE x, y, z, w;                                                      \
  };                                                                      \
  constexpr NAME##2 make_##NAME##2(TYPE x, TYPE y) { return {x, y}; }     \
  constexpr NAME##4 make_##NAME##4(TYPE x, TYPE y, TYPE z, TYPE w) { return {x, y, z, w}; }
CUDA_ON_CPU_VECTORS(float, float)
CUDA_ON_CPU_VECTORS(double, double)
CUDA_ON_CPU_VECTORS(int, int)
CUDA_ON_CPU_VECTORS(unsigned, uint)
CUDA_ON_CPU_VECTORS(signed char, char)
CUDA_ON_CPU_VECTORS(unsigned char, uchar)
CUDA_ON_CPU_VECTORS(short, short)
CUDA_ON_CPU_VECTORS(unsigned short, ushort)
CUDA_ON_CPU_VECTORS(long long, longlong)
CUDA_ON_CPU_VECTORS(unsigned long long, ulonglong)
#undef CUDA_ON_CPU_VECTORS

// Arithmetic that CUDA has names for.
#pragma once

#include "types.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace cuda_on_cpu {

template <class To, class From>
To same_bits(From value) {
  static_assert(sizeof(To) == sizeof(From), "as many bits");
  To result;
  std::memcpy(&result, &value, sizeof value);
  return result;
}

/// Keeps the compiler from contracting this operation with the next one.
template <class T>
T rounded(T value) {
#if defined(__x86_64__)
  asm("" : "+x"(value));
  return value;
#else
  volatile T stored = value;
  return stored;
#endif
}

}  // namespace cuda_on_cpu

// ----------------------------------------------------------------------------------------------------------------- Bits

inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __popcll(unsigned long long value) { return __builtin_popcountll(value); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __ffsll(long long value) { return __builtin_ffsll(value); }
inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value)); }
inline int __clzll(long long value) {
  return value == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(value));
}
inline unsigned __brev(unsigned value) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= (value >> i & 1u) << (31 - i);
  return reversed;
}

inline unsigned __float_as_uint(float value) { return cuda_on_cpu::same_bits<unsigned>(value); }
inline int __float_as_int(float value) { return cuda_on_cpu::same_bits<int>(value); }
inline float __uint_as_float(unsigned value) { return cuda_on_cpu::same_bits<float>(value); }
inline float __int_as_float(int value) { return cuda_on_cpu::same_bits<float>(value); }
inline long long __double_as_longlong(double value) { return cuda_on_cpu::same_bits<long long>(value); }
inline double __longlong_as_double(long long value) { return cuda_on_cpu::same_bits<double>(value); }

// ------------------------------------------------------------------------------------------------------------- Integers

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((std::uint64_t{a} * b) >> 32); }
inline int __mulhi(int a, int b) { return static_cast<int>((std::int64_t{a} * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ typedef unsigned __int128 wide;
  return static_cast<unsigned long long>((static_cast<wide>(a) * b) >> 64);
}

/// c + the sum of the four products of signed bytes.
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; ++i) {
    c += static_cast<signed char>(static_cast<unsigned>(a) >> 8 * i) *
         static_cast<signed char>(static_cast<unsigned>(b) >> 8 * i);
  }
  return c;
}

#define CUDA_ON_CPU_MIN_MAX(T)                        \
  constexpr T min(T a, T b) { return b < a ? b : a; } \
  constexpr T max(T a, T b) { return a < b ? b : a; }
CUDA_ON_CPU_MIN_MAX(int)
CUDA_ON_CPU_MIN_MAX(unsigned)
CUDA_ON_CPU_MIN_MAX(long)
CUDA_ON_CPU_MIN_MAX(unsigned long)
CUDA_ON_CPU_MIN_MAX(long long)
CUDA_ON_CPU_MIN_MAX(unsigned long long)
#undef CUDA_ON_CPU_MIN_MAX
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

// --------------------------------------------------------------------------------------------- Floating point, rounded once

inline float __fadd_rn(float a, float b) { return cuda_on_cpu::rounded(a + b); }
inline float __fsub_rn(float a, float b) { return cuda_on_cpu::rounded(a - b); }
inline float __fmul_rn(float a, float b) { return cuda_on_cpu::rounded(a * b); }
inline float __fdiv_rn(float a, float b) { return cuda_on_cpu::rounded(a / b); }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return cuda_on_cpu::rounded(a + b); }
inline double __dsub_rn(double a, double b) { return cuda_on_cpu::rounded(a - b); }
inline double __dmul_rn(double a, double b) { return cuda_on_cpu::rounded(a * b); }
inline double __ddiv_rn(double a, double b) { return cuda_on_cpu::rounded(a / b); }
inline double __dsqrt_rn(double a) { return std::sqrt(a); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }

inline int __float2int_rn(float a) { return static_cast<int>(std::nearbyint(a)); }
inline int __float2int_rz(float a) { return static_cast<int>(a); }
inline float __int2float_rn(int a) { return static_cast<float>(a); }
inline float __uint2float_rn(unsigned a) { return static_cast<float>(a); }
inline float __double2float_rn(double a) { return static_cast<float>(a); }

// Fast but inexact on a GPU: tests must allow for that.
inline float __expf(float a) { return std::exp(a); }
inline float __logf(float a) { return std::log(a); }
inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float a) { return 1.0f / std::sqrt(a); }
inline double rsqrt(double a) { return 1.0 / std::sqrt(a); }

template <class T>
T __ldg(const T* place) {
  return *place;
}

[[noreturn]] inline void __trap() { std::abort(); }

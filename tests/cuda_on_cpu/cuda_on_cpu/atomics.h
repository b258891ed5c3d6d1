// Atomic functions and fences. Atomics order nothing by themselves, as in CUDA: that is what fences are for.
#pragma once

#include "scheduler.h"

namespace cuda_on_cpu {

/// *place = change(*place) in one step; returns what stood there.
template <class T, class Change>
T atomic_update(T* place, Change change) {
  T old;
  __atomic_load(place, &old, __ATOMIC_RELAXED);
  for (;;) {
    T next = change(old);
    if (__atomic_compare_exchange(place, &old, &next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return old;
  }
}

/// Orders what came before it in one thread and what comes after it in another.
inline void fence() {
  static char tag;
  acquire(&tag);
  release(&tag);
}

}  // namespace cuda_on_cpu

#define CUDA_ON_CPU_ATOMICS(T)                                                                           \
  inline T atomicAdd(T* place, T value) { return __atomic_fetch_add(place, value, __ATOMIC_RELAXED); }   \
  inline T atomicAnd(T* place, T value) { return __atomic_fetch_and(place, value, __ATOMIC_RELAXED); }   \
  inline T atomicOr(T* place, T value) { return __atomic_fetch_or(place, value, __ATOMIC_RELAXED); }     \
  inline T atomicXor(T* place, T value) { return __atomic_fetch_xor(place, value, __ATOMIC_RELAXED); }   \
  inline T atomicExch(T* place, T value) { return __atomic_exchange_n(place, value, __ATOMIC_RELAXED); } \
  inline T atomicCAS(T* place, T expected, T value) {                                                    \
    __atomic_compare_exchange_n(place, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);     \
    return expected;                                                                                     \
  }                                                                                                      \
  inline T atomicMin(T* place, T value) {                                                                \
    return cuda_on_cpu::atomic_update(place, [value](T old) { return value < old ? value : old; });      \
  }                                                                                                      \
  inline T atomicMax(T* place, T value) {                                                                \
    return cuda_on_cpu::atomic_update(place, [value](T old) { return old < value ? value : old; });      \
  }
CUDA_ON_CPU_ATOMICS(int)
CUDA_ON_CPU_ATOMICS(unsigned)
CUDA_ON_CPU_ATOMICS(unsigned long long)
#undef CUDA_ON_CPU_ATOMICS

inline int atomicSub(int* place, int value) { return __atomic_fetch_sub(place, value, __ATOMIC_RELAXED); }
inline unsigned atomicSub(unsigned* place, unsigned value) {
  return __atomic_fetch_sub(place, value, __ATOMIC_RELAXED);
}
inline unsigned atomicInc(unsigned* place, unsigned last) {
  return cuda_on_cpu::atomic_update(place, [last](unsigned old) { return old >= last ? 0u : old + 1; });
}
inline float atomicAdd(float* place, float value) {
  return cuda_on_cpu::atomic_update(place, [value](float old) { return old + value; });
}
inline double atomicAdd(double* place, double value) {
  return cuda_on_cpu::atomic_update(place, [value](double old) { return old + value; });
}
inline float atomicExch(float* place, float value) {
  return cuda_on_cpu::atomic_update(place, [value](float) { return value; });
}

inline void __threadfence_block() { cuda_on_cpu::fence(); }
inline void __threadfence() { cuda_on_cpu::fence(); }
inline void __threadfence_system() { cuda_on_cpu::fence(); }

// Barriers of a block, and what the lanes of a warp do together.
//
// All collectives of a warp are one function: each lane gives 64 bits, the last one of the mask to arrive computes what
// all of them get. Only __syncwarp orders memory.
#pragma once

#include "scheduler.h"

#include <type_traits>

namespace cuda_on_cpu {

template <class T>
std::uint64_t bits_of(T value) {
  static_assert(std::is_arithmetic<T>::value && (sizeof(T) == 4 || sizeof(T) == 8), "a number of 4 or 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class Visit>
void for_lanes(unsigned lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(static_cast<unsigned>(__builtin_ctz(lanes)));
}

inline void check_mask(const char* function, unsigned mask) {
  const thread& self = *running;
  const auto hex = [](unsigned lanes) {
    char text[16];
    std::snprintf(text, sizeof text, "%08x", lanes);
    return std::string(text);
  };
  if (!(mask >> self.lane & 1u)) {
    mistake(std::string(function) + ": the mask " + hex(mask) + " lacks its own lane " + std::to_string(self.lane));
  }
  if (mask & self.warp->exited) {
    mistake(std::string(function) + ": the mask " + hex(mask) + " names lanes that have exited, " +
            hex(mask & self.warp->exited));
  }
}

/// Waits for the lanes of `mask` in the same collective, `finish`; returns what that gave to this lane.
inline std::uint64_t collective(const char* function, warp::finish_function finish, unsigned mask, std::uint64_t given,
                                unsigned source, site where) {
  thread& self = *running;
  warp& w = *self.warp;
  running->where = where;
  running->waits_in = function;
  check_mask(function, mask);
  w.finish[self.lane] = finish;
  w.mask[self.lane] = mask;
  w.given[self.lane] = given;
  w.source[self.lane] = source;
  w.waiting |= 1u << self.lane;
  bool complete = (w.waiting & mask) == mask;
  if (complete) {
    for_lanes(mask, [&](unsigned lane) { complete = complete && w.mask[lane] == mask && w.finish[lane] == finish; });
  }
  if (!complete) {
    wait_in(function, where);
  } else {
    finish(w, mask);
    w.waiting &= ~mask;
    ++counters().warp_collectives;
    if (chosen_order().kind == order::reversed) {
      for (unsigned lane = warp_lanes; lane-- > 0;) {
        if (mask >> lane & 1u) wake(*w.lanes[lane]);
      }
    } else {
      for_lanes(mask, [&](unsigned lane) { wake(*w.lanes[lane]); });
    }
    let_others_run();
  }
  return w.got[self.lane];
}

// ------------------------------------------------------------------------------------------ What the last lane computes

inline void finish_sync(warp& w, unsigned lanes) {
  char* departure = &w.departure[running->lane];
  for_lanes(lanes, [&](unsigned lane) { acquire(&w.arrival[lane]); });
  release(departure);
  for_lanes(lanes, [&](unsigned lane) { w.departure_of[lane] = departure; });
}

inline void finish_shuffle(warp& w, unsigned lanes) {
  for_lanes(lanes, [&](unsigned lane) {
    const unsigned source = w.source[lane];
    if (!(lanes >> source & 1u)) {
      mistake("lane " + std::to_string(lane) + " reads lane " + std::to_string(source) + ", which is outside the mask");
    }
    w.got[lane] = w.given[source];
  });
}

inline void finish_ballot(warp& w, unsigned lanes) {
  unsigned votes = 0;
  for_lanes(lanes, [&](unsigned lane) { votes |= static_cast<unsigned>(w.given[lane] != 0) << lane; });
  for_lanes(lanes, [&](unsigned lane) { w.got[lane] = votes; });
}

inline void finish_match(warp& w, unsigned lanes) {
  for_lanes(lanes, [&](unsigned lane) {
    unsigned same = 0;
    for_lanes(lanes, [&](unsigned other) { same |= static_cast<unsigned>(w.given[other] == w.given[lane]) << other; });
    w.got[lane] = same;
  });
}

template <class T, class Combine>
void finish_reduce(warp& w, unsigned lanes) {
  T all = from_bits<T>(w.given[__builtin_ctz(lanes)]);
  for_lanes(lanes & (lanes - 1), [&](unsigned lane) { all = Combine()(all, from_bits<T>(w.given[lane])); });
  for_lanes(lanes, [&](unsigned lane) { w.got[lane] = bits_of(all); });
}

struct wrapping_add {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
  }
};
struct least {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct greatest {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

template <class T>
T shuffle(const char* function, unsigned mask, T value, unsigned source, site where) {
  const unwatched books;
  return from_bits<T>(collective(function, finish_shuffle, mask, bits_of(value), source, where));
}

inline unsigned ballot(const char* function, unsigned mask, bool vote, site where) {
  const unwatched books;
  return static_cast<unsigned>(collective(function, finish_ballot, mask, vote, 0, where));
}

template <class Combine, class T>
T reduce(const char* function, unsigned mask, T value, site where) {
  const unwatched books;
  return from_bits<T>(collective(function, finish_reduce<T, Combine>, mask, bits_of(value), 0, where));
}

}  // namespace cuda_on_cpu

// -------------------------------------------------------------------------------------------------- The names of CUDA

inline void __syncthreads(cuda_on_cpu::site where = {}) { cuda_on_cpu::block_barrier("__syncthreads", false, where); }
inline int __syncthreads_count(int vote, cuda_on_cpu::site where = {}) {
  return cuda_on_cpu::block_barrier("__syncthreads_count", vote != 0, where);
}
inline int __syncthreads_or(int vote, cuda_on_cpu::site where = {}) {
  return cuda_on_cpu::block_barrier("__syncthreads_or", vote != 0, where) != 0;
}
inline int __syncthreads_and(int vote, cuda_on_cpu::site where = {}) {
  return cuda_on_cpu::block_barrier("__syncthreads_and", vote == 0, where) == 0;
}

inline void __syncwarp(unsigned mask = 0xffffffffu, cuda_on_cpu::site where = {}) {
  const cuda_on_cpu::unwatched books;
  cuda_on_cpu::thread& self = *cuda_on_cpu::running;
  cuda_on_cpu::release(&self.warp->arrival[self.lane]);
  cuda_on_cpu::collective("__syncwarp", cuda_on_cpu::finish_sync, mask, 0, 0, where);
  cuda_on_cpu::acquire(self.warp->departure_of[self.lane]);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, cuda_on_cpu::site where = {}) {
  const unsigned lane = cuda_on_cpu::running->lane, within = static_cast<unsigned>(width) - 1;
  return cuda_on_cpu::shuffle("__shfl_sync", mask, value, (lane & ~within) | (static_cast<unsigned>(source) & within),
                              where);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, cuda_on_cpu::site where = {}) {
  const unsigned lane = cuda_on_cpu::running->lane, last = lane | (static_cast<unsigned>(width) - 1);
  const unsigned source = (lane ^ static_cast<unsigned>(lane_mask)) % cuda_on_cpu::warp_lanes;
  return cuda_on_cpu::shuffle("__shfl_xor_sync", mask, value, source > last ? lane : source, where);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, cuda_on_cpu::site where = {}) {
  const unsigned lane = cuda_on_cpu::running->lane, first = lane & ~(static_cast<unsigned>(width) - 1);
  return cuda_on_cpu::shuffle("__shfl_up_sync", mask, value, lane - first < delta ? lane : lane - delta, where);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, cuda_on_cpu::site where = {}) {
  const unsigned lane = cuda_on_cpu::running->lane, last = lane | (static_cast<unsigned>(width) - 1);
  return cuda_on_cpu::shuffle("__shfl_down_sync", mask, value, last - lane < delta ? lane : lane + delta, where);
}

inline unsigned __ballot_sync(unsigned mask, int vote, cuda_on_cpu::site where = {}) {
  return cuda_on_cpu::ballot("__ballot_sync", mask, vote != 0, where);
}
inline int __any_sync(unsigned mask, int vote, cuda_on_cpu::site where = {}) {
  return cuda_on_cpu::ballot("__any_sync", mask, vote != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int vote, cuda_on_cpu::site where = {}) {
  return cuda_on_cpu::ballot("__all_sync", mask, vote == 0, where) == 0;
}

template <class T>
unsigned __match_any_sync(unsigned mask, T value, cuda_on_cpu::site where = {}) {
  const cuda_on_cpu::unwatched books;
  return static_cast<unsigned>(cuda_on_cpu::collective("__match_any_sync", cuda_on_cpu::finish_match, mask,
                                                       cuda_on_cpu::bits_of(value), 0, where));
}

/// Lanes that have not exited: the emulation knows no other way to diverge.
inline unsigned __activemask() {
  const cuda_on_cpu::unwatched books;
  return ~cuda_on_cpu::running->warp->exited;
}

#define CUDA_ON_CPU_REDUCE(NAME, TYPE, COMBINE)                                                 \
  inline TYPE __reduce_##NAME##_sync(unsigned mask, TYPE value, cuda_on_cpu::site where = {}) { \
    return cuda_on_cpu::reduce<COMBINE>("__reduce_" #NAME "_sync", mask, value, where);         \
  }
CUDA_ON_CPU_REDUCE(add, int, cuda_on_cpu::wrapping_add)
CUDA_ON_CPU_REDUCE(add, unsigned, cuda_on_cpu::wrapping_add)
CUDA_ON_CPU_REDUCE(min, int, cuda_on_cpu::least)
CUDA_ON_CPU_REDUCE(min, unsigned, cuda_on_cpu::least)
CUDA_ON_CPU_REDUCE(max, int, cuda_on_cpu::greatest)
CUDA_ON_CPU_REDUCE(max, unsigned, cuda_on_cpu::greatest)
CUDA_ON_CPU_REDUCE(and, unsigned, std::bit_and<unsigned>)
CUDA_ON_CPU_REDUCE(or, unsigned, std::bit_or<unsigned>)
CUDA_ON_CPU_REDUCE(xor, unsigned, std::bit_xor<unsigned>)
#undef CUDA_ON_CPU_REDUCE

/// The thread sleeps: others run first.
inline void __nanosleep(unsigned) { cuda_on_cpu::yield(); }

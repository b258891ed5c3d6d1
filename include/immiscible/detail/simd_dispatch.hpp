// One choice for every header that has SIMD code: which instruction sets this file compiles, and which one this machine runs.
//
// A consumer compiles with plain -O2 and links nothing; the code for AVX-512, AVX2, ... is compiled beside the portable
// code, each in its own namespace with its own target attributes (Highway, <hwy/highway.h>), and the choice is made once at
// run time from what the processor says. To write such code:
//
//   x.hpp          #include <immiscible/detail/simd_dispatch.hpp>      // outside any namespace
//                  #define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/x-inl.hpp>
//                  #include <immiscible/detail/simd_foreach.hpp>       // compiles x-inl.hpp once for each instruction set
//                  ...
//                  static const auto scan = IMMISCIBLE_SIMD_CHOOSE(best_target(), scan, scan_portable);
//   x-inl.hpp      no include guard, no #include;
//                  HWY_BEFORE_NAMESPACE();
//                  namespace immiscible { inline namespace IMMISCIBLE_BUILD { namespace detail { namespace HWY_NAMESPACE {
//                  namespace hn = hwy::HWY_NAMESPACE;
//                  static inline float scan(const float* row, std::size_t m) { ... }   // static: see below
//                  }}}}
//                  HWY_AFTER_NAMESPACE();
//
// scan_portable is ordinary C++; it is the oracle of the tests, and what runs where no SIMD version exists (no Highway,
// IMMISCIBLE_NO_SIMD defined, x86 older than AVX2).
//
// Kernels are `static inline`: each file keeps its own. Files of different flags in one program: build_namespace.hpp.
//
// A file that uses hwy/foreach_target.h itself includes it first, and the library's headers after it inside `#if HWY_ONCE`.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cstdint>
#include <initializer_list>

#if IMMISCIBLE_SIMD

#if defined(HIGHWAY_HWY_FOREACH_TARGET_H_) && defined(HWY_ONCE)
#if !HWY_ONCE
#error "immiscible: in a file that uses hwy/foreach_target.h, include the library's headers inside #if HWY_ONCE"
#endif
#endif
#if defined(HIGHWAY_HWY_FOREACH_TARGET_H_)
#define IMMISCIBLE_HIGHWAY_WAS_LOADED  // for each of HWY_TARGETS
#endif

// In builds without optimisation or with sanitizers Highway checks itself by a function of its compiled part, which nobody
// links here.
#ifndef HWY_IS_DEBUG_BUILD
#define HWY_IS_DEBUG_BUILD 0
#endif
// Highway 1.0.3 cannot be used where flags allow the set that it calls AVX3_DL and AVX-VNNI (-march=native on Sapphire Rapids or
// Zen 5): it ends in #error, for a macro is misspelt, and its TruncateTo is wrong there. AVX-512 without extensions serves.
#if defined(__AVXVNNI__) && defined(__AVX512VBMI2__) && !defined(HWY_WANT_AVX3_DL) && !defined(HWY_DISABLED_TARGETS)
#define HWY_DISABLED_TARGETS HWY_AVX3_DL
#endif
#include <hwy/highway.h>

// The targets compiled here: the one that the compiler's flags allow unasked, if it has vectors of a fixed size, and the
// better ones of AVX2 and AVX-512. A few suffice; each costs compile time. Where the flags allow SVE, NEON serves.
#if defined(HWY_NEON_WITHOUT_AES)  // Highway 1.0.4 and newer
#define IMMISCIBLE_HIGHWAY_LAST_NEON HWY_NEON_WITHOUT_AES
#else
#define IMMISCIBLE_HIGHWAY_LAST_NEON HWY_NEON
#endif
#if HWY_ARCH_X86 && HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
#define IMMISCIBLE_SIMD_STATIC 1
#elif HWY_ARCH_ARM_A64 && HWY_STATIC_TARGET >= HWY_NEON && HWY_STATIC_TARGET <= IMMISCIBLE_HIGHWAY_LAST_NEON
#define IMMISCIBLE_SIMD_STATIC 1
#else
#define IMMISCIBLE_SIMD_STATIC 0
#endif
#if HWY_ARCH_ARM_A64 && !IMMISCIBLE_SIMD_STATIC && !defined(IMMISCIBLE_HIGHWAY_WAS_LOADED)
#define IMMISCIBLE_SIMD_NEON 1
#else
#define IMMISCIBLE_SIMD_NEON 0
#endif
#define IMMISCIBLE_SIMD_AVX2 (((HWY_TARGETS)&HWY_AVX2) != 0 && (HWY_STATIC_TARGET) != HWY_AVX2)
#define IMMISCIBLE_SIMD_AVX3 (((HWY_TARGETS)&HWY_AVX3) != 0 && (HWY_STATIC_TARGET) != HWY_AVX3)

#if !defined(IMMISCIBLE_HIGHWAY_WAS_LOADED)
// Load Highway's operations for the other targets: its own foreach_target.h does this once per file for one header, and
// here several headers want it. Highway's include guards flip with each load; after an even number of loads they stand as
// after a plain #include <hwy/highway.h>.
#if IMMISCIBLE_SIMD_AVX2
#undef HWY_TARGET
#define HWY_TARGET HWY_AVX2
#define HWY_TARGET_TOGGLE
#include <hwy/highway.h>
#endif
#if IMMISCIBLE_SIMD_AVX3
#undef HWY_TARGET
#define HWY_TARGET HWY_AVX3
#ifdef HWY_TARGET_TOGGLE
#undef HWY_TARGET_TOGGLE
#else
#define HWY_TARGET_TOGGLE
#endif
#include <hwy/highway.h>
#endif
#if IMMISCIBLE_SIMD_NEON
#undef HWY_TARGET
#define HWY_TARGET HWY_NEON
#define HWY_TARGET_TOGGLE
#include <hwy/highway.h>
#endif
#ifdef HWY_TARGET_TOGGLE  // an odd number so far: one more, of what costs least
#undef HWY_TARGET_TOGGLE
#undef HWY_TARGET
#if HWY_STATIC_TARGET == HWY_SCALAR
#define HWY_TARGET HWY_EMU128
#else
#define HWY_TARGET HWY_SCALAR
#endif
#include <hwy/highway.h>
#endif
#undef HWY_TARGET
#define HWY_TARGET HWY_STATIC_TARGET
#include <hwy/ops/set_macros-inl.h>
#endif  // IMMISCIBLE_HIGHWAY_WAS_LOADED

#define IMMISCIBLE_SIMD_STATIC_VERSION(function) nullptr
#define IMMISCIBLE_SIMD_AVX2_VERSION(function) nullptr
#define IMMISCIBLE_SIMD_AVX3_VERSION(function) nullptr
#if IMMISCIBLE_SIMD_STATIC
#undef IMMISCIBLE_SIMD_STATIC_VERSION
#define IMMISCIBLE_SIMD_STATIC_VERSION(function) &HWY_STATIC_DISPATCH(function)
#elif IMMISCIBLE_SIMD_NEON
#undef IMMISCIBLE_SIMD_STATIC_VERSION
#define IMMISCIBLE_SIMD_STATIC_VERSION(function) &N_NEON::function
#endif
#if IMMISCIBLE_SIMD_AVX2
#undef IMMISCIBLE_SIMD_AVX2_VERSION
#define IMMISCIBLE_SIMD_AVX2_VERSION(function) &N_AVX2::function
#endif
#if IMMISCIBLE_SIMD_AVX3
#undef IMMISCIBLE_SIMD_AVX3_VERSION
#define IMMISCIBLE_SIMD_AVX3_VERSION(function) &N_AVX3::function
#endif

#else  // no SIMD

#define IMMISCIBLE_SIMD_STATIC 0
#define IMMISCIBLE_SIMD_NEON 0
#define IMMISCIBLE_SIMD_AVX2 0
#define IMMISCIBLE_SIMD_AVX3 0
#define IMMISCIBLE_SIMD_STATIC_VERSION(function) nullptr
#define IMMISCIBLE_SIMD_AVX2_VERSION(function) nullptr
#define IMMISCIBLE_SIMD_AVX3_VERSION(function) nullptr

#endif  // IMMISCIBLE_SIMD

/// The version of `function` compiled for `target`, or else the best one below it, as a pointer; `portable` at last.
///
/// Use it in namespace immiscible::detail, where the versions stand in one namespace for each target.
#define IMMISCIBLE_SIMD_CHOOSE(target, function, portable)                                         \
  ::immiscible::detail::version_for((target), &portable, IMMISCIBLE_SIMD_STATIC_VERSION(function), \
                                    IMMISCIBLE_SIMD_AVX2_VERSION(function), IMMISCIBLE_SIMD_AVX3_VERSION(function))

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// An instruction set for which a kernel may have been compiled, worst first.
enum class simd_target : std::uint8_t {
  portable,  ///< ordinary C++
  unasked,   ///< what the compiler's flags allow: NEON on 64-bit ARM, the given set with -march=...
  avx2,      ///< chosen at run time
  avx512     ///< chosen at run time
};

/// True if kernels are compiled for `target` in this file and this machine runs them.
inline bool has_target(simd_target target) {
  if (target == simd_target::portable) return true;
  if (target == simd_target::unasked) return IMMISCIBLE_SIMD_STATIC || IMMISCIBLE_SIMD_NEON;
#if IMMISCIBLE_SIMD_AVX2
  if (target == simd_target::avx2) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
  }
#endif
#if IMMISCIBLE_SIMD_AVX3
  if (target == simd_target::avx512) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("fma");
  }
#endif
  return false;
}

/// The best instruction set of this machine among those compiled in this file; asks the processor once.
inline simd_target best_target() {
  static const simd_target best = [] {
    for (const simd_target target : {simd_target::avx512, simd_target::avx2, simd_target::unasked}) {
      if (has_target(target)) return target;
    }
    return simd_target::portable;
  }();
  return best;
}

/// See IMMISCIBLE_SIMD_CHOOSE. Where there is no version for `target`, the best one below it.
template <class Function, class Unasked, class Avx2, class Avx512>
Function* version_for(simd_target target, Function* portable, Unasked unasked, Avx2 avx2, Avx512 avx512) {
  Function* const versions[] = {portable, unasked, avx2, avx512};
  int best = static_cast<int>(target);
  while (versions[best] == nullptr) --best;  // portable never is
  return versions[best];
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// Compiles the file IMMISCIBLE_SIMD_INCLUDE once for each instruction set; simd_dispatch.hpp says how to use it.
// Meant to be included many times: no include guard. Include it outside any namespace, after simd_dispatch.hpp.

#ifndef IMMISCIBLE_SIMD_INCLUDE
#error "immiscible: define IMMISCIBLE_SIMD_INCLUDE before simd_foreach.hpp"
#endif

#if IMMISCIBLE_SIMD_AVX2
#undef HWY_TARGET
#define HWY_TARGET HWY_AVX2
#include <hwy/ops/set_macros-inl.h>
#include IMMISCIBLE_SIMD_INCLUDE
#endif

#if IMMISCIBLE_SIMD_AVX3
#undef HWY_TARGET
#define HWY_TARGET HWY_AVX3
#include <hwy/ops/set_macros-inl.h>
#include IMMISCIBLE_SIMD_INCLUDE
#endif

#if IMMISCIBLE_SIMD_NEON
#undef HWY_TARGET
#define HWY_TARGET HWY_NEON
#include <hwy/ops/set_macros-inl.h>
#include IMMISCIBLE_SIMD_INCLUDE
#endif

#if IMMISCIBLE_SIMD
#undef HWY_TARGET
#define HWY_TARGET HWY_STATIC_TARGET
#include <hwy/ops/set_macros-inl.h>
#if IMMISCIBLE_SIMD_STATIC
#include IMMISCIBLE_SIMD_INCLUDE
#endif
#endif

#undef IMMISCIBLE_SIMD_INCLUDE

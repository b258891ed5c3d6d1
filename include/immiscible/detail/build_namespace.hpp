// Files built with different flags meet in one program.
//
// The linker keeps one copy of an inline function or of a template's instance, whichever file it comes from. A copy from a file built
// with IMMISCIBLE_NO_SIMD would be slow for all, one that may assume that there is no NaN (-ffast-math) would accept it for all, and one
// from a file built for AVX-512 would serve files that are to run anywhere. Hence everything of this library that has code stands in
//
//   namespace immiscible {
//   inline namespace IMMISCIBLE_BUILD { ... }
//   }
//
// whose name says what the file's flags allow; nobody writes it, for an inline namespace's names are those of its parent. Outside
// stand views, options, answers (but torch.cuh's), enumerations and exceptions: data that such files may hand to one another. What works
// (a noise_matcher, a workspace) belongs to its build: in the signature of a function shared by files of different flags it is a name
// that the linker does not find. What this cannot reach: docs/performance.md, "Compiler flags".
#pragma once

#if !defined(IMMISCIBLE_NO_SIMD) && defined(__has_include)
#if __has_include(<hwy/highway.h>) && (defined(__GNUC__) || defined(__clang__)) && !defined(__CUDACC__)
/// 1 if this file has code for vectors that is chosen at run time (detail/simd_dispatch.hpp), else 0.
#define IMMISCIBLE_SIMD 1
#endif
#endif
#ifndef IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD 0
#endif

// The instructions that the compiler may use unasked.
#if defined(__AVX512FP16__) || defined(__AVX512BF16__)
#define IMMISCIBLE_BUILT_FOR avx512_bf16
#elif defined(__AVX512VNNI__) || defined(__AVX512VBMI__) || defined(__AVX512VBMI2__)
#define IMMISCIBLE_BUILT_FOR avx512_vbmi
#elif defined(__AVX512F__)
#define IMMISCIBLE_BUILT_FOR avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define IMMISCIBLE_BUILT_FOR avx2_fma
#elif defined(__AVX2__)
#define IMMISCIBLE_BUILT_FOR avx2
#elif defined(__AVX__)
#define IMMISCIBLE_BUILT_FOR avx
#elif defined(__SSE4_1__)
#define IMMISCIBLE_BUILT_FOR sse4
#elif defined(__SSE3__)
#define IMMISCIBLE_BUILT_FOR sse3
#elif defined(__ARM_FEATURE_SVE2)
#define IMMISCIBLE_BUILT_FOR sve2
#elif defined(__ARM_FEATURE_SVE)
#define IMMISCIBLE_BUILT_FOR sve
#elif defined(__ARM_FEATURE_ATOMICS)
#define IMMISCIBLE_BUILT_FOR armv8_1
#else
#define IMMISCIBLE_BUILT_FOR any
#endif

// The versions of kernels that are compiled beside: Highway's AVX2 and AVX-512 include AES and carry-less products.
#if !IMMISCIBLE_SIMD
#define IMMISCIBLE_BUILT_SIMD _without_simd
#elif defined(HWY_COMPILE_ONLY_STATIC) || defined(HWY_COMPILE_ONLY_SCALAR) || defined(HWY_COMPILE_ONLY_EMU128)
#define IMMISCIBLE_BUILT_SIMD _only
#elif defined(__AVX2__) && !(defined(__AES__) && defined(__PCLMUL__))
#define IMMISCIBLE_BUILT_SIMD _without_aes
#else
#define IMMISCIBLE_BUILT_SIMD
#endif

#ifdef IMMISCIBLE_ONEDNN
#define IMMISCIBLE_BUILT_PRODUCT _with_onednn
#else
#define IMMISCIBLE_BUILT_PRODUCT
#endif

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#define IMMISCIBLE_BUILT_MATH _finite_math
#elif defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__)
#define IMMISCIBLE_BUILT_MATH _fast_math
#else
#define IMMISCIBLE_BUILT_MATH
#endif

#define IMMISCIBLE_PASTE_WORDS(a, b, c, d) built_for_##a##b##c##d
#define IMMISCIBLE_PASTE(a, b, c, d) IMMISCIBLE_PASTE_WORDS(a, b, c, d)
/// The name of the namespace of this file's build, such as built_for_any or built_for_avx2_fma_with_onednn.
#define IMMISCIBLE_BUILD \
  IMMISCIBLE_PASTE(IMMISCIBLE_BUILT_FOR, IMMISCIBLE_BUILT_SIMD, IMMISCIBLE_BUILT_PRODUCT, IMMISCIBLE_BUILT_MATH)

/// Mark of members of the types outside that call what stands inside: of one name in files of one build only, like what they call.
#if defined(__GNUC__) || defined(__clang__)
#define IMMISCIBLE_TEXT_OF(name) #name
#define IMMISCIBLE_TEXT(name) IMMISCIBLE_TEXT_OF(name)
#define IMMISCIBLE_OF_BUILD __attribute__((abi_tag(IMMISCIBLE_TEXT(IMMISCIBLE_BUILD))))
#else
#define IMMISCIBLE_OF_BUILD
#endif

// Arithmetic in double that is rounded as IEEE 754 says and never fused, reordered or approximated, whatever the
// compiler's flags: the same bits on every processor, in CUDA kernels too. The float versions stand in
// normal_transform.hpp.
//
// On top of it ln and exp of what the noise needs, by series: a few units in the last place, and the same few
// everywhere, which the functions of <cmath> do not promise.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// `x`, rounded to double and hidden from the optimiser. Costs no instruction.
IMMISCIBLE_HOST_DEVICE inline double kept(double x) {
#if defined(__CUDA_ARCH__)
  return x;
#elif (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__SSE2_MATH__))
  asm("" : "+x"(x));
  return x;
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
  asm("" : "+w"(x));
  return x;
#else
  volatile double stored = x;
  return stored;
#endif
}

IMMISCIBLE_HOST_DEVICE inline double rounded_product(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  return kept(a * b);
#endif
}

IMMISCIBLE_HOST_DEVICE inline double rounded_sum(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dadd_rn(a, b);
#else
  return kept(a + b);
#endif
}

IMMISCIBLE_HOST_DEVICE inline double rounded_quotient(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __ddiv_rn(a, b);
#else
  return kept(a / kept(b));  // a hidden divisor is used once: no flag makes a reciprocal of it
#endif
}

IMMISCIBLE_HOST_DEVICE inline double rounded_sqrt(double x) {
#if defined(__CUDA_ARCH__)
  return __dsqrt_rn(x);
#elif (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__SSE2_MATH__))
  double root;
  asm("{sqrtsd %1, %0|sqrtsd %0, %1}" : "=x"(root) : "x"(x));
  return root;
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
  double root;
  asm("fsqrt %d0, %d1" : "=w"(root) : "w"(x));
  return root;
#else
  return kept(std::sqrt(x));
#endif
}

/// a b + c, rounded twice.
IMMISCIBLE_HOST_DEVICE inline double rounded_product_sum(double a, double b, double c) {
  return rounded_sum(rounded_product(a, b), c);
}

constexpr double ln_2_high = 0x1.62e42fefap-1;  // 32 low bits free: times an exponent it is exact
constexpr double ln_2_low = 0x1.cf79abc9e3b3ap-40;

/// ln(1 + y), -0.293 <= y <= 0.415; relative error about 2^-52.
IMMISCIBLE_HOST_DEVICE inline double ln_1p_near_zero(double y) {  // 2 atanh(t) = 2 (t + t^3 / 3 + ...)
  const double t = rounded_quotient(y, rounded_sum(2.0, y)), t2 = rounded_product(t, t);
  constexpr double inverse_odd[] = {1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                    1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  double sum = inverse_odd[9];
  for (int k = 8; k >= 0; --k) sum = rounded_product_sum(sum, t2, inverse_odd[k]);
  const double twice = rounded_sum(t, t);
  return rounded_product_sum(rounded_product(sum, t2), twice, twice);
}

/// ln x, x positive and normal.
IMMISCIBLE_HOST_DEVICE inline double ln(double x) {
  constexpr std::uint64_t mantissa = (std::uint64_t{1} << 52) - 1, root_half = 0x3fe6a09e667f3bcdu;
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const std::int64_t exponent =
      static_cast<std::int64_t>(bits - root_half) >> 52;  // x = 2^e m, sqrt(1/2) <= m < sqrt(2)
  bits = ((bits - root_half) & mantissa) + root_half;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  const auto e = static_cast<double>(exponent);
  const double rest = rounded_product_sum(e, ln_2_low, ln_1p_near_zero(rounded_sum(m, -1.0)));
  return rounded_product_sum(e, ln_2_high, rest);
}

/// exp(y) - 1, |y| <= 0.35; relative error about 2^-52.
IMMISCIBLE_HOST_DEVICE inline double exp_m1_near_zero(double y) {
  double inverse_factorial = 1.0 / 87178291200.0, sum = inverse_factorial;  // 1 / 14!
  for (int k = 14; k >= 3; --k) {
    inverse_factorial = rounded_product(inverse_factorial, static_cast<double>(k));  // 1 / (k - 1)!
    sum = rounded_product_sum(sum, y, inverse_factorial);
  }
  return rounded_product_sum(rounded_product(sum, y), y, y);
}

/// exp(x), x <= 0; 0 below -700.
IMMISCIBLE_HOST_DEVICE inline double exp_of_negative(double x) {
  if (!(x > -700.0)) return 0.0;
  const auto n = static_cast<std::int32_t>(rounded_product_sum(x, 0x1.71547652b82fep0, -0.5));  // nearest to x / ln 2
  const double e = static_cast<double>(n);
  const double y = rounded_product_sum(e, -ln_2_low, rounded_product_sum(e, -ln_2_high, x));
  const std::uint64_t bits = static_cast<std::uint64_t>(1023 + n) << 52;
  double power;
  std::memcpy(&power, &bits, sizeof power);
  return rounded_product(rounded_sum(exp_m1_near_zero(y), 1.0), power);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

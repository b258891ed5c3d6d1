// The greatest of k standard normal values, k any real number >= 1, from one of them: for choosing by inner product.
//
//   Phi  the distribution function of N(0, 1)      Q = 1 - Phi  its upper tail
//
// If s is N(0, 1), then U = Phi(s) is uniform, U^(1/k) is the law of the greatest of k uniforms (U^(1/k) <= x with
// probability x^k), and Phi^-1(U^(1/k)) that of the greatest of k normals. No new random number is needed; k = 1 gives
// s back; the result never falls below s. Close to 1 a probability says nothing any more, so all goes by -ln Phi or by
// ln Q.
//
// The tail: Marsaglia's series for |s| < 3, else Laplace's continued fraction. The inverse: Wichura's rational
// functions, continued beyond Q = 1e-316 by Newton steps. The result is off by less than 1e-12 (relative where it exceeds
// 1: tests/drawn_nearest.cpp), and the same bits everywhere: only operations of rounded_double.hpp.
//
// Reference: Wichura, "Algorithm AS 241", Applied Statistics 37 (1988); Marsaglia, "Evaluating the normal
//            distribution", J. Statistical Software 11 (2004).
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>
#include <immiscible/detail/rounded_double.hpp>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr double half_ln_2_pi = 0.91893853320467274;  // ln sqrt(2 pi)

/// ln Q(s), s >= 0 (any size).
IMMISCIBLE_HOST_DEVICE inline double ln_upper_tail(double s) {
  const double s2 = rounded_product(s, s);
  const double ln_density = rounded_sum(rounded_product(-0.5, s2), -half_ln_2_pi);
  if (s < 3) {  // Q = 1/2 - density (s + s^3 / 3 + s^5 / 15 + ...)
    double term = s, sum = s;
    for (int k = 3; k <= 99; k += 2) {
      term = rounded_quotient(rounded_product(term, s2), static_cast<double>(k));
      sum = rounded_sum(sum, term);
      if (term < 0x1p-60 * sum) break;
    }
    return ln(rounded_sum(0.5, -rounded_product(exp_of_negative(ln_density), sum)));
  }
  double fraction = s;  // Q = density / (s + 1 / (s + 2 / (s + ...)))
  for (int k = 50; k >= 1; --k) fraction = rounded_sum(s, rounded_quotient(static_cast<double>(k), fraction));
  return rounded_sum(ln_density, -ln(fraction));
}

/// -ln Phi(s); for s <= 8, above which -ln Phi(s) = Q(s) in double.
IMMISCIBLE_HOST_DEVICE inline double minus_ln_normal(double s) {
  if (s < 0) return -ln_upper_tail(-s);
  const double tail = exp_of_negative(ln_upper_tail(s));
  return -(tail < 0.29 ? ln_1p_near_zero(-tail) : ln(rounded_sum(1.0, -tail)));
}

/// above(r) / below(r), two polynomials of degree 7, the highest power first: the form of AS 241 (PPND16).
IMMISCIBLE_HOST_DEVICE inline double quantile_ratio(const double* above, const double* below, double r) {
  double a = above[0], b = below[0];
  for (int k = 1; k < 8; ++k) {
    a = rounded_product_sum(a, r, above[k]);
    b = rounded_product_sum(b, r, below[k]);
  }
  return rounded_quotient(a, b);
}

/// Q^-1 near 1/2: q = 1/2 - tail, 0 <= q <= 0.425.
IMMISCIBLE_HOST_DEVICE inline double quantile_at_centre(double q) {
  constexpr double above[8] = {2509.0809287301227, 33430.57558358813,  67265.7709270087,   45921.95393154987,
                               13731.69376550946,  1971.5909503065513, 133.14166789178438, 3.3871328727963665};
  constexpr double below[8] = {5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597,
                               5394.196021424751, 687.1870074920579,  42.31333070160091, 1.0};
  return rounded_product(q, quantile_ratio(above, below, rounded_sum(0.180625, -rounded_product(q, q))));
}

/// Q^-1 of the tail exp(-r^2), 1.6 < r <= 5.
IMMISCIBLE_HOST_DEVICE inline double quantile_in_tail(double r) {
  constexpr double above[8] = {0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
                               3.6478483247632045,    5.769497221460691,    4.630337846156546,  1.4234371107496835};
  constexpr double below[8] = {1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
                               0.6897673349851,        1.6763848301838038,    2.053191626637759,    1.0};
  return quantile_ratio(above, below, rounded_sum(r, -1.6));
}

/// Q^-1 of the tail exp(-r^2), 5 < r <= 27.
IMMISCIBLE_HOST_DEVICE inline double quantile_far_out(double r) {
  constexpr double above[8] = {2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784,
                               0.026532189526576124,   0.29656057182850487,    1.7848265399172913,
                               5.463784911164114,      6.657904643501103};
  constexpr double below[8] = {
      2.0442631033899398e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133,
      0.014875361290850615,   0.1369298809227358,    0.599832206555888,      1.0};
  return quantile_ratio(above, below, rounded_sum(r, -5.0));
}

/// The s >= 0 with ln Q(s) = ln_tail; for ln_tail <= ln 0.075.
IMMISCIBLE_HOST_DEVICE inline double quantile_of_ln_tail(double ln_tail) {
  const double r = rounded_sqrt(-ln_tail);
  if (r <= 27) return r <= 5 ? quantile_in_tail(r) : quantile_far_out(r);
  double s = rounded_sqrt(rounded_product(-2.0, ln_tail));
  for (int k = 0; k < 4; ++k) {  // the derivative of -ln Q is s + 1 / s - ...
    const double slope = rounded_sum(s, rounded_quotient(1.0, s));
    s = rounded_sum(s, rounded_quotient(rounded_sum(ln_upper_tail(s), -ln_tail), slope));
  }
  return s;
}

/// The s >= 0 with Q(s) = tail, given both the tail (at most 1/2) and its logarithm.
IMMISCIBLE_HOST_DEVICE inline double quantile_of_tail(double tail, double ln_tail) {
  const double q = rounded_sum(0.5, -tail);
  return q > 0.425 ? quantile_of_ln_tail(ln_tail) : quantile_at_centre(q);
}

/// Phi^-1(Phi(s)^(1/k)), k >= 1.
IMMISCIBLE_HOST_DEVICE inline double greatest_of_normals(double s, double k) {
  if (k == 1) return s;
  double greatest;
  if (s > 8) {  // -ln Phi = Q
    greatest = quantile_of_ln_tail(rounded_sum(ln_upper_tail(s), -ln(k)));
  } else {
    const double whole = minus_ln_normal(s), m = rounded_quotient(whole, k);  // Phi(greatest) = exp(-m)
    if (m < 0x1p-54) {
      greatest = quantile_of_ln_tail(rounded_sum(ln(whole), -ln(k)));
    } else if (m < 0.69314718055994529) {  // in the upper half
      const double tail = m < 0.35 ? -exp_m1_near_zero(-m) : rounded_sum(1.0, -exp_of_negative(-m));
      greatest = quantile_of_tail(tail, ln(tail));
    } else {
      greatest = -quantile_of_tail(exp_of_negative(-m), -m);
    }
  }
  return greatest > s ? greatest : s;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

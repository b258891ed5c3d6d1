// Image scaling: images multiplied by c > 1, noise untouched, so that images lie farther apart in the noise.
//
//   immiscible::image_scaling scaling{/*factor*/ 2.0};
//   immiscible::scale_images(images, scaling);                  // before the noise is added (and before it is paired)
//   ... clip predictions of the image at scaling.clip_bound() ...
//   immiscible::unscale_images(samples, scaling);               // after sampling
//
// To the forward process it is the same as another noise schedule: c multiplies the signal-to-noise ratio by c^2 at every
// time, a shift of the log-SNR by 2 ln c. `shifted_alpha_bar` and `shifted_time` give that schedule, for those who would rather
// change theirs than their images. What differs is only the size of what the network sees (`..._magnitude`).
//
// Reference: Li et al., Improved Immiscible Diffusion (2025), arXiv 2505.18521 (factors 2 and 4); Chen, On the importance of
// noise scheduling (2023), arXiv 2301.10972.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>

namespace immiscible {

/// How images are scaled.
struct image_scaling {
  double factor = 1;  ///< c, above 0; the paper's are 2 and 4
  double range = 1;   ///< images lie in [-range, range] before they are scaled

  /// Predictions of the scaled image belong into [-clip_bound(), clip_bound()].
  double clip_bound() const { return factor * range; }
};

inline namespace IMMISCIBLE_BUILD {

/// images *= factor, in place.
///
/// @param images   [n, d], host, float or double; anything with a mutable `as_batch`.
/// @throws std::invalid_argument  a factor or range that is not above 0 and finite in the type of the images (nothing is changed
///                                then).
template <class Images>
void scale_images(Images&& images, const image_scaling& scaling);

/// samples /= factor, in place, then cut to [-range, range] if `clip`.
///
/// @throws std::invalid_argument  as `scale_images`.
template <class Samples>
void unscale_images(Samples&& samples, const image_scaling& scaling, bool clip = true);

/// What scaling by c adds to the log-SNR ln(alpha^2 / sigma^2) at every time: 2 ln c.
///
/// @throws std::invalid_argument  c not above 0 and finite; so do the functions below.
double log_snr_shift(double c);

/// Variance-preserving diffusion, x_t = sqrt(ab) x + sqrt(1 - ab) e: the alpha_bar whose process on plain images is that of
/// `alpha_bar` on scaled ones, up to `scaled_magnitude`:
///
///   sqrt(ab) c x + sqrt(1 - ab) e  =  scaled_magnitude(ab, c) (sqrt(ab') x + sqrt(1 - ab') e),  ab' = shifted_alpha_bar(ab, c)
///
/// @param alpha_bar  0 to 1.
double shifted_alpha_bar(double alpha_bar, double c);

/// sqrt(c^2 ab + 1 - ab): see `shifted_alpha_bar`.
double scaled_magnitude(double alpha_bar, double c);

/// Flow matching, x_t = (1 - t) x + t e: the time whose point on plain images is that of `t` on scaled ones, up to
/// `scaled_flow_magnitude`:
///
///   (1 - t) c x + t e  =  scaled_flow_magnitude(t, c) ((1 - t') x + t' e),  t' = shifted_time(t, c)
///
/// @param t  0 (image) to 1 (noise). Where your time runs the other way, 1 - shifted_time(1 - t, c).
double shifted_time(double t, double c);

/// (1 - t) c + t: see `shifted_time`.
double scaled_flow_magnitude(double t, double c);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

inline void require_factor(const char* function, double c) {
  if (!(c > 0 && std::isfinite(c))) fail(function, "needs a finite factor above 0, got " + std::to_string(c));
}

/// The number as the samples' type holds it. Throws unless it is above 0 and finite there.
template <class Scalar>
Scalar positive_scalar(const char* function, const char* name, double value) {
  if (value > 0 && value <= static_cast<double>(std::numeric_limits<Scalar>::max())) {
    const auto held = static_cast<Scalar>(value);
    if (held > 0) return held;
  }
  std::ostringstream text;
  text << "needs a finite " << name << " above 0 in the samples' type, got " << value;
  fail(function, text.str());
}

/// For alpha_bar and t.
inline void require_share(const char* function, const char* name, double share) {
  if (!(share >= 0 && share <= 1)) {
    fail(function, std::string("needs ") + name + " from 0 to 1, got " + std::to_string(share));
  }
}

}  // namespace detail

template <class Images>
void scale_images(Images&& images, const image_scaling& scaling) {
  const auto view = as_batch(images);
  using scalar = typename decltype(view)::value_type;
  static_assert(std::is_assignable<decltype(view(0, 0)), scalar>::value, "scale_images writes to the images");
  const auto c = detail::positive_scalar<scalar>("scale_images", "factor", scaling.factor);
  detail::positive_scalar<scalar>("scale_images", "range", scaling.range);
  for (std::size_t i = 0; i < view.rows(); ++i) {
    for (std::size_t k = 0; k < view.columns(); ++k) view(i, k) *= c;
  }
}

template <class Samples>
void unscale_images(Samples&& samples, const image_scaling& scaling, bool clip) {
  const auto view = as_batch(samples);
  using scalar = typename decltype(view)::value_type;
  static_assert(std::is_assignable<decltype(view(0, 0)), scalar>::value, "unscale_images writes to the samples");
  const auto c = detail::positive_scalar<scalar>("unscale_images", "factor", scaling.factor);
  const auto range = detail::positive_scalar<scalar>("unscale_images", "range", scaling.range);
  for (std::size_t i = 0; i < view.rows(); ++i) {
    for (std::size_t k = 0; k < view.columns(); ++k) {
      const scalar value = view(i, k) / c;
      view(i, k) = clip ? std::min(std::max(value, -range), range) : value;
    }
  }
}

inline double log_snr_shift(double c) {
  detail::require_factor("log_snr_shift", c);
  return 2 * std::log(c);
}

inline double shifted_alpha_bar(double alpha_bar, double c) {
  detail::require_factor("shifted_alpha_bar", c);
  detail::require_share("shifted_alpha_bar", "alpha_bar", alpha_bar);
  return alpha_bar == 0 ? 0.0 : alpha_bar / (alpha_bar + (1 - alpha_bar) / c / c);  // (1 / c / c may be 0)
}

inline double scaled_magnitude(double alpha_bar, double c) {
  detail::require_factor("scaled_magnitude", c);
  detail::require_share("scaled_magnitude", "alpha_bar", alpha_bar);
  return std::hypot(c * std::sqrt(alpha_bar), std::sqrt(1 - alpha_bar));
}

inline double shifted_time(double t, double c) {
  detail::require_factor("shifted_time", c);
  detail::require_share("shifted_time", "t", t);
  return t / (t + (1 - t) * c);
}

inline double scaled_flow_magnitude(double t, double c) {
  detail::require_factor("scaled_flow_magnitude", c);
  detail::require_share("scaled_flow_magnitude", "t", t);
  return (1 - t) * c + t;
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

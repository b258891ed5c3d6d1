// One of k noise candidates as two numbers, and what is made of the one that is nearest: what CPU and GPU do alike.
//
//   x image, g plain noise (candidate 0), u = x / |x|, d values
//   along   s = u.n of a candidate n: N(0, 1)
//   across  squared length of what is left of it, r2 = |n|^2 - s^2: chi-square with d - 1 degrees of freedom
//
// s and r2 are independent and all that |x - n|^2 = |x|^2 + s^2 - 2 |x| s + r2 knows of n. So candidate c >= 1 is drawn
// as (s, r2) from one block of stream `candidates`: words 0 and 1 make two normals, s and z; z is turned into r2 by
// Marsaglia and Tsang's cube, r2 = 2 b (1 + z / sqrt(9 b))^3 with b = (d - 1) / 2 - 1/3, accepted if
//
//   ln U < b h(y),  y = z / sqrt(9 b),  h(y) = (9 y^2 / 2 - 3 y - 3 y^2 - y^3) + 3 ln(1 + y),  U from words 2 and 3.
//
// A rejected attempt takes the candidate's next block (2 in 100,000 are rejected at d = 3072, 1 in 20 at d = 3; if all
// 16 blocks are, once in 10^20, r2 = 2 b). Almost always a test without the logarithm says yes: for y >= -1/2
//
//   b h(y) >= -1.35 b y^4 = -z^4 / (60 b),  and U <= 1 - z^4 / (60 b) <= exp(b h(y)).
//
// (Taylor's series of ln(1 + y): h(y) = -3/4 y^4 + 3/5 y^5 - ..., whose first term alone bounds it for y >= 0; for
// y < 0 what follows is at most 3/5 |y|^5 / (1 - |y|).) Two degrees of freedom are b = 2/3; one is z^2, none is 0.
//
// Every operation is one of rounded_double.hpp, in this order: the same bits everywhere.
//
// Reference: Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000); the test above is
//            sharper than theirs (U < 1 - 0.0331 z^4), which fails in a tenth of all cases whatever d is.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>
#include <immiscible/detail/normal_quantile.hpp>
#include <immiscible/detail/normal_transform.hpp>
#include <immiscible/detail/philox_block.hpp>
#include <immiscible/detail/rounded_double.hpp>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr int candidate_bits = 24;           ///< candidates of a row: at most 2^24
constexpr std::uint32_t most_attempts = 16;  ///< the bits of the block number above them

/// The chi-square law with `degrees` of freedom, as the transform above wants it.
struct chi_square_law {
  std::size_t degrees;
  double b;         ///< degrees / 2 - 1/3
  double twice_b;   ///< 2 b
  double slope;     ///< 1 / sqrt(9 b)
  double sureness;  ///< 1 / (60 b)
};

IMMISCIBLE_HOST_DEVICE inline chi_square_law chi_square_of(std::size_t degrees) {
  if (degrees < 2) return {degrees, 0, 0, 0, 0};
  const double b = rounded_sum(rounded_product(0.5, static_cast<double>(degrees)), -1.0 / 3);
  return {degrees, b, rounded_sum(b, b), rounded_quotient(1.0, rounded_sqrt(rounded_product(9.0, b))),
          rounded_quotient(1.0, rounded_product(60.0, b))};
}

/// A candidate, as far as distances know it.
struct drawn_candidate {
  double along, across;  ///< s and r2
};

/// What the candidates of one row share.
struct candidate_row {
  std::uint64_t seed, step, index;
  double twice_norm;  ///< 2 |x|
  chi_square_law law;
};

/// True if the attempt is accepted; the whole test, logarithm included.
IMMISCIBLE_HOST_DEVICE inline bool is_accepted(const chi_square_law& law, double z, double y, std::uint32_t word_2,
                                               std::uint32_t word_3) {
  const double z2 = rounded_product(z, z), z4 = rounded_product(z2, z2);
  const double sure = static_cast<double>(static_cast<std::int32_t>(word_2 >> 1)) * 0x1p-31;  // at most 1 - U; exact
  if (y >= -0.5 && rounded_product(z4, law.sureness) <= sure) return true;
  if (!(y > -1)) return false;
  const double u =
      rounded_sum(1.0, -rounded_product(rounded_product_sum(word_2, 0x1p32, rounded_sum(word_3, 0.5)), 0x1p-64));
  const double y2 = rounded_product(y, y), y3 = rounded_product(y2, y);
  double h = rounded_product_sum(1.5, y2, -rounded_product_sum(3.0, y, y3));
  h = rounded_product_sum(3.0, y > -0.29 && y < 0.41 ? ln_1p_near_zero(y) : ln(rounded_sum(1.0, y)), h);
  return u > 0 && ln(u) < rounded_product(law.b, h);
}

/// Candidate `number` >= 1 of a row.
IMMISCIBLE_HOST_DEVICE inline drawn_candidate draw_candidate(const candidate_row& row, std::uint32_t number) {
  const auto key_0 = static_cast<std::uint32_t>(row.seed), key_1 = static_cast<std::uint32_t>(row.seed >> 32);
  double along = 0;
  for (std::uint32_t attempt = 0; attempt < most_attempts; ++attempt) {
    const philox_words words =
        philox_block(philox_counter(philox_stream::candidates, row.step, row.index, number | attempt << candidate_bits),
                     key_0, key_1);
    const normal_pair pair = normal_of_words(words.word[0], words.word[1]);
    const double z = pair.second;
    along = pair.first;
    if (row.law.degrees < 2) return {along, row.law.degrees == 1 ? rounded_product(z, z) : 0.0};
    const double y = rounded_product(z, row.law.slope);
    if (!is_accepted(row.law, z, y, words.word[2], words.word[3])) continue;
    const double t = rounded_sum(1.0, y);
    return {along, rounded_product(rounded_product(rounded_product(t, t), t), row.law.twice_b)};
  }
  return {along, row.law.twice_b};
}

/// |x - n|^2 - |x|^2 of a candidate: what is compared. Of equal costs the lowest number is taken.
IMMISCIBLE_HOST_DEVICE inline double candidate_cost(double twice_norm, const drawn_candidate& candidate) {
  const double s = candidate.along;
  return rounded_sum(rounded_sum(rounded_product(s, s), candidate.across), -rounded_product(twice_norm, s));
}

/// Sums over an image x and its plain noise g.
struct row_products {
  double image_squares, noise_squares, product;  ///< |x|^2, |g|^2, x.g
};

/// |x - g|^2 - |x|^2 of the plain noise, candidate 0.
IMMISCIBLE_HOST_DEVICE inline double cost_of_plain(const row_products& sums) {
  return rounded_sum(sums.noise_squares, rounded_product(-2.0, sums.product));
}

/// The chosen noise n = of_noise g + of_image x.
struct noise_mixture {
  double of_noise, of_image;
};

/// sqrt(a / b); 0 where there is nothing to stretch.
IMMISCIBLE_HOST_DEVICE inline double ratio_of_lengths(double a, double b) {
  return b > 0 ? rounded_sqrt(rounded_quotient(a, b)) : 0.0;
}

/// Noise with the candidate's s and r2 and the direction of g. `across`: squared length of what g has across x.
///
/// x = 0: the direction of all of g, and the length of the candidate. d = 1, or a g along x: nothing across.
IMMISCIBLE_HOST_DEVICE inline noise_mixture mixture_by_distance(const row_products& sums, double across,
                                                                const drawn_candidate& candidate) {
  const double s = candidate.along;
  if (!(sums.image_squares > 0)) {
    return {ratio_of_lengths(rounded_sum(rounded_product(s, s), candidate.across), sums.noise_squares), 0};
  }
  const double norm = rounded_sqrt(sums.image_squares), plain_s = rounded_quotient(sums.product, norm);
  const double of_noise = ratio_of_lengths(candidate.across, across);
  return {of_noise, rounded_quotient(rounded_sum(s, -rounded_product(of_noise, plain_s)), norm)};
}

/// |g|^2 - s^2, or 0 where that is nothing but rounding. Where the difference cancels the sum is made anew, in order.
IMMISCIBLE_HOST_DEVICE inline double squares_across(const row_products& sums, const float* image, const float* noise,
                                                    std::size_t d) {
  if (d < 2 || !(sums.image_squares > 0)) return 0;
  const double slope = rounded_quotient(sums.product, sums.image_squares);
  double across = rounded_sum(sums.noise_squares, -rounded_product(slope, sums.product));
  if (across > 0x1p-20 * sums.noise_squares) return across;
  across = 0;
  for (std::size_t j = 0; j < d; ++j) {
    const double x = image[j], g = noise[j], rest = rounded_sum(g, -rounded_product(slope, x));
    across = rounded_product_sum(rest, rest, across);
  }
  return across > 0x1p-80 * sums.noise_squares ? across : 0.0;
}

/// Plain noise moved along the image until its inner product is the greatest of k; for an image that is not all zeros.
IMMISCIBLE_HOST_DEVICE inline noise_mixture mixture_by_product(const row_products& sums, double k) {
  const double norm = rounded_sqrt(sums.image_squares), s = rounded_quotient(sums.product, norm);
  return {1.0, rounded_quotient(rounded_sum(greatest_of_normals(s, k), -s), norm)};
}

/// Whether a mixture is made in float. Not where `of_image` is no ordinary float, nor where the noise lies so near to the
/// image's line that the two terms cancel.
IMMISCIBLE_HOST_DEVICE inline bool is_mixed_in_float(const noise_mixture& mixture) {
  const double size = mixture.of_image < 0 ? -mixture.of_image : mixture.of_image;
  return mixture.of_noise < 64 && ((size > 0x1p-120 && size < 0x1p120) || size == 0);
}

/// of_noise g + of_image x in float: three roundings.
IMMISCIBLE_HOST_DEVICE inline float mixed_in_float(float of_noise, float of_image, float x, float g) {
  return rounded_sum(rounded_product(of_noise, g), rounded_product(of_image, x));
}

/// The same in double and rounded once.
IMMISCIBLE_HOST_DEVICE inline float mixed_in_double(const noise_mixture& mixture, float x, float g) {
  return static_cast<float>(rounded_sum(rounded_product(mixture.of_noise, static_cast<double>(g)),
                                        rounded_product(mixture.of_image, static_cast<double>(x))));
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

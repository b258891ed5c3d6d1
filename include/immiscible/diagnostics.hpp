// What pairing did to the noise: is it still N(0, I), where does it lean, and how far apart are the noises of different images?
//
//   auto report = immiscible::examine_noise(noise, images);     // noise as the trainer used it, row i for image i
//   if (std::abs(report.squares_z) > 5) ...                     // its length is not that of N(0, I)
//
// Every number comes with what N(0, I) would give, or as a z score: standard deviations from that, so that |z| > 4 hardly
// happens by chance. Pairing by assignment permutes what was drawn, so each test of the noise alone passes exactly as it did
// before; nearest-of-k changes the noise, and these numbers say how much. Not part of immiscible.hpp: include it where you need it.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace immiscible {

/// The noise of one direction in which images vary.
struct direction_report {
  double share;       ///< of the images' variance that lies along it
  double mean_z;      ///< of the noise's mean along it
  double variance;    ///< of the noise along it; 1 for N(0, I)
  double variance_z;  ///< of that
};

/// See `examine_noise`.
struct noise_report {
  double mean_z = 0;       ///< of the mean of all values
  double squares = 1;      ///< mean |e|^2 / d; 1 for N(0, I)
  double squares_z = 0;    ///< of the sum of all squares, which is chi-square with n d degrees of freedom
  double ks_values_p = 1;  ///< Kolmogorov-Smirnov, all values against N(0, 1): how likely so great a distance is
  double ks_lengths_p =
      1;  ///< Kolmogorov-Smirnov, the rows' |e|^2 against chi-square with d degrees of freedom (nearly: from
          ///< d = 3 on; below, many rows of N(0, I) fail it)
  double largest_eigenvalue = 1;  ///< of the covariance of the noise, of 512 rows at most
  double upper_edge = 1;          ///< of Marchenko and Pastur's law for that many rows of d values
  double largest_z = 0;           ///< of the largest eigenvalue, by the law of Tracy and Widom
  double alignment = 0;  ///< mean of x.e / |x| over the pairs: how far noise leans towards its own image; 0 unpaired
  std::vector<direction_report> directions;  ///< in which the images vary most
};

inline namespace IMMISCIBLE_BUILD {

/// Tests noise against N(0, I), in ways that work in high dimension, and along the images' main directions.
///
/// @param noise       [n, d] row-major, host, float; finite; row i belongs to image i.
/// @param images      [n, d], the same.
/// @param directions  principal directions of the images (of 512 evenly spread ones) to look along, at most n, 512 and d.
/// @throws std::invalid_argument  shapes that differ, n < 2, d < 1, or a value that is not finite.
///
/// Cost:        sorts n d values; eigenvalues of matrices of min(n, 512) rows at most: seconds at n = 1024, d = 3072. Copies of noise
///              and images.
/// Determinism: same input, same output.
/// Reference:   Johnstone, On the distribution of the largest eigenvalue in principal components analysis, Ann. Statist. 29
///              (2001), for the largest eigenvalue; Wilson and Hilferty (1931) for chi-square.
template <class Noise, class Images>
noise_report examine_noise(const Noise& noise, const Images& images, std::size_t directions = 4);

/// How far apart the noises of different images lie: the mean distance between the centroids of the noise that each image got
/// over many draws (Li et al. 2025's measure of miscibility; greater is less miscible).
class centroid_accumulator {
 public:
  /// Takes the noise of one draw.
  ///
  /// @param noise  [n, d] host, float, row i for image i; the same shape in all draws.
  /// @throws std::invalid_argument  another shape than before.
  template <class Noise>
  void add(const Noise& noise);

  std::size_t draws() const { return draws_; }

  /// The mean distance between two centroids. Noise that nobody chose gives about sqrt(2 d / draws), for centroids of finitely
  /// many draws lie apart by chance: compare with that, or take many draws.
  ///
  /// @throws std::invalid_argument  no draws, or fewer than two images.
  ///
  /// Cost: O(n^2 d). Memory: n d doubles.
  double miscibility_score() const;

  /// How far apart centroids lie, root mean square, without what chance adds (as much as the noise of each image varies from draw to
  /// draw): 0 for plain noise, whatever the number of draws.
  ///
  /// @throws std::invalid_argument  as `miscibility_score`.
  double distance_above_chance() const;

  /// sqrt(2 d / draws): see `miscibility_score`.
  double score_of_plain_noise() const;

 private:
  void require_draws() const;

  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> sum_;
  double squares_ = 0;  // of all noise
  std::size_t draws_ = 0;
};

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

using double_matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline double_matrix in_double(const batch<float>& samples) {
  double_matrix copy(static_cast<Eigen::Index>(samples.rows()), static_cast<Eigen::Index>(samples.columns()));
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    for (std::size_t k = 0; k < samples.columns(); ++k) {
      copy(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) = static_cast<double>(samples(i, k));
    }
  }
  return copy;
}

inline double normal_below(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// Kolmogorov-Smirnov: sorts values that should be N(0, 1); the asymptotic p value.
template <class Value>
double ks_p_value(std::vector<Value>& values) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double below = normal_below(static_cast<double>(values[i]));
    distance = std::max({distance, below - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - below});
  }
  const double t = (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n)) * distance;  // Stephens (1970)
  if (t < 0.2) return 1;
  double p = 0;
  for (int k = 1; k <= 100; ++k) p += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * t * t);
  return std::min(1.0, std::max(0.0, p));
}

/// A chi-square value with d degrees of freedom as a standard normal one, nearly (Wilson and Hilferty).
inline double normal_of_chi_square(double value, double d) {
  const double spread = 2 / (9 * d);
  return (std::cbrt(value / d) - (1 - spread)) / std::sqrt(spread);
}

/// The largest eigenvalue of the covariance of n rows of N(0, I): its edge, and z of `value` (Johnstone 2001).
inline void judge_largest_eigenvalue(double value, double n, double d, noise_report& report) {
  const double a = std::sqrt(n - 1), b = std::sqrt(d);
  const double centre = (a + b) * (a + b) / n, scale = (a + b) * std::cbrt(1 / a + 1 / b) / n;
  constexpr double mean = -1.2065, deviation = 1.2680;  // of the Tracy-Widom law, beta = 1
  report.largest_eigenvalue = value;
  report.upper_edge = (1 + std::sqrt(d / n)) * (1 + std::sqrt(d / n));
  report.largest_z = ((value - centre) / scale - mean) / deviation;
}

/// `count` rows (n >= count) of the least hash: the same ones in whatever order the rows come, and if they are negated.
inline std::vector<std::size_t> rows_by_content(const batch<float>& samples, std::size_t count) {
  std::vector<std::pair<std::uint64_t, std::size_t>> rows(samples.rows());
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    std::uint64_t hash = 14695981039346656037u;  // Fowler, Noll and Vo's, on words
    for (std::size_t k = 0; k < samples.columns(); ++k) {
      std::uint32_t bits;
      std::memcpy(&bits, &samples.row(i)[k], sizeof bits);
      hash = (hash ^ (bits & 0x7fffffffu)) * 1099511628211u;
    }
    rows[i] = {hash ^ hash >> 32, i};
  }
  std::sort(rows.begin(), rows.end());
  std::vector<std::size_t> chosen(count);
  for (std::size_t i = 0; i < count; ++i) chosen[i] = rows[i].second;
  return chosen;
}

/// The images' main directions, from at most 512 of them, and the noise along them.
inline std::vector<direction_report> examine_directions(const double_matrix& noise, const batch<float>& images,
                                                        std::size_t count) {
  constexpr std::size_t most_rows = 512;
  const std::size_t rows = std::min(most_rows, images.rows());
  double_matrix x(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(images.columns()));
  for (std::size_t r = 0; r < rows; ++r) {  // images may come class after class
    const Eigen::Map<const row_vector<float>> image(images.row(r * images.rows() / rows), x.cols());
    x.row(static_cast<Eigen::Index>(r)) = image.cast<double>();
  }
  x.rowwise() -= x.colwise().mean().eval();
  const Eigen::MatrixXd gram = x * x.transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  const double total = gram.trace(), n = static_cast<double>(noise.rows());
  std::vector<direction_report> found;
  for (Eigen::Index k = gram.rows() - 1; k >= 0 && found.size() < count; --k) {
    const double eigenvalue = solver.eigenvalues()(k);
    if (!(eigenvalue > 1e-9 * total)) break;
    const Eigen::VectorXd direction = (x.transpose() * solver.eigenvectors().col(k)).normalized();
    const Eigen::VectorXd along = noise * direction;
    const double mean = along.mean(), variance = (along.array() - mean).square().sum() / (n - 1);
    found.push_back({eigenvalue / total, mean * std::sqrt(n), variance, (variance - 1) * std::sqrt((n - 1) / 2)});
  }
  return found;
}

}  // namespace detail

template <class Noise, class Images>
noise_report examine_noise(const Noise& noise_like, const Images& images_like, std::size_t directions) {
  const batch<float> noise = as_batch(noise_like), images = as_batch(images_like);
  const char* name = "examine_noise";
  if (noise.rows() != images.rows() || noise.columns() != images.columns() || noise.rows() < 2 || noise.columns() < 1) {
    detail::fail(name, "needs noise and images of the same shape, two rows at least, got " + detail::shape_text(noise) +
                           " and " + detail::shape_text(images));
  }
  std::vector<double> norms, image_norms;
  detail::squared_norms(name, "images", images, image_norms);
  detail::squared_norms(name, "noise", noise, norms);
  constexpr std::size_t most_rows = 512;
  const detail::double_matrix e = detail::in_double(noise);
  const double n = static_cast<double>(noise.rows()), d = static_cast<double>(noise.columns());

  noise_report report;
  report.mean_z = e.sum() / std::sqrt(n * d);
  const double squares = e.squaredNorm();
  report.squares = squares / (n * d);
  report.squares_z = (squares - n * d) / std::sqrt(2 * n * d);
  std::vector<double> lengths(norms.size());
  std::transform(norms.begin(), norms.end(), lengths.begin(),
                 [d](double norm) { return detail::normal_of_chi_square(norm, d); });
  report.ks_lengths_p = detail::ks_p_value(lengths);
  std::vector<float> values(noise.rows() * noise.columns());
  for (std::size_t i = 0; i < noise.rows(); ++i) {
    std::copy_n(noise.row(i), noise.columns(), values.data() + i * noise.columns());
  }
  report.ks_values_p = detail::ks_p_value(values);

  const Eigen::Index rows = std::min<Eigen::Index>(e.rows(), static_cast<Eigen::Index>(most_rows));
  const std::vector<std::size_t> chosen = detail::rows_by_content(noise, static_cast<std::size_t>(rows));
  detail::double_matrix block(rows, e.cols());
  for (Eigen::Index r = 0; r < rows; ++r) {
    block.row(r) = e.row(static_cast<Eigen::Index>(chosen[static_cast<std::size_t>(r)]));
  }
  const Eigen::MatrixXd covariance =
      (rows < e.cols() ? Eigen::MatrixXd(block * block.transpose()) : Eigen::MatrixXd(block.transpose() * block)) /
      static_cast<double>(rows);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance, Eigen::EigenvaluesOnly);
  detail::judge_largest_eigenvalue(solver.eigenvalues().maxCoeff(), static_cast<double>(rows), d, report);

  std::size_t with_direction = 0;
  for (std::size_t i = 0; i < noise.rows(); ++i) {
    if (!(image_norms[i] > 0)) continue;
    double product = 0;
    for (std::size_t k = 0; k < noise.columns(); ++k) {
      product += static_cast<double>(images(i, k)) * static_cast<double>(noise(i, k));
    }
    report.alignment += product / std::sqrt(image_norms[i]);
    ++with_direction;
  }
  report.alignment /= static_cast<double>(std::max<std::size_t>(1, with_direction));
  report.directions = detail::examine_directions(e, images, directions);
  return report;
}

template <class Noise>
void centroid_accumulator::add(const Noise& noise_like) {
  const batch<float> noise = as_batch(noise_like);
  const auto rows = static_cast<Eigen::Index>(noise.rows()), columns = static_cast<Eigen::Index>(noise.columns());
  if (draws_ == 0) sum_.setZero(rows, columns);
  if (sum_.rows() != rows || sum_.cols() != columns) {
    detail::fail("centroid_accumulator", "needs noise of one shape, got " + detail::shape_text(noise) + " after [" +
                                             std::to_string(sum_.rows()) + ", " + std::to_string(sum_.cols()) + "]");
  }
  for (std::size_t i = 0; i < noise.rows(); ++i) {
    const Eigen::Map<const detail::row_vector<float>> row(noise.row(i), columns);
    sum_.row(static_cast<Eigen::Index>(i)) += row.cast<double>();
    squares_ += row.cast<double>().squaredNorm();
  }
  ++draws_;
}

inline void centroid_accumulator::require_draws() const {
  if (draws_ == 0 || sum_.rows() < 2) {
    detail::fail("centroid_accumulator", "needs a draw at least, of two images at least, got " +
                                             std::to_string(draws_) + " draws of " + std::to_string(sum_.rows()));
  }
}

inline double centroid_accumulator::miscibility_score() const {
  require_draws();
  double total = 0;
  for (Eigen::Index i = 0; i + 1 < sum_.rows(); ++i) {
    for (Eigen::Index j = i + 1; j < sum_.rows(); ++j) total += (sum_.row(i) - sum_.row(j)).norm();
  }
  const double pairs = static_cast<double>(sum_.rows()) * static_cast<double>(sum_.rows() - 1) / 2;
  return total / pairs / static_cast<double>(draws_);
}

inline double centroid_accumulator::distance_above_chance() const {
  require_draws();
  const double n = static_cast<double>(sum_.rows()), draws = static_cast<double>(draws_);
  const double spread = (sum_.rowwise() - sum_.colwise().mean()).squaredNorm() / (draws * draws);
  const double mean_square = 2 * spread / (n - 1);  // over pairs
  // How far an image's noise lies from its centroid; a single draw says nothing about it.
  const double variance =
      draws_ == 1 ? static_cast<double>(sum_.cols()) : (squares_ - sum_.squaredNorm() / draws) / (draws - 1) / n;
  return std::sqrt(std::max(0.0, mean_square - 2 * variance / draws));
}

inline double centroid_accumulator::score_of_plain_noise() const {
  return draws_ == 0 ? 0 : std::sqrt(2 * static_cast<double>(sum_.cols()) / static_cast<double>(draws_));
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// Consistency models: one network that maps noisy pictures of any level straight to the picture.
//
// x = image + sigma * (standard normal), sigma from 0.002 to 80. f(x, sigma) = c_skip(sigma) x + c_out(sigma) F(c_in(sigma) x), so
// that f(x, 0.002) = x whatever the network F says. It learns from neighbours: f at sigma[i + 1] shall equal f at sigma[i] where
// both carry the same noise; the number of levels grows with the training.
// [Song and Dhariwal, "Improved techniques for training consistency models", ICLR 2024]
#pragma once

#include "image_studio.hpp"
#include "networks.hpp"
#include "sampling.hpp"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace examples {

struct consistency_settings {
  double least_sigma = 0.002, greatest_sigma = 80;
  int first_levels = 10, last_levels = 160;  ///< between neighbours; doubled on the way
  double second_sigma = 1.6;                 ///< of a sampler's second step, for data of deviation 1
  double data_deviation = 1;                 ///< of the pictures as the network sees them

  /// `count` levels from the least to the greatest, dense at the least [Karras et al., NeurIPS 2022, equation 5, rho = 7].
  std::vector<double> sigmas(int count) const {
    const double from = std::pow(least_sigma, 1 / 7.0), to = std::pow(greatest_sigma, 1 / 7.0);
    std::vector<double> all;
    for (int i = 0; i < count; ++i) all.push_back(std::pow(from + (to - from) * i / (count - 1), 7.0));
    return all;
  }

  /// Levels at a step of the training, 0 ... steps - 1.
  int level_count(int step, int steps) const {
    const double doublings = std::log2(static_cast<double>(last_levels) / first_levels);
    const int stage = static_cast<int>(step * (doublings + 1) / steps);
    return std::min(first_levels << stage, last_levels) + 1;
  }

  /// How often level i is drawn with its neighbour i + 1, (count - 1): lognormal with mean and deviation of iCT, for data of
  /// deviation 0.5 there.
  static torch::Tensor pair_weights(const std::vector<double>& sigmas, double data_deviation) {
    const double mean = -1.1 + std::log(data_deviation / 0.5), deviation = 2.0;
    const auto area = [&](double sigma) { return std::erf((std::log(sigma) - mean) / (std::sqrt(2.0) * deviation)); };
    std::vector<float> weights;
    for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
      weights.push_back(static_cast<float>(area(sigmas[i + 1]) - area(sigmas[i])));
    }
    return torch::tensor(weights);
  }

  /// A sampler's levels: from the greatest sigma to that of the second step, evenly in the logarithm, then the picture.
  std::vector<noise_level> levels(int steps) const {
    std::vector<noise_level> all;
    const double last_sigma = std::min(second_sigma * data_deviation, greatest_sigma);
    for (int i = 0; i < steps; ++i) {
      const double part = steps > 1 ? static_cast<double>(i) / (steps - 1) : 0;
      const double sigma = greatest_sigma * std::pow(last_sigma / greatest_sigma, part);
      all.push_back({time_of(sigma), 1, sigma});
    }
    all.push_back({0, 1, 0});
    return all;
  }

  /// What the network is told: the logarithm of sigma, from 0 to 1.
  double time_of(double sigma) const { return std::log(sigma / least_sigma) / std::log(greatest_sigma / least_sigma); }
};

/// f(x, sigma): x (B, C, S, S), sigma (B) -> images (B, C, S, S).
template <class Network>
torch::Tensor consistent_images(Network& network, const consistency_settings& settings, const torch::Tensor& x,
                                const torch::Tensor& sigma) {
  const double deviation = settings.data_deviation;
  const torch::Tensor column = sigma.view({-1, 1, 1, 1}), distance = column - settings.least_sigma;
  const torch::Tensor whole = (column.square() + deviation * deviation).sqrt();
  const torch::Tensor skip = deviation * deviation / (distance.square() + deviation * deviation);
  const torch::Tensor out = deviation * distance / whole;
  const torch::Tensor time =
      (sigma / settings.least_sigma).log() / std::log(settings.greatest_sigma / settings.least_sigma);
  return skip * x + out * network.forward(x / whole, time);
}

/// A new network that suits the pictures.
inline std::shared_ptr<small_unet> make_consistency_network(const image_studio& s, std::uint64_t seed) {
  return make_network<small_unet>(seed, unet_settings{s.images.size(1), s.unet_width});
}

/// The images that a model sees in x (B, C, S, S) at a level.
template <class Network>
torch::Tensor consistency_prediction(Network& network, const consistency_settings& settings, const torch::Tensor& x,
                                     const noise_level& level) {
  return consistent_images(network, settings, x, torch::full({x.size(0)}, level.noise));
}

}  // namespace examples

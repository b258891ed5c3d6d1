// Diffusion in the manner of DDPM: a schedule of 1,000 timesteps, what a network learns to predict, and DDIM's levels.
//
// At timestep t, x = signal(t) * image + noise(t) * (standard normal), with signal^2 + noise^2 = 1. t = 0 is the image.
#pragma once

#include "sampling.hpp"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace examples {

enum class schedule_kind {
  linear,  ///< beta from 1e-4 to 0.02 [Ho, Jain and Abbeel, NeurIPS 2020]
  cosine   ///< [Nichol and Dhariwal, ICML 2021, equation 17; beta at most 0.999]
};

enum class prediction_kind {
  epsilon,  ///< the noise
  velocity  ///< signal * noise - noise share * image [Salimans and Ho, ICLR 2022]
};

class diffusion_schedule {
 public:
  static constexpr int timesteps = 1000;

  explicit diffusion_schedule(schedule_kind kind) : signal_(timesteps + 1), noise_(timesteps + 1) {
    double kept = 1;  // product of 1 - beta: the square of the signal
    for (int t = 0; t <= timesteps; ++t) {
      if (t > 0) kept *= 1 - beta(kind, t);
      signal_[static_cast<std::size_t>(t)] = std::sqrt(kept);
      noise_[static_cast<std::size_t>(t)] = std::sqrt(1 - kept);
    }
    signals_ = torch::tensor(signal_, torch::kFloat);
    noises_ = torch::tensor(noise_, torch::kFloat);
  }

  /// At timestep t, 0 to 1,000. The network is told t / 1,000.
  noise_level level(int t) const {
    const auto i = static_cast<std::size_t>(t);
    return {static_cast<double>(t) / timesteps, signal_[i], noise_[i]};
  }

  /// The `steps` + 1 levels of DDIM, from timestep 1,000 to 0, evenly spread.
  std::vector<noise_level> levels(int steps) const {
    std::vector<noise_level> all;
    for (int i = 0; i <= steps; ++i) all.push_back(level(timesteps - i * timesteps / steps));
    return all;
  }

  /// One timestep for each of `count` samples, 1 to 1,000, (B) int64.
  static torch::Tensor draw_timesteps(std::int64_t count, at::Generator& generator) {
    return torch::randint(1, timesteps + 1, {count}, generator, torch::kLong);
  }

  /// The shares at timesteps (B), as (B, 1, ...) for samples of `dimensions` axes.
  torch::Tensor signals(const torch::Tensor& t, std::int64_t dimensions) const {
    return column(signals_, t, dimensions);
  }
  torch::Tensor noises(const torch::Tensor& t, std::int64_t dimensions) const { return column(noises_, t, dimensions); }

  /// The mean square of the velocity, over all timesteps, of images of deviation `scale`.
  double velocity_power(double scale) const {
    double sum = 0;
    for (std::size_t t = 1; t <= timesteps; ++t) {
      sum += signal_[t] * signal_[t] + scale * scale * noise_[t] * noise_[t];
    }
    return sum / timesteps;
  }

 private:
  static double beta(schedule_kind kind, int t) {
    if (kind == schedule_kind::linear) return 1e-4 + (0.02 - 1e-4) * (t - 1) / (timesteps - 1);
    const auto kept = [](int step) {
      constexpr double half_pi = 1.57079632679489661923;
      const double c = std::cos((static_cast<double>(step) / timesteps + 0.008) / 1.008 * half_pi);
      return c * c;
    };
    return std::min(1 - kept(t) / kept(t - 1), 0.999);
  }

  static torch::Tensor column(const torch::Tensor& values, const torch::Tensor& t, std::int64_t dimensions) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(dimensions), 1);
    shape[0] = t.size(0);
    return values.index_select(0, t).view(shape);
  }

  std::vector<double> signal_, noise_;
  torch::Tensor signals_, noises_;
};

/// What the network has to say for images and noise (B, ...) that were mixed with these shares.
inline torch::Tensor target_of(prediction_kind prediction, const torch::Tensor& images, const torch::Tensor& noise,
                               const torch::Tensor& signal_share, const torch::Tensor& noise_share) {
  return prediction == prediction_kind::epsilon ? noise : signal_share * noise - noise_share * images;
}

/// The images that the network sees in x (B, ...) at a level, from what it says.
inline torch::Tensor predicted_images(prediction_kind prediction, const torch::Tensor& output, const torch::Tensor& x,
                                      const noise_level& level) {
  return prediction == prediction_kind::epsilon ? (x - level.noise * output) / level.signal
                                                : level.signal * x - level.noise * output;
}

}  // namespace examples

// Sampling as one idea for every model of pictures. At a noise level, x = signal * image + noise * (standard normal); the
// model predicts the image from x, and x moves to the next level along the line that the prediction implies.
//
// With the levels of flow matching this is Euler's method; with those of a diffusion schedule it is DDIM (Song, Meng and
// Ermon, ICLR 2021, equation 12 with sigma = 0).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace examples {

/// So many pictures are sampled together: what a network's layers then hold stays in the caches (a fifth faster than 500).
constexpr std::int64_t sampled_at_once = 125;

struct noise_level {
  double time;    ///< what the network is told
  double signal;  ///< share of the image in x
  double noise;   ///< share of the noise in x; 0: x is the image
};

/// The `steps` + 1 levels of flow matching, from pure noise (time 0) to the image (time 1), evenly spread.
inline std::vector<noise_level> flow_levels(int steps) {
  std::vector<noise_level> levels;
  for (int i = 0; i <= steps; ++i) {
    const double t = static_cast<double>(i) / steps;
    levels.push_back({t, t, 1 - t});
  }
  return levels;
}

/// From x (B, ...) at the first level to images at the last.
///
/// @param predict  (x, level) -> the images that the model sees in x, (B, ...).
/// @param see      called with each prediction, in order.
template <class Predict, class See>
torch::Tensor follow_levels(torch::Tensor x, const std::vector<noise_level>& levels, Predict predict, See see) {
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const noise_level &from = levels[i], &to = levels[i + 1];
    const torch::Tensor image = predict(x, from);
    see(image);
    const torch::Tensor noise = (x - from.signal * image) / from.noise;
    x = to.signal * image + to.noise * noise;
  }
  return x;
}

template <class Predict>
torch::Tensor follow_levels(torch::Tensor x, const std::vector<noise_level>& levels, Predict predict) {
  return follow_levels(std::move(x), levels, predict, [](const torch::Tensor&) {});
}

}  // namespace examples

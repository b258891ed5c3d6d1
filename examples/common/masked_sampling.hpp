// Editing by a flow: parts of a picture are known, the sampler fills in the rest.
#pragma once

#include "flow.hpp"

#include <immiscible/masked.hpp>
#include <immiscible/torch.hpp>

#include <torch/types.h>

#include <vector>

namespace examples {

/// 1 where pixels are known, 0 where they are hidden, (1, 1, S, S): all but a square of half the side in the middle, for
/// in-painting; nothing but that square, for out-painting.
inline torch::Tensor all_but_middle(std::int64_t size) {
  torch::Tensor known = torch::ones({1, 1, size, size});
  known.narrow(2, size / 4, size / 2).narrow(3, size / 4, size / 2).zero_();
  return known;
}
inline torch::Tensor middle_only(std::int64_t size) { return 1 - all_but_middle(size); }

/// Follows the velocity as euler_sample does, but keeps what is known on the line between its own noise and its picture, and
/// at the end exactly as it is.
///
/// @param start     noise, (B, C, S, S).
/// @param pictures  (B, C, S, S); of them only the known pixels matter.
/// @param known     1 or 0, (1, 1, S, S).
template <class Velocity>
torch::Tensor masked_euler_sample(const torch::Tensor& start, const torch::Tensor& pictures, const torch::Tensor& known,
                                  int steps, Velocity velocity) {
  const torch::NoGradGuard no_gradients;
  torch::Tensor x = start;
  for (int i = 0; i < steps; ++i) {
    const torch::Tensor t = torch::full({x.size(0)}, static_cast<double>(i) / steps);
    x = torch::where(known.to(torch::kBool), point_on_line(start, pictures, t), x);
    x = x + velocity(x, t) / steps;
  }
  return torch::where(known.to(torch::kBool), pictures, x);
}

/// Of `candidates` noises for each picture the one that is nearest to its known pixels, (B, C, S, S).
///
/// A model that was trained on near pairs has seen pictures with noise like themselves: this gives it such noise where it can.
inline torch::Tensor nearest_start(const torch::Tensor& pictures, const torch::Tensor& known, std::int64_t candidates,
                                   std::uint64_t set) {
  std::vector<std::int64_t> shape = pictures.sizes().vec();
  shape[0] *= candidates;
  const torch::Tensor noise = start_noise(shape, set), mask = known.expand_as(pictures).contiguous();
  const auto nearest =
      immiscible::nearest_noise_masked(immiscible::float_rows(pictures.contiguous()), immiscible::float_rows(noise),
                                       immiscible::float_rows(mask), static_cast<std::size_t>(candidates));
  const std::vector<std::int64_t> rows(nearest.noise_of_image.begin(), nearest.noise_of_image.end());
  return noise.index_select(0, torch::tensor(rows));
}

}  // namespace examples

// Flow matching: a straight line from noise (t = 0) to data (t = 1), a network that learns its velocity, and the sampler.
#pragma once

#include <immiscible/philox.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

#include <cstdint>
#include <utility>

namespace examples {

/// A generator of its own, so that threads and seeds do not disturb each other.
inline at::Generator generator_of(std::uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

/// Times in [0, 1), one for each sample of the batch.
inline torch::Tensor draw_times(std::int64_t count, at::Generator& generator) {
  return torch::rand({count}, generator);
}

/// Reads the data set in a new random order each time it has been through it; the last incomplete batch is left out.
class batch_order {
 public:
  /// @param left_out  batches that an earlier program has had.
  batch_order(std::int64_t count, std::int64_t batch, std::uint64_t seed, int left_out = 0)
      : count_(count), batch_(std::min(batch, count)), generator_(generator_of(seed)) {
    for (int i = 0; i < left_out; ++i) next();
  }

  /// The samples of the next batch, (B) int64.
  torch::Tensor next() {
    if (!order_.defined() || position_ + batch_ > count_) {
      order_ = torch::randperm(count_, generator_);
      position_ = 0;
    }
    position_ += batch_;
    return order_.narrow(0, position_ - batch_, batch_);
  }

 private:
  std::int64_t count_, batch_, position_ = 0;
  at::Generator generator_;
  torch::Tensor order_;
};

/// The point at time t on the line from each noise to its sample: noise, data (B, ...), t (B) -> (B, ...).
inline torch::Tensor point_on_line(const torch::Tensor& noise, const torch::Tensor& data, const torch::Tensor& t) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(data.dim()), 1);
  shape[0] = t.size(0);
  return noise + t.view(shape) * (data - noise);
}

/// Start noise for evaluation: the same rows for every pairing, every seed and every moment of training.
inline torch::Tensor start_noise(std::vector<std::int64_t> shape, std::uint64_t set = 0) {
  constexpr std::uint64_t evaluation_seed = 0x5EED;  // = 24301, above the seeds of trainings
  torch::Tensor noise = torch::empty(shape);
  const auto rows = static_cast<std::size_t>(shape[0]);
  immiscible::normal_rows(
      evaluation_seed, set, 0,
      immiscible::matrix_view<float>(noise.data_ptr<float>(), rows, static_cast<std::size_t>(noise.numel()) / rows));
  return noise;
}

/// Follows the velocity from the noise to t = 1 in `steps` equal steps; velocity(x, t) -> (B, ...).
template <class Velocity>
torch::Tensor euler_sample(torch::Tensor x, int steps, Velocity velocity) {
  const torch::NoGradGuard no_gradients;
  for (int i = 0; i < steps; ++i) {
    const torch::Tensor t = torch::full({x.size(0)}, static_cast<double>(i) / steps);
    x = x + velocity(x, t) / steps;
  }
  return x;
}

}  // namespace examples

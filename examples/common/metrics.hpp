// How near generated pictures are to real ones: the Frechet distance between features of a small classifier that is trained
// here, on the same pictures; precision and recall among these features; and, without a network, the sliced Wasserstein
// distance between pixels.
#pragma once

#include "checkpoint.hpp"
#include "flow.hpp"
#include "image_sets.hpp"
#include "networks.hpp"
#include "progress.hpp"

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/conv.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <filesystem>
#include <string>

namespace examples {

/// Two strided convolutions and 32 features; tells the classes of pictures apart.
class classifier : public torch::nn::Cloneable<classifier> {
 public:
  explicit classifier(std::int64_t size, std::int64_t channels = 1, std::int64_t classes = 10)
      : size_(size), channels_(channels), class_count_(classes) {
    reset();
  }

  void reset() override {
    using convolution = torch::nn::Conv2dOptions;
    first_ = register_module("first", torch::nn::Conv2d(convolution(channels_, 16, 3).stride(2).padding(1)));
    second_ = register_module("second", torch::nn::Conv2d(convolution(16, 32, 3).stride(2).padding(1)));
    const std::int64_t side = (size_ + 3) / 4;
    features_ = register_module("features", torch::nn::Linear(32 * side * side, 32));
    classes_ = register_module("classes", torch::nn::Linear(32, class_count_));
  }

  /// pixels (B, C, S, S) in [0, 1] -> (B, 32)
  torch::Tensor features(const torch::Tensor& pixels) {
    const torch::Tensor h = torch::relu(second_(torch::relu(first_((pixels - 0.3) * 3))));
    return torch::relu(features_(h.flatten(1)));
  }
  /// pixels (B, C, S, S) -> scores of the classes (B, classes)
  torch::Tensor forward(const torch::Tensor& pixels) { return classes_(features(pixels)); }

 private:
  std::int64_t size_, channels_, class_count_;
  torch::nn::Conv2d first_{nullptr}, second_{nullptr};
  torch::nn::Linear features_{nullptr}, classes_{nullptr};
};

/// Trains the classifier, or reads what an earlier program kept in `folder`.
///
/// @param name    of the data, for the name of the file.
/// @param passes  over the pictures.
inline std::shared_ptr<classifier> trained_classifier(const labelled_images& data, std::int64_t classes,
                                                      const std::string& name, std::int64_t passes,
                                                      const std::string& folder) {
  const std::int64_t size = data.images.size(3);
  const std::string file = folder + "/classifier-" + name + "-" + std::to_string(size) + "x" + std::to_string(size) +
                           "-" + std::to_string(data.images.size(0)) + "-pictures-" + std::to_string(passes) +
                           "-passes-" + checksum_of({data.images, data.labels}) + ".network";
  auto network = make_network<classifier>(1, size, data.images.size(1), classes);
  if (std::filesystem::exists(file)) {
    read_kept_network(*network, file);
    return network;
  }
  constexpr std::int64_t batch = 128;
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(2e-3));
  batch_order order(data.images.size(0), batch, 1);
  const std::int64_t steps = std::max<std::int64_t>(passes * (data.images.size(0) / batch), 10);
  progress_bar progress("training the classifier that judges", steps, "steps");
  for (std::int64_t step = 0; step < steps; ++step, progress.advance()) {
    const torch::Tensor rows = order.next();
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(network->forward(data.images.index_select(0, rows)),
                                         data.labels.index_select(0, rows))
        .backward();
    optimizer.step();
  }
  keep_network(*network, file);
  return network;
}

/// The share of pictures whose class it names.
inline double accuracy(classifier& network, const labelled_images& data) {
  const torch::NoGradGuard no_gradients;
  return network.forward(data.images).argmax(1).eq(data.labels).to(torch::kDouble).mean().item<double>();
}

/// The features of pictures (N, C, S, S), 1,000 at a time -> (N, 32).
inline torch::Tensor features_of(classifier& network, const torch::Tensor& pixels) {
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& some : pixels.split(1000)) parts.push_back(network.features(some));
  return torch::cat(parts);
}

/// Mean (32) and covariance (32, 32) of features, in double.
struct feature_statistics {
  torch::Tensor mean, covariance;

  explicit feature_statistics(const torch::Tensor& given) {
    const torch::Tensor features = given.to(torch::kDouble);
    mean = features.mean(0);
    const torch::Tensor centred = features - mean;
    covariance = centred.t().mm(centred) / static_cast<double>(features.size(0) - 1);
  }
};

/// |mean difference|^2 + trace(A + B - 2 (A^1/2 B A^1/2)^1/2), the squared Wasserstein distance between two Gaussians.
inline double frechet_distance(const feature_statistics& a, const feature_statistics& b) {
  const auto [values, vectors] = at::linalg_eigh(a.covariance);
  const torch::Tensor root = (vectors * values.clamp_min(0).sqrt()).mm(vectors.t());
  const torch::Tensor product = root.mm(b.covariance).mm(root);
  const torch::Tensor cross = at::linalg_eigvalsh(0.5 * (product + product.t())).clamp_min(0).sqrt().sum();
  const torch::Tensor means = (a.mean - b.mean).square().sum();
  return (means + a.covariance.trace() + b.covariance.trace() - 2 * cross).item<double>();
}

/// The share of points (N, D) that lie in one of the balls around the centres (M, D), each as large as the distance to its
/// third nearest other centre.
///
/// Generated points among real centres: precision. Real points among generated centres: recall, which falls where the
/// generator leaves something out. [Kynkäänniemi et al., "Improved precision and recall metric", NeurIPS 2019]
inline double share_covered(const torch::Tensor& points, const torch::Tensor& centres) {
  const torch::Tensor radii =
      std::get<0>(torch::cdist(centres, centres).kthvalue(4, 1));  // the first is the centre itself
  return torch::cdist(points, centres).le(radii.unsqueeze(0)).any(1).to(torch::kDouble).mean().item<double>();
}

/// The mean over 128 random directions of the Wasserstein-1 distance between the projections of two sets of equal size.
inline double sliced_wasserstein(const torch::Tensor& a, const torch::Tensor& b) {
  at::Generator generator = generator_of(3);
  torch::Tensor directions = torch::randn({a.flatten(1).size(1), 128}, generator);
  directions = directions / directions.norm(2, 0, true);
  const auto projected = [&](const torch::Tensor& set) { return std::get<0>(set.flatten(1).mm(directions).sort(0)); };
  return (projected(a) - projected(b)).abs().mean().item<double>();
}

}  // namespace examples

// What torch.hpp and torch.cuh ask of their tensors.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

inline std::string tensor_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream text;
  text << tensor.scalar_type() << " " << tensor.sizes() << " on " << tensor.device();
  return text.str();
}

/// The product of all sizes but the first: d of a tensor [n, ...].
inline std::size_t columns_of(const at::Tensor& tensor) {
  std::size_t d = 1;
  for (const std::int64_t size : tensor.sizes().slice(1)) d *= static_cast<std::size_t>(size);
  return d;
}

/// Throws unless the tensor is samples [n, ...] on such a device, CPU or CUDA.
inline void require_samples(const char* function, const char* what, const at::Tensor& tensor, at::DeviceType device) {
  const std::string name(what);
  if (!tensor.defined()) fail(function, "needs a tensor of " + name + ", got an undefined one");
  const auto type = tensor.scalar_type();
  if (type != at::kFloat && type != at::kDouble && type != at::kBFloat16 && type != at::kHalf) {
    fail(function, "needs " + name + " of float32, float64, bfloat16 or float16, got " + tensor_text(tensor));
  }
  if (tensor.layout() != at::kStrided) fail(function, "needs dense " + name + ", got " + tensor_text(tensor));
  if (tensor.device().type() != device) {
    const std::string place = device == at::kCPU ? " on the CPU (for a GPU: torch.cuh)" : " on a GPU (else: torch.hpp)";
    fail(function, "needs " + name + place + ", got " + tensor_text(tensor));
  }
  if (tensor.dim() < 1) fail(function, "needs " + name + " of shape [n, ...], got " + tensor_text(tensor));
}

/// Throws unless both are samples on such a device, and of the same sizes but the first.
inline void require_pair(const char* function, const at::Tensor& images, const at::Tensor& noise,
                         at::DeviceType device) {
  require_samples(function, "images", images, device);
  require_samples(function, "noise", noise, device);
  if (images.sizes().slice(1) != noise.sizes().slice(1)) {
    fail(function, "needs images and noise of the same sizes but the first, got images " + tensor_text(images) +
                       " and noise " + tensor_text(noise));
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

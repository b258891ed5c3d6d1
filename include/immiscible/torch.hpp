// The verb on torch::Tensor, for trainers written with LibTorch 2.x (C++20, as its headers ask for).
//
//   auto paired = immiscible::assign(images, noise);                        // any shape [n, ...]
//   noise = immiscible::permute_rows(noise, paired.noise_of_image);         // noise[i] now belongs to images[i]
//   noise = immiscible::matched(images, noise);                             // both in one
//
//   immiscible::torch_noise_matcher match({/*seed*/ 42});                   // or: draws the noise itself
//   auto noise = match(images, step).noise;                                 // shape and dtype of `images`
//
// Tensors on the CPU, contiguous or not, float32, float64, bfloat16 or float16. Each [n, ...] tensor is read as [n, d], d the
// product of all sizes but the first; nothing is copied where it is contiguous float32 already (or float64 on both sides).
// Gradients do not pass through the choice. The program links LibTorch; the library needs only its ATen headers. For tensors
// on a GPU, torch.cuh has the same names in the namespace immiscible::cuda.
#pragma once

#include <immiscible/assign.hpp>
#include <immiscible/assignment.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/tensors.hpp>
#include <immiscible/groups.hpp>
#include <immiscible/noise_matcher.hpp>

#include <ATen/ATen.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Chooses a noise for every image: `assign` of assign.hpp for tensors.
///
/// @param images   [n, ...] on the CPU; float32, float64, bfloat16 or float16; any strides; finite.
/// @param noise    [m, ...], m >= n ([n k, ...] for method::nearest), the same sizes but the first; its dtype may differ.
/// @param options  as in assign.hpp.
/// @return         as in assign.hpp; `index_tensor` makes a tensor of it.
/// @throws std::invalid_argument  tensors not defined, not dense, not on the CPU, without dimensions or of another dtype;
///                                sizes that do not fit; and all that assign.hpp names.
///
/// Cost: that of assign.hpp, plus a float32 copy of each tensor that is not contiguous float32. Both float64: in float64.
inline assignment assign(const at::Tensor& images, const at::Tensor& noise, const assign_options& options = {});

/// Chooses a noise for every image among the noises of its group: `assign_in_groups` of groups.hpp for tensors.
///
/// @param labels  [n] int64 on the CPU; equal labels are one group.
/// @throws std::invalid_argument  also as groups.hpp, or labels of another dtype or shape.
inline assignment assign_in_groups(const at::Tensor& images, const at::Tensor& noise, const at::Tensor& labels,
                                   const assign_options& options = {});

/// The rows [n, d] of a tensor [n, ...] without a copy, for the `as_batch` of a type of your own that holds tensors (see
/// matched_loader.hpp).
///
/// @throws std::invalid_argument  the tensor is not contiguous float32 on the CPU with a dimension at least.
inline batch<float> float_rows(const at::Tensor& tensor);

/// A float32 tensor of these sizes with a copy of the rows [n, d].
///
/// @throws std::invalid_argument  the sizes do not make n d values, n of them first.
inline at::Tensor tensor_of(const batch<float>& rows, at::IntArrayRef sizes);

/// The noise row of each image as an int64 tensor [n], for index_select and gather.
inline at::Tensor index_tensor(const std::vector<std::int32_t>& noise_of_image);

/// A new tensor whose row i is row source_of_row[i] of `rows`: after `assign`, the noise that belongs to image i.
///
/// @param rows           [m, ...], any dtype and device; unchanged.
/// @param source_of_row  [n] row numbers; n may be less than m (candidates, or more noises than images).
/// @return               [n, ...] with the dtype and device of `rows`.
/// @throws std::invalid_argument  a row number outside 0 ... m - 1, or a tensor without dimensions.
[[nodiscard]] inline at::Tensor permute_rows(const at::Tensor& rows, const std::vector<std::int32_t>& source_of_row);

/// The same in place, as LibTorch's names that end in _: `rows` itself is permuted; n = m.
///
/// @return  `rows`.
/// @throws std::invalid_argument  `source_of_row` is not a permutation of 0 ... m - 1 (nothing is changed then).
inline at::Tensor& permute_rows_(at::Tensor& rows, const std::vector<std::int32_t>& source_of_row);

/// The noise that belongs to each image: `assign`, then `permute_rows`.
///
/// @return  [n, ...] with the dtype of `noise`.
/// @throws  as `assign`.
[[nodiscard]] inline at::Tensor matched(const at::Tensor& images, const at::Tensor& noise,
                                        const assign_options& options = {});

}  // namespace IMMISCIBLE_BUILD

/// Noise that belongs to a batch of images, and how it was chosen.
struct matched_noise_tensor {
  at::Tensor noise;  ///< [n, ...] shape and dtype of the images; noise[i] belongs to images[i]; memory of its own
  const assignment& pairs;  ///< the matcher's, valid until its next call
};

inline namespace IMMISCIBLE_BUILD {

/// Draws N(0, I) noise for every batch and pairs it: `noise_matcher` for tensors.
///
/// The noise of (seed, step) is drawn and paired in float32, whatever the dtype, so that all dtypes see the same draws.
class torch_noise_matcher {
 public:
  explicit torch_noise_matcher(const noise_matcher_options& options = {}) : match_(options) {}

  /// The matched noise of `images` [n, ...] at training step `step`.
  ///
  /// @throws std::invalid_argument  as `assign`.
  matched_noise_tensor operator()(const at::Tensor& images, std::uint64_t step);

  /// The same within groups: labels [n] int64 on the CPU.
  matched_noise_tensor operator()(const at::Tensor& images, std::uint64_t step, const at::Tensor& labels);

 private:
  matched_noise_tensor match(const at::Tensor& images, std::uint64_t step, const std::vector<std::int64_t>* group);

  noise_matcher match_;
};

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// A tensor [n, ...] as contiguous rows [n, d] of `Scalar`, copied only where it must be.
template <class Scalar>
class tensor_rows {
 public:
  explicit tensor_rows(const at::Tensor& tensor)
      : held_(tensor.detach().to(at::CppTypeToScalarType<Scalar>::value).contiguous().resolve_neg()) {
    view_ = batch<Scalar>(held_.template const_data_ptr<Scalar>(), static_cast<std::size_t>(held_.size(0)),
                          columns_of(held_));
  }
  const batch<Scalar>& view() const { return view_; }

 private:
  at::Tensor held_;  // keeps the memory of the view
  batch<Scalar> view_;
};

inline std::vector<std::int64_t> group_of_row(const char* function, const at::Tensor& labels) {
  if (!labels.defined() || labels.scalar_type() != at::kLong || !labels.device().is_cpu() ||
      labels.layout() != at::kStrided || labels.dim() != 1) {
    fail(function, "needs labels [n] of int64, dense, on the CPU, got " + tensor_text(labels));
  }
  const at::Tensor together = labels.contiguous().resolve_neg();
  const std::int64_t* const first = together.const_data_ptr<std::int64_t>();
  return {first, first + together.numel()};
}

inline void require_row_numbers(const char* function, const at::Tensor& rows,
                                const std::vector<std::int32_t>& source_of_row) {
  if (!rows.defined() || rows.dim() < 1) fail(function, "needs a tensor of shape [m, ...], got one without dimensions");
  for (const std::int32_t row : source_of_row) {
    if (row < 0 || row >= rows.size(0)) {
      fail(function,
           "needs row numbers from 0 to " + std::to_string(rows.size(0) - 1) + ", got " + std::to_string(row));
    }
  }
}

}  // namespace detail

inline assignment assign(const at::Tensor& images, const at::Tensor& noise, const assign_options& options) {
  detail::require_pair("assign", images, noise, at::kCPU);
  if (images.scalar_type() == at::kDouble && noise.scalar_type() == at::kDouble) {
    return assign(detail::tensor_rows<double>(images).view(), detail::tensor_rows<double>(noise).view(), options);
  }
  return assign(detail::tensor_rows<float>(images).view(), detail::tensor_rows<float>(noise).view(), options);
}

inline assignment assign_in_groups(const at::Tensor& images, const at::Tensor& noise, const at::Tensor& labels,
                                   const assign_options& options) {
  const char* name = "assign_in_groups";
  detail::require_pair(name, images, noise, at::kCPU);
  const std::vector<std::int64_t> group = detail::group_of_row(name, labels);
  if (images.scalar_type() == at::kDouble && noise.scalar_type() == at::kDouble) {
    return assign_in_groups(detail::tensor_rows<double>(images).view(), detail::tensor_rows<double>(noise).view(),
                            group, options);
  }
  return assign_in_groups(detail::tensor_rows<float>(images).view(), detail::tensor_rows<float>(noise).view(), group,
                          options);
}

inline batch<float> float_rows(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.scalar_type() != at::kFloat || !tensor.device().is_cpu() ||
      tensor.layout() != at::kStrided || !tensor.is_contiguous() || tensor.is_neg() || tensor.dim() < 1) {
    detail::fail("float_rows",
                 "needs a contiguous tensor of float32 on the CPU, [n, ...], got " + detail::tensor_text(tensor));
  }
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.size(0)), detail::columns_of(tensor)};
}

inline at::Tensor tensor_of(const batch<float>& rows, at::IntArrayRef sizes) {
  std::int64_t d = 1;
  for (std::size_t k = 1; k < sizes.size(); ++k) d *= sizes[k];
  const bool is_shape = std::all_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size >= 0; });
  if (!is_shape || sizes.empty() || sizes[0] != static_cast<std::int64_t>(rows.rows()) ||
      d != static_cast<std::int64_t>(rows.columns())) {
    std::ostringstream got;
    got << sizes;
    detail::fail("tensor_of", "needs sizes for rows " + detail::shape_text(rows) + ", got " + got.str());
  }
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  float* to = tensor.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < rows.rows(); ++i, to += d) std::copy_n(rows.row(i), rows.columns(), to);
  return tensor;
}

inline at::Tensor index_tensor(const std::vector<std::int32_t>& noise_of_image) {
  at::Tensor index = at::empty({static_cast<std::int64_t>(noise_of_image.size())}, at::kLong);
  std::copy(noise_of_image.begin(), noise_of_image.end(), index.mutable_data_ptr<std::int64_t>());
  return index;
}

inline at::Tensor permute_rows(const at::Tensor& rows, const std::vector<std::int32_t>& source_of_row) {
  detail::require_row_numbers("permute_rows", rows, source_of_row);
  return rows.index_select(0, index_tensor(source_of_row).to(rows.device()));
}

inline at::Tensor& permute_rows_(at::Tensor& rows, const std::vector<std::int32_t>& source_of_row) {
  detail::require_row_numbers("permute_rows_", rows, source_of_row);
  const auto m = static_cast<std::size_t>(rows.size(0));
  if (!detail::is_matching(source_of_row, m, m)) {
    detail::fail("permute_rows_", "needs a permutation of " + std::to_string(m) + " rows, got " +
                                      std::to_string(source_of_row.size()) + " indices that are not one");
  }
  return rows.copy_(permute_rows(rows, source_of_row));
}

inline at::Tensor matched(const at::Tensor& images, const at::Tensor& noise, const assign_options& options) {
  return permute_rows(noise, assign(images, noise, options).noise_of_image);
}

inline matched_noise_tensor torch_noise_matcher::match(const at::Tensor& images, std::uint64_t step,
                                                       const std::vector<std::int64_t>* group) {
  detail::require_samples("torch_noise_matcher", "images", images, at::kCPU);
  const detail::tensor_rows<float> rows(images);
  at::Tensor noise = at::empty(images.sizes(), at::kFloat);
  const matrix_view<float> out(noise.mutable_data_ptr<float>(), rows.view().rows(), rows.view().columns());
  const assignment& pairs = match_.match_into(rows.view(), step, out, group);
  return {noise.to(images.scalar_type()), pairs};
}

inline matched_noise_tensor torch_noise_matcher::operator()(const at::Tensor& images, std::uint64_t step) {
  return match(images, step, nullptr);
}

inline matched_noise_tensor torch_noise_matcher::operator()(const at::Tensor& images, std::uint64_t step,
                                                            const at::Tensor& labels) {
  const std::vector<std::int64_t> group = detail::group_of_row("torch_noise_matcher", labels);
  return match(images, step, &group);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// The verb on CUDA tensors, for trainers written with LibTorch 2.x (nvcc, C++20). The twin of torch.hpp.
//
//   namespace on = immiscible::cuda;                                 // with torch.hpp instead: = immiscible
//   auto paired = on::assign(images, noise);                         // any shape [n, ...], one GPU
//   noise = on::permute_rows(noise, paired.noise_of_image);          // noise[i] now belongs to images[i]
//   noise = on::matched(images, noise);                              // both in one
//
// These names are those of torch.hpp, in a namespace of their own (groups, matchers and views of rows differ: see there). A tensor
// knows its device only when the program runs, while the answer differs in type (std::vector there, tensors here, so that nothing
// waits): one overload could not give both. So
// torch.hpp stays free of CUDA, both headers may be included, and a trainer chooses by one namespace alias.
//
// Everything is enqueued on the current stream, or on the one that is passed, and nothing waits but `synchronized_summary`.
// All memory is tensors of the caching allocator, which hands it out in the order of the stream; what another stream uses
// is recorded. Links to LibTorch with CUDA (torch_cuda, c10_cuda). Gradients do not pass through the choice.
#pragma once

#include <immiscible/assign.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/tensors.hpp>
#include <immiscible/device_assignment.cuh>
#include <immiscible/device_batch.cuh>
#include <immiscible/permute_rows.cuh>

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace cuda {

/// A stream of LibTorch; nothing: the current one of the tensors' device.
using optional_stream = std::optional<c10::cuda::CUDAStream>;

/// The rows [n, d] of a tensor [n, ...], without a copy; valid as long as the tensor.
///
/// @throws std::invalid_argument  the tensor is not dense float32 [n, ...] on a GPU, or the values of a row do not stand
///                                together. Rows may lie apart, such as those of a slice.
inline device_batch<float> device_batch_of(const at::Tensor& tensor);

/// The same for what a function writes. Autograd does not see what is written.
inline device_matrix<float> device_matrix_of(at::Tensor& tensor);

/// What `assign` found, on the device. Read it on `stream`, or after `stream` has done its work.
struct torch_assignment {
  at::Tensor noise_of_image;     ///< [n] int32: noise row of each image
  at::Tensor image_price;        ///< [n] int32, in steps of the rounded costs; 0 where the method has none
  at::Tensor noise_price;        ///< [m] int32, the same
  at::Tensor summary;            ///< the bytes of a device_summary
  c10::cuda::CUDAStream stream;  ///< does the work

  /// The summary on the host: status, total cost, lower bound.
  ///
  /// Waits until `stream` has done all that was enqueued on it: not for every step of a training loop.
  ///
  /// @throws cuda_error  also what failed on the stream before.
  device_summary synchronized_summary() const;
};

/// Chooses a noise for every image: `assign` of assign.cuh for tensors.
///
/// @param images   [n, ...] on a GPU; float32, float64, bfloat16 or float16; any strides.
/// @param noise    [m, ...] on the same GPU, n <= m <= 4096, the same sizes but the first; its dtype may differ.
/// @param options  as in assign.cuh.
/// @param stream   of the same GPU. A stream that is not the current one: the caller lets it wait for the tensors before, and
///                 lets the current one wait for it after, by events; memory is safe without.
/// @throws std::invalid_argument  tensors not defined, not dense, not on one GPU, without dimensions or of another dtype; sizes
///                                that do not fit; a stream of another device; and all that assign.cuh names.
/// @throws cuda_error             a launch was refused.
/// @throws c10::Error             there is no memory.
///
/// Samples that are not finite end in status not_finite, in the summary; every image then keeps the noise of its own number.
///
/// Cost: that of assign.cuh, plus a float32 copy of each tensor that `device_batch_of` does not take. No synchronisation.
inline torch_assignment assign(const at::Tensor& images, const at::Tensor& noise,
                               const device_assign_options& options = {}, optional_stream stream = std::nullopt);

/// Chooses a noise for every image among the noises of its group: `assign_in_groups` of assign.cuh for tensors.
///
/// @param labels  [n] int32 or int64 on the same GPU, 0 ... groups - 1; another ends in status bad_label, and no noise moves.
/// @param groups  how many labels there are: unlike on the CPU it is given, because to count them would be to wait.
inline torch_assignment assign_in_groups(const at::Tensor& images, const at::Tensor& noise, const at::Tensor& labels,
                                         std::size_t groups, const device_assign_options& options = {},
                                         optional_stream stream = std::nullopt);

/// The noise row of each image as int64, for gather.
inline at::Tensor index_tensor(const at::Tensor& noise_of_image);

/// A new tensor whose row i is row source_of_row[i] of `rows`: after `assign`, the noise that belongs to image i.
///
/// @param rows           [m, ...] on a GPU, any dtype; unchanged.
/// @param source_of_row  [n] int32 on the same GPU, such as the noise_of_image of `assign`; 0 ... m - 1.
/// @param stream         as for `assign`.
/// @return               [n, ...] with the dtype of `rows`.
/// @throws std::invalid_argument  tensors or a stream that are not such.
[[nodiscard]] inline at::Tensor permute_rows(const at::Tensor& rows, const at::Tensor& source_of_row,
                                             optional_stream stream = std::nullopt);

/// The same in place, as LibTorch's names that end in _: `rows` itself is permuted; n = m.
///
/// Dense float32 rows are moved within their memory, others by way of a copy. Row numbers that `assign` did not give must be a
/// permutation: nobody can be told if they are not.
///
/// @return  `rows`.
/// @throws std::invalid_argument  as `permute_rows`; also n != m.
inline at::Tensor& permute_rows_(at::Tensor& rows, const at::Tensor& source_of_row,
                                 optional_stream stream = std::nullopt);

/// The noise that belongs to each image: `assign`, then `permute_rows`.
///
/// @return  [n, ...] with the dtype of `noise`.
/// @throws  as `assign`.
[[nodiscard]] inline at::Tensor matched(const at::Tensor& images, const at::Tensor& noise,
                                        const device_assign_options& options = {},
                                        optional_stream stream = std::nullopt);

}  // namespace cuda

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// The values of each row stand together, and rows do not overlap.
inline bool has_rows_together(const at::Tensor& tensor) {
  std::int64_t together = 1;
  for (std::int64_t k = tensor.dim() - 1; k > 0; --k) {
    if (tensor.size(k) != 1 && tensor.stride(k) != together) return false;
    together *= tensor.size(k);
  }
  return tensor.size(0) <= 1 || tensor.stride(0) >= together;
}

inline bool has_device_rows(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_cuda() && tensor.layout() == at::kStrided && tensor.dim() >= 1 &&
         tensor.scalar_type() == at::kFloat && (tensor.numel() == 0 || has_rows_together(tensor));
}

/// The view of `values`, which `tensor` holds.
template <class Scalar>
matrix_view<Scalar, memory_space::device> rows_of_tensor(const at::Tensor& tensor, Scalar* values) {
  const std::size_t n = static_cast<std::size_t>(tensor.size(0)), d = columns_of(tensor);
  const bool has_stride = tensor.numel() > 0 && n > 1;
  return {values, n, d, has_stride ? static_cast<std::size_t>(tensor.stride(0)) : d};
}

inline void require_device_rows(const char* function, const at::Tensor& tensor) {
  if (has_device_rows(tensor)) return;
  fail(function,
       "needs a tensor [n, ...] of float32 on a GPU, the values of each row together, got " + tensor_text(tensor));
}

inline void require_same_device(const char* function, const at::Tensor& first, const at::Tensor& second) {
  if (first.device() == second.device()) return;
  fail(function, "needs tensors on one device, got " + tensor_text(first) + " and " + tensor_text(second));
}

/// Makes a stream current, its device too, and keeps memory that two streams use until both are done with it.
class work_on_stream {
 public:
  work_on_stream(const char* function, const at::Tensor& tensor, const cuda::optional_stream& stream)
      : before_(c10::cuda::getCurrentCUDAStream(tensor.device().index())),
        stream_(checked(function, tensor, stream.value_or(before_))),
        guard_(stream_.unwrap()) {}

  const c10::cuda::CUDAStream& stream() const { return stream_; }

  /// The stream will read or write what the caller gave.
  const at::Tensor& taken(const at::Tensor& tensor) const { return recorded(tensor, stream_); }
  /// The caller gets what the stream makes.
  const at::Tensor& given(const at::Tensor& tensor) const { return recorded(tensor, before_); }

 private:
  static c10::cuda::CUDAStream checked(const char* function, const at::Tensor& tensor,
                                       const c10::cuda::CUDAStream& stream) {
    if (stream.device() == tensor.device()) return stream;
    fail(function, "needs a stream of " + tensor.device().str() + ", got one of " + stream.device().str());
  }
  const at::Tensor& recorded(const at::Tensor& tensor, const c10::cuda::CUDAStream& user) const {
    if (stream_ != before_) tensor.record_stream(user.unwrap());
    return tensor;
  }

  c10::cuda::CUDAStream before_;
  c10::cuda::CUDAStream stream_;
  c10::cuda::CUDAStreamGuard guard_;
};

/// The samples as float32 whose rows stand together: the tensor itself, or a copy.
inline at::Tensor float_samples(const at::Tensor& tensor) {
  const at::Tensor samples = tensor.detach();
  return has_device_rows(samples) ? samples : samples.to(at::kFloat).contiguous();
}

/// Memory for an answer. Where there are no images nothing is enqueued, so prices and summary are made 0 here.
inline cuda::torch_assignment empty_assignment(std::int64_t n, std::int64_t m, const work_on_stream& work) {
  const auto options = at::TensorOptions().device(work.stream().device()).dtype(at::kInt);
  const auto bytes = static_cast<std::int64_t>(sizeof(device_summary));
  return {at::empty({n}, options), at::empty({n}, options), n == 0 ? at::zeros({m}, options) : at::empty({m}, options),
          n == 0 ? at::zeros({bytes}, options.dtype(at::kByte)) : at::empty({bytes}, options.dtype(at::kByte)),
          work.stream()};
}

inline device_assignment device_assignment_of(const cuda::torch_assignment& found) {
  return {found.noise_of_image.mutable_data_ptr<std::int32_t>(), found.image_price.mutable_data_ptr<std::int32_t>(),
          found.noise_price.mutable_data_ptr<std::int32_t>(),
          static_cast<device_summary*>(found.summary.mutable_data_ptr())};
}

inline at::Tensor workspace_of(std::size_t bytes, const work_on_stream& work) {
  return at::empty({static_cast<std::int64_t>(bytes)},
                   at::TensorOptions().device(work.stream().device()).dtype(at::kByte));
}

/// `assign`, or within groups where there are labels.
inline cuda::torch_assignment assign_tensors(const char* name, const at::Tensor& images, const at::Tensor& noise,
                                             const at::Tensor* labels, std::size_t groups,
                                             const device_assign_options& options,
                                             const cuda::optional_stream& stream) {
  require_pair(name, images, noise, at::kCUDA);
  require_same_device(name, images, noise);
  const work_on_stream work(name, images, stream);
  const at::Tensor x = float_samples(work.taken(images)), e = float_samples(work.taken(noise));
  const device_batch<float> rows = cuda::device_batch_of(x), noise_rows = cuda::device_batch_of(e);
  const cuda::torch_assignment found = empty_assignment(images.size(0), noise.size(0), work);
  const device_assignment out = device_assignment_of(found);
  // Any pointer will do for a workspace here: refuse before memory is taken.
  check_assign_arguments(name, rows, noise_rows, out, out.summary, options);
  const at::Tensor workspace =
      workspace_of(assign_workspace_bytes(rows.rows(), noise_rows.rows(), rows.columns(), groups), work);
  void* const memory = workspace.mutable_data_ptr();
  if (labels == nullptr) {
    assign(rows, noise_rows, out, memory, work.stream(), options);
  } else {
    const auto bound = static_cast<std::int64_t>(groups);  // labels out of range stay so in int32
    const at::Tensor label = work.taken(*labels).clamp(-1, bound).to(at::kInt).contiguous();
    assign_in_groups(rows, noise_rows, label.const_data_ptr<std::int32_t>(), groups, out, memory, work.stream(),
                     options);
  }
  for (const at::Tensor& tensor : {found.noise_of_image, found.image_price, found.noise_price, found.summary}) {
    work.given(tensor);
  }
  return found;
}

inline void require_row_numbers(const char* function, const at::Tensor& rows, const at::Tensor& source_of_row) {
  if (!rows.defined() || !rows.is_cuda() || rows.dim() < 1) {
    fail(function, "needs a tensor [m, ...] on a GPU, got " + tensor_text(rows));
  }
  if (!source_of_row.defined() || source_of_row.scalar_type() != at::kInt || source_of_row.dim() != 1 ||
      !source_of_row.is_contiguous()) {
    fail(function, "needs row numbers [n] of int32, contiguous, got " + tensor_text(source_of_row));
  }
  require_same_device(function, rows, source_of_row);
}

}  // namespace detail

namespace cuda {

inline device_batch<float> device_batch_of(const at::Tensor& tensor) {
  detail::require_device_rows("cuda::device_batch_of", tensor);
  return detail::rows_of_tensor(tensor, tensor.const_data_ptr<float>());
}

inline device_matrix<float> device_matrix_of(at::Tensor& tensor) {
  detail::require_device_rows("cuda::device_matrix_of", tensor);
  return detail::rows_of_tensor(tensor, tensor.mutable_data_ptr<float>());
}

inline device_summary torch_assignment::synchronized_summary() const {
  const c10::cuda::CUDAGuard guard(stream.device());
  device_summary on_host = {};
  detail::check_cuda(cudaMemcpyAsync(&on_host, summary.const_data_ptr(), sizeof(device_summary), cudaMemcpyDeviceToHost,
                                     stream.stream()),
                     "cudaMemcpyAsync");
  detail::check_cuda(cudaStreamSynchronize(stream.stream()), "cudaStreamSynchronize");
  return on_host;
}

inline torch_assignment assign(const at::Tensor& images, const at::Tensor& noise, const device_assign_options& options,
                               optional_stream stream) {
  return detail::assign_tensors("cuda::assign", images, noise, nullptr, 0, options, stream);
}

inline torch_assignment assign_in_groups(const at::Tensor& images, const at::Tensor& noise, const at::Tensor& labels,
                                         std::size_t groups, const device_assign_options& options,
                                         optional_stream stream) {
  const char* const name = "cuda::assign_in_groups";
  detail::require_pair(name, images, noise, at::kCUDA);
  const bool is_integer = labels.defined() && (labels.scalar_type() == at::kInt || labels.scalar_type() == at::kLong);
  if (!is_integer || labels.dim() != 1 || labels.size(0) != images.size(0)) {
    detail::fail(name, "needs labels [" + std::to_string(images.size(0)) + "] of int32 or int64, got " +
                           detail::tensor_text(labels));
  }
  detail::require_same_device(name, images, labels);
  if (groups < 1 || groups > static_cast<std::size_t>(INT32_MAX)) {
    detail::fail(name, "needs 1 to 2^31 - 1 groups, got " + std::to_string(groups));
  }
  return detail::assign_tensors(name, images, noise, &labels, groups, options, stream);
}

inline at::Tensor index_tensor(const at::Tensor& noise_of_image) { return noise_of_image.to(at::kLong); }

inline at::Tensor permute_rows(const at::Tensor& rows, const at::Tensor& source_of_row, optional_stream stream) {
  const char* const name = "cuda::permute_rows";
  detail::require_row_numbers(name, rows, source_of_row);
  const detail::work_on_stream work(name, rows, stream);
  return work.given(work.taken(rows).index_select(0, work.taken(source_of_row)));
}

inline at::Tensor& permute_rows_(at::Tensor& rows, const at::Tensor& source_of_row, optional_stream stream) {
  const char* const name = "cuda::permute_rows_";
  detail::require_row_numbers(name, rows, source_of_row);
  if (source_of_row.size(0) != rows.size(0)) {
    detail::fail(name, "needs a permutation of " + std::to_string(rows.size(0)) + " rows, got " +
                           std::to_string(source_of_row.size(0)) + " row numbers");
  }
  const detail::work_on_stream work(name, rows, stream);
  work.taken(rows);
  work.taken(source_of_row);
  if (rows.requires_grad() || !detail::has_device_rows(rows)) {
    return rows.copy_(rows.index_select(0, source_of_row));
  }
  const device_matrix<float> matrix = device_matrix_of(rows);
  const at::Tensor workspace = detail::workspace_of(permute_rows_workspace_bytes(matrix.rows()), work);
  rows.unsafeGetTensorImpl()->bump_version();  // as LibTorch's own functions that write do; throws where they would
  immiscible::permute_rows(matrix, source_of_row.const_data_ptr<std::int32_t>(), nullptr, workspace.mutable_data_ptr(),
                           work.stream());
  return rows;
}

inline at::Tensor matched(const at::Tensor& images, const at::Tensor& noise, const device_assign_options& options,
                          optional_stream stream) {
  const char* const name = "cuda::matched";
  detail::require_pair(name, images, noise, at::kCUDA);
  detail::require_same_device(name, images, noise);
  const detail::work_on_stream work(name, images, stream);  // its stream is the current one below
  work.taken(images);
  work.taken(noise);
  const torch_assignment found = detail::assign_tensors(name, images, noise, nullptr, 0, options, std::nullopt);
  return work.given(noise.index_select(0, found.noise_of_image));
}

}  // namespace cuda
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

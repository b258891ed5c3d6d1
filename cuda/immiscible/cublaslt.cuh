// `assign` with the product of matrices by cuBLASLt, on tensor cores: for programs that link cublasLt and ask for it.
//
//   immiscible::cublaslt_product product{handle, immiscible::product_precision::tf32};
//   immiscible::assign(images, noise, out, workspace, stream, product);
//
// Only the product differs. For exact and auction, by squared_l2 or inner_product, samples are centred before they are rounded to TF32
// or bf16 (with n < m the noise alone), so the rounding is relative to what distinguishes them, not to what they share. With other
// methods and costs they are not: bring images to mean 0 first. The solver and its proof are those of assign.cuh, for the costs so
// computed; so is the summary's lower_bound, while its total_cost comes from the samples as they are: in TF32 and bf16 the bound is
// off by what the rounding of products makes of it.
// Compiled by nvcc, never run: there was no GPU, and cuBLASLt has no emulation. What is around the product is tested on the host.
#pragma once

#include <immiscible/assign.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/library_product.cuh>

#include <cublasLt.h>
#include <cuda_bf16.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace immiscible {

/// In what the samples are multiplied; sums are float32 always.
enum class product_precision {
  float32,  ///< 23 bits
  tf32,     ///< 10 bits
  bf16      ///< 7 bits; half the memory traffic
};

/// The library's product and how to use it.
struct cublaslt_product {
  cublasLtHandle_t handle = nullptr;  ///< the caller's
  product_precision precision = product_precision::tf32;
};

/// A call of cuBLASLt that failed.
class cublaslt_error : public std::runtime_error {
 public:
  cublaslt_error(cublasStatus_t code, const char* call)
      : std::runtime_error(std::string("immiscible: ") + call + " failed with cublasStatus_t " +
                           std::to_string(static_cast<int>(code))),
        code_(code) {}
  cublasStatus_t code() const { return code_; }

 private:
  cublasStatus_t code_;
};

inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace for `assign` with this product: that of `assign`, a copy of the samples, and 32 MiB for cuBLASLt.
inline std::size_t assign_workspace_bytes(std::size_t n, std::size_t m, std::size_t d, const cublaslt_product& product);

/// `assign` of assign.cuh, its product by cuBLASLt.
///
/// @param workspace  assign_workspace_bytes(n, m, d, product) bytes, device, aligned to 256.
/// @param product    the handle must belong to the current device.
/// @throws std::invalid_argument  as `assign`; also no handle.
/// @throws cublaslt_error         a call of cuBLASLt failed.
///
/// Determinism: that of cuBLASLt's choice of algorithm: the same on one kind of device with one version of the library.
inline void assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                   void* workspace, cudaStream_t stream, const cublaslt_product& product,
                   const device_assign_options& options = {});

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

constexpr std::size_t cublaslt_workspace_bytes = std::size_t{32} << 20;

inline void check_cublaslt(cublasStatus_t code, const char* call) {
  if (code != CUBLAS_STATUS_SUCCESS) throw cublaslt_error(code, call);
}

/// A descriptor of cuBLASLt that destroys itself.
template <class Handle, cublasStatus_t (*destroy)(Handle)>
struct cublaslt_descriptor {
  cublaslt_descriptor() = default;
  cublaslt_descriptor(const cublaslt_descriptor&) = delete;
  cublaslt_descriptor& operator=(const cublaslt_descriptor&) = delete;
  ~cublaslt_descriptor() {
    if (handle != nullptr) destroy(handle);
  }
  Handle handle = nullptr;
};
using cublaslt_layout = cublaslt_descriptor<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using cublaslt_operation = cublaslt_descriptor<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;

/// out [n, m] = images [n, d] noise^T [d, m], all contiguous and row-major. To cuBLASLt, whose matrices are column-major, that is
/// out^T = (noise^T)^T images^T, each matrix as it lies in memory.
inline void enqueue_cublaslt(const cublaslt_product& product, const void* images, const void* noise, float* out,
                             std::size_t n, std::size_t m, std::size_t d, void* workspace, cudaStream_t stream) {
  const bool is_bf16 = product.precision == product_precision::bf16;
  const cudaDataType_t type = is_bf16 ? CUDA_R_16BF : CUDA_R_32F;
  const cublasComputeType_t compute =
      product.precision == product_precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublaslt_operation operation;
  cublaslt_layout of_noise, of_images, of_out;
  check_cublaslt(cublasLtMatmulDescCreate(&operation.handle, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  check_cublaslt(
      cublasLtMatmulDescSetAttribute(operation.handle, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed)),
      "cublasLtMatmulDescSetAttribute");
  const auto width = static_cast<std::int64_t>(d), height = static_cast<std::int64_t>(m);
  check_cublaslt(cublasLtMatrixLayoutCreate(&of_noise.handle, type, d, m, width), "cublasLtMatrixLayoutCreate");
  check_cublaslt(cublasLtMatrixLayoutCreate(&of_images.handle, type, d, n, width), "cublasLtMatrixLayoutCreate");
  check_cublaslt(cublasLtMatrixLayoutCreate(&of_out.handle, CUDA_R_32F, m, n, height), "cublasLtMatrixLayoutCreate");
  const float one = 1, zero = 0;
  check_cublaslt(
      cublasLtMatmul(product.handle, operation.handle, &one, noise, of_noise.handle, images, of_images.handle, &zero,
                     out, of_out.handle, out, of_out.handle, nullptr, workspace, cublaslt_workspace_bytes, stream),
      "cublasLtMatmul");
}

/// Bytes of the copies of the samples.
inline std::size_t copied_bytes(std::size_t rows, std::size_t d, product_precision precision) {
  return aligned_bytes(rows * d * (precision == product_precision::bf16 ? sizeof(__nv_bfloat16) : sizeof(float)));
}

}  // namespace detail

inline std::size_t assign_workspace_bytes(std::size_t n, std::size_t m, std::size_t d,
                                          const cublaslt_product& product) {
  const std::size_t bytes = assign_workspace_bytes(n, m, d);
  if (bytes == 0) return 0;
  return bytes + detail::copied_bytes(n, d, product.precision) + detail::copied_bytes(m, d, product.precision) +
         detail::cublaslt_workspace_bytes;
}

inline void assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                   void* workspace, cudaStream_t stream, const cublaslt_product& product,
                   const device_assign_options& options) {
  detail::check_assign_arguments("assign", images, noise, out, workspace, options);
  if (product.handle == nullptr) detail::fail("assign", "needs a handle of cuBLASLt, got a null pointer");
  const std::size_t n = images.rows(), m = noise.rows(), d = images.columns();
  if (n == 0) return;
  detail::assign_memory memory = {};
  auto* const image_copy = static_cast<unsigned char*>(workspace) + detail::lay_out(workspace, n, m, d, 0, memory);
  auto* const noise_copy = image_copy + detail::copied_bytes(n, d, product.precision);
  auto* const of_library = noise_copy + detail::copied_bytes(m, d, product.precision);
  const auto multiply = [&](const void* x, const void* e, float* products) {
    detail::enqueue_cublaslt(product, x, e, products, n, m, d, of_library, stream);
  };
  const auto make_costs = [&](const detail::cost_form& form, const device_matrix<float>& cost) {
    if (product.precision == product_precision::bf16) {
      detail::enqueue_costs_by_library(images, noise, form, cost, memory.costs,
                                       reinterpret_cast<__nv_bfloat16*>(image_copy),
                                       reinterpret_cast<__nv_bfloat16*>(noise_copy), stream, multiply);
    } else {
      detail::enqueue_costs_by_library(images, noise, form, cost, memory.costs, reinterpret_cast<float*>(image_copy),
                                       reinterpret_cast<float*>(noise_copy), stream, multiply);
    }
  };
  detail::enqueue_assign(images, noise, out, memory, nullptr, 0, options, stream, make_costs);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

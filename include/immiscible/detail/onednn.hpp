// Products of matrices by oneDNN, for programs that link `immiscible::onednn` (CMake) or immiscible-onednn (pkg-config), which
// define IMMISCIBLE_ONEDNN. It chooses its instructions at run time, so that a plain -O2 build has fast products too, and it
// multiplies bytes. All other programs use Eigen and link nothing.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#ifdef IMMISCIBLE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#if defined(DNNL_CPU_RUNTIME) && DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP
#define IMMISCIBLE_ONEDNN_OPENMP 1
extern "C" {  // of the OpenMP runtime that oneDNN links; <omp.h> comes with compilers, not with oneDNN
void omp_set_num_threads(int);
int omp_get_max_threads(void);
}
#endif
#define IMMISCIBLE_PRODUCT_NAMESPACE products_by_onednn
#else
#define IMMISCIBLE_PRODUCT_NAMESPACE products_by_eigen
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

#ifdef IMMISCIBLE_ONEDNN
constexpr bool has_onednn = true;

/// While it lives, oneDNN calls of this thread use `threads` threads; then as many as before.
class onednn_threads {
 public:
  explicit onednn_threads(std::size_t threads) {
#ifdef IMMISCIBLE_ONEDNN_OPENMP
    before_ = omp_get_max_threads();
    omp_set_num_threads(static_cast<int>(threads));
#else
    static_cast<void>(threads);
#endif
  }
  ~onednn_threads() {
#ifdef IMMISCIBLE_ONEDNN_OPENMP
    omp_set_num_threads(before_);
#endif
  }
  onednn_threads(const onednn_threads&) = delete;
  onednn_threads& operator=(const onednn_threads&) = delete;

 private:
  int before_ = 1;
};

inline void require_success(dnnl_status_t status) {
  if (status != dnnl_success) {
    throw std::runtime_error("immiscible: oneDNN failed with status " + std::to_string(static_cast<int>(status)));
  }
}

/// out = factor * X E^T: images [n, d] and noise [m, d] with row strides, out [n, m]; all row-major. On the calling thread.
inline void onednn_product(std::size_t n, std::size_t m, std::size_t d, float factor, const float* images,
                           std::size_t image_stride, const float* noise, std::size_t noise_stride, float* out,
                           std::size_t out_stride) {
  const onednn_threads one(1);
  const auto size = [](std::size_t x) { return static_cast<dnnl_dim_t>(x); };
  require_success(dnnl_sgemm('N', 'T', size(n), size(m), size(d), factor, images, size(image_stride), noise,
                             size(noise_stride), 0.0f, out, size(out_stride)));
}

/// out = X E^T + offset (one for each noise): bytes [n, d] from 0 to 127 and [m, d] from -127 to 127, out [n, m]; exact.
///
/// @param threads  at most; 96 images each are worth one. (An OpenMP runtime that cannot start them ends the process.)
inline void onednn_product(std::size_t n, std::size_t m, std::size_t d, const std::int8_t* images,
                           const std::int8_t* noise, const std::int32_t* offset, std::int32_t* out,
                           std::size_t threads) {
  const onednn_threads these(std::min(threads, std::max<std::size_t>(1, n / 96)));
  const auto size = [](std::size_t x) { return static_cast<dnnl_dim_t>(x); };
  require_success(dnnl_gemm_u8s8s32('N', 'T', 'R', size(n), size(m), size(d), 1.0f,
                                    reinterpret_cast<const std::uint8_t*>(images), size(d), 0, noise, size(d), 0, 0.0f,
                                    out, size(m), offset));
}
#else
constexpr bool has_onednn = false;
#endif

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

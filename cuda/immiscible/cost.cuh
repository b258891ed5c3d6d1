// Costs of every pair on the device, and their rounding to int16 for the solvers: the twin of cost.hpp.
//
//   images x_i [n, d], noise e_j [m, d], row-major float; p_ij = x_i . e_j; float costs c_ij [n, m]
//
// Costs for exact pairing and auction leave out what every matching shares: for squared distances -2 (x_i - x)(e_j - e), with x and
// e the mean image and noise, has the same best matching as |x_i - e_j|^2, but rows and columns of mean 0 and so the
// finest rounding. Where noises stay unused (n < m) |e_j|^2 counts and only the noise is centred.
//
// Rounded: q_ij = round((c_ij - middle) / unit), unit = (greatest - least) / 65534, one for the whole problem.
//
// The product is bound by operations (2 n m d), the rest by bytes. A tile of 64 x 64 costs is one block's; 4 x 4 of them a thread's.
#pragma once

#include <immiscible/cost_function.hpp>
#include <immiscible/detail/block.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/normal_transform.hpp>
#include <immiscible/device_batch.cuh>
#include <immiscible/device_status.cuh>

#include <cstddef>
#include <cstdint>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `pairwise_cost` needs; aligned to 256.
inline std::size_t pairwise_cost_workspace_bytes(std::size_t n, std::size_t m, std::size_t d);

/// The cost of every pair, on the device: out(i, j) = cost of image i with noise j. Enqueues on `stream`.
///
/// @param images     [n, d] row-major, device.
/// @param noise      [m, d], device.
/// @param function   squared_l2, l2, inner_product or cosine.
/// @param out        [n, m], device; overwritten.
/// @param workspace  pairwise_cost_workspace_bytes(n, m, d) bytes, device, aligned to 256.
/// @throws std::invalid_argument  shapes that do not fit, another cost, a null pointer (nothing is enqueued then).
/// @throws cuda_error             a launch was refused.
///
/// Precision:   float32 products, summed in an order that depends on d alone. Values that are not finite give costs that are
///              not: nothing is checked.
/// Cost:        2 n m d operations; two launches (one for inner products).
/// Determinism: the same bits, run to run.
inline void pairwise_cost(const device_batch<float>& images, const device_batch<float>& noise, cost_function function,
                          const device_matrix<float>& out, void* workspace, cudaStream_t stream);

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Tuning numbers. Not measured on a GPU.
struct cost_policy {
  static constexpr int tile = 64;      ///< rows and columns of costs that a block computes
  static constexpr int of_thread = 4;  ///< of those, a thread's
  static constexpr int depth = 16;     ///< values of a sample that a block holds at once
  static constexpr int padding = 4;    ///< floats between rows of a tile in shared memory
  static constexpr unsigned threads = (tile / of_thread) * (tile / of_thread);
  static constexpr unsigned streaming_threads = 256;
};

/// How a cost is made of a product and two norms.
struct cost_form {
  cost_function function = cost_function::squared_l2;
  bool centre_images = false;  ///< products of images less their mean
  bool centre_noise = false;
  bool only_differences = false;  ///< squared_l2: leave out what all matchings share
  bool with_noise_norms = false;  ///< of those: |e_j|^2 counts
};

/// The whole cost.
inline cost_form form_of(cost_function function) {
  cost_form form;
  form.function = function;
  return form;
}

/// The cost without what all matchings share, where that can be left out.
inline cost_form reduced_form_of(cost_function function, bool is_square) {
  cost_form form = form_of(function);
  if (function != cost_function::squared_l2 && function != cost_function::inner_product) return form;
  form.centre_noise = true;  // changes a cost by what its row shares
  form.centre_images = is_square;
  form.only_differences = true;
  form.with_noise_norms = !is_square && function == cost_function::squared_l2;
  return form;
}

IMMISCIBLE_HOST_DEVICE inline bool needs_norms(const cost_form& form) {
  if (form.with_noise_norms) return true;
  return !form.only_differences && form.function != cost_function::inner_product;
}

/// Where the parts of `pairwise_cost`'s workspace lie.
struct cost_workspace {
  float* image_mean;     // [d]
  float* noise_mean;     // [d]
  float* image_norms;    // [n] squared, but for cosine
  float* noise_norms;    // [m]
  std::uint32_t* range;  // [range_words] see note_range
};

constexpr std::size_t range_words = 4;

inline std::size_t cost_workspace_bytes(std::size_t n, std::size_t m, std::size_t d) {
  return aligned_bytes(range_words * sizeof(std::uint32_t)) + aligned_bytes((2 * d + n + m) * sizeof(float));
}

inline cost_workspace cost_workspace_at(void* memory, std::size_t n, std::size_t d) {
  auto* const range = static_cast<std::uint32_t*>(memory);
  auto* const floats = reinterpret_cast<float*>(static_cast<unsigned char*>(memory) +
                                                aligned_bytes(range_words * sizeof(std::uint32_t)));
  return {floats, floats + d, floats + 2 * d, floats + 2 * d + n, range};
}

/// Means of the columns of a matrix; blockIdx.y chooses which of two.
template <class Policy>
__global__ void __launch_bounds__(Policy::streaming_threads)
    means_kernel(device_batch<float> images, device_batch<float> noise, float* image_mean, float* noise_mean) {
  const device_batch<float>& samples = blockIdx.y == 0 ? images : noise;
  float* const mean = blockIdx.y == 0 ? image_mean : noise_mean;
  const std::size_t column = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (column >= images.columns()) return;
  double sum = 0;
  for (std::size_t i = 0; i < samples.rows(); ++i) sum += samples.data()[i * samples.stride() + column];
  mean[column] = static_cast<float>(sum / static_cast<double>(samples.rows()));
}

/// Squared norms of rows, or norms, a warp each: images, then noise.
template <class Policy>
__global__ void __launch_bounds__(Policy::streaming_threads)
    norms_kernel(device_batch<float> images, device_batch<float> noise, bool squared, float* image_norms,
                 float* noise_norms) {
  std::size_t row = static_cast<std::size_t>(blockIdx.x) * warps_of_block() + warp_of_thread();
  const bool of_noise = row >= images.rows();
  const device_batch<float>& samples = of_noise ? noise : images;
  if (of_noise) row -= images.rows();
  if (row >= samples.rows()) return;  // the whole warp
  const float* const values = samples.data() + row * samples.stride();
  double sum = 0;
  for (std::size_t k = lane_of_thread(); k < samples.columns(); k += warp_lanes) {
    sum += static_cast<double>(values[k]) * static_cast<double>(values[k]);
  }
  sum = warp_reduce(sum, add());
  if (lane_of_thread() == 0)
    (of_noise ? noise_norms : image_norms)[row] = static_cast<float>(squared ? sum : sqrt(sum));
}

/// The cost of a pair from its product and norms, which are squared but for cosine.
__device__ inline float cost_of_product(const cost_form& form, float product, float image_norm, float noise_norm) {
  if (form.only_differences) {
    if (form.function == cost_function::inner_product) return -product;
    return fmaf(-2.0f, product, form.with_noise_norms ? noise_norm : 0.0f);
  }
  if (form.function == cost_function::inner_product) return -product;
  if (form.function == cost_function::cosine) {
    // One division after the other: the product of the norms may be beyond float. NaN stays NaN, beside a sample of zeros too.
    const bool has_zeros = image_norm == 0 || noise_norm == 0;
    const float cost = 1.0f - (has_zeros ? 0.0f * product : product / image_norm / noise_norm);
    return cost < 0 ? 0.0f : cost > 2 ? 2.0f : cost;
  }
  const float squared = fmaf(-2.0f, product, image_norm + noise_norm);
  const float distance = squared < 0 ? 0.0f : squared;  // NaN stays NaN
  return form.function == cost_function::l2 ? sqrtf(distance) : distance;
}

/// Unsigned integers in the order of the floats.
IMMISCIBLE_HOST_DEVICE inline std::uint32_t ordered_bits(float x) {
  const std::uint32_t bits = bits_of(x);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

__device__ inline float float_of_ordered(std::uint32_t ordered) {
  return float_of((ordered & 0x80000000u) != 0 ? ordered & 0x7fffffffu : ~ordered);
}

__device__ inline bool is_finite(float x) { return (bits_of(x) & 0x7f800000u) != 0x7f800000u; }

/// Takes a block's least and greatest cost into `range`: [0] ~ordered(least), [1] ordered(greatest), [2] 1 if a cost is not
/// finite; all start at 0, and only grow, so the order of the blocks does not matter.
__device__ inline void note_range(float least, float greatest, bool all_finite, std::uint32_t* range, float* scratch) {
  least = block_reduce(least, lesser(), INFINITY, scratch);
  greatest = block_reduce(greatest, greater(), -INFINITY, scratch);
  all_finite = __syncthreads_and(all_finite) != 0;
  if (threadIdx.x != 0) return;
  if (!all_finite) atomicMax(range + 2, 1u);
  if (!(least <= greatest)) return;
  atomicMax(range, ~ordered_bits(least));
  atomicMax(range + 1, ordered_bits(greatest));
}

/// What a block of the product shares.
struct product_tiles {
  float image[cost_policy::depth][cost_policy::tile + cost_policy::padding];
  float noise[cost_policy::depth][cost_policy::tile + cost_policy::padding];
  float scratch[most_warps];
};

/// Values k ... k + depth - 1 of `tile` rows from `first` on, less the mean, to shared memory, transposed; 0 outside.
__device__ inline void load_tile(const device_batch<float>& samples, std::size_t first, std::size_t k,
                                 const float* mean, float (*to)[cost_policy::tile + cost_policy::padding]) {
  for (int e = static_cast<int>(threadIdx.x); e < cost_policy::tile * cost_policy::depth;
       e += static_cast<int>(blockDim.x)) {
    const int of_depth = e % cost_policy::depth, of_tile = e / cost_policy::depth;
    const std::size_t row = first + static_cast<std::size_t>(of_tile), column = k + static_cast<std::size_t>(of_depth);
    float value = 0;
    if (row < samples.rows() && column < samples.columns()) {
      value = samples.data()[row * samples.stride() + column];
      if (mean != nullptr) value -= mean[column];
    }
    to[of_depth][of_tile] = value;
  }
}

/// Costs [n, m] in float, and their range. Null means: not centred.
template <class Policy>
__global__ void __launch_bounds__(Policy::threads)
    cost_kernel(device_batch<float> images, device_batch<float> noise, cost_form form, cost_workspace work,
                device_matrix<float> out) {
  constexpr int own = cost_policy::of_thread, across = cost_policy::tile / own;
  auto* const tiles = dynamic_shared<product_tiles>();
  const std::size_t first_row = static_cast<std::size_t>(blockIdx.y) * cost_policy::tile;
  const std::size_t first_column = static_cast<std::size_t>(blockIdx.x) * cost_policy::tile;
  const int row = static_cast<int>(threadIdx.x) / across * own, column = static_cast<int>(threadIdx.x) % across * own;
  const float* const image_mean = form.centre_images ? work.image_mean : nullptr;
  const float* const noise_mean = form.centre_noise ? work.noise_mean : nullptr;
  float product[own][own] = {};
  for (std::size_t k = 0; k < images.columns(); k += cost_policy::depth) {
    load_tile(images, first_row, k, image_mean, tiles->image);
    load_tile(noise, first_column, k, noise_mean, tiles->noise);
    __syncthreads();  // both tiles are there
    for (int step = 0; step < cost_policy::depth; ++step) {
      float x[own], e[own];
      for (int a = 0; a < own; ++a) x[a] = tiles->image[step][row + a];
      for (int b = 0; b < own; ++b) e[b] = tiles->noise[step][column + b];
      for (int a = 0; a < own; ++a) {
        for (int b = 0; b < own; ++b) product[a][b] = fmaf(x[a], e[b], product[a][b]);
      }
    }
    __syncthreads();  // both tiles are read
  }
  const bool takes_norms = needs_norms(form);
  float least = INFINITY, greatest = -INFINITY;
  bool all_finite = true;
  for (int a = 0; a < own; ++a) {
    for (int b = 0; b < own; ++b) {
      const std::size_t i = first_row + static_cast<std::size_t>(row + a);
      const std::size_t j = first_column + static_cast<std::size_t>(column + b);
      if (i >= out.rows() || j >= out.columns()) continue;
      const float cost = cost_of_product(form, product[a][b], takes_norms ? work.image_norms[i] : 0.0f,
                                         takes_norms ? work.noise_norms[j] : 0.0f);
      out.data()[i * out.stride() + j] = cost;
      all_finite = all_finite && is_finite(cost);
      if (!is_finite(cost)) continue;
      least = cost < least ? cost : least;
      greatest = cost > greatest ? cost : greatest;
    }
  }
  note_range(least, greatest, all_finite, work.range, tiles->scratch);
}

/// One step of the rounded costs, and the cost that becomes 0.
struct cost_rounding {
  float unit, middle;
};

constexpr float steps_of_range = 65534.0f;

__device__ inline cost_rounding rounding_of_range(const std::uint32_t* range) {
  const float least = float_of_ordered(~range[0]), greatest = float_of_ordered(range[1]);
  const float middle = 0.5f * least + 0.5f * greatest;
  const float unit = greatest / steps_of_range - least / steps_of_range;
  return {unit > 0 ? unit : 1.0f, middle};
}

/// Rounded costs [n, m]; all 0 if a cost is not finite, so that the solvers answer with the identity.
template <class Policy>
__global__ void __launch_bounds__(Policy::streaming_threads)
    round_costs_kernel(device_batch<float> cost, const std::uint32_t* range, std::int16_t* out) {
  const cost_rounding rounding = rounding_of_range(range);
  const bool all_finite = range[2] == 0;
  const std::size_t values = cost.rows() * cost.columns();
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t at = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < values; at += step) {
    const std::size_t i = at / cost.columns(), j = at % cost.columns();
    const float steps = (cost.data()[i * cost.stride() + j] - rounding.middle) / rounding.unit;
    const float kept = steps < -32767.0f ? -32767.0f : steps > 32767.0f ? 32767.0f : steps;
    out[at] = all_finite ? static_cast<std::int16_t>(rintf(kept)) : std::int16_t{0};
  }
}

/// Blocks of `threads` for `count` things, at most `most`; at least one.
inline unsigned blocks_for(std::size_t count, unsigned threads, std::size_t most) {
  const std::size_t wanted = (count + threads - 1) / threads;
  return static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

/// What a form needs besides products: a cleared range, means, norms. Needs checked arguments; n, m, d > 0.
inline void enqueue_cost_terms(const device_batch<float>& images, const device_batch<float>& noise,
                               const cost_form& form, const cost_workspace& work, cudaStream_t stream) {
  const unsigned threads = cost_policy::streaming_threads;
  check_cuda(cudaMemsetAsync(work.range, 0, range_words * sizeof(std::uint32_t), stream), "cudaMemsetAsync");
  if (form.centre_images || form.centre_noise) {
    const unsigned blocks = blocks_for(images.columns(), threads, SIZE_MAX);
    launch(means_kernel<cost_policy>, dim3(blocks, 2), threads, 0, stream, images, noise, work.image_mean,
           work.noise_mean);
  }
  if (needs_norms(form)) {
    const unsigned blocks = blocks_for(images.rows() + noise.rows(), threads / warp_lanes, SIZE_MAX);
    launch(norms_kernel<cost_policy>, blocks, threads, 0, stream, images, noise, form.function != cost_function::cosine,
           work.image_norms, work.noise_norms);
  }
}

/// Costs in the form asked for, and their range.
inline void enqueue_costs(const device_batch<float>& images, const device_batch<float>& noise, const cost_form& form,
                          const device_matrix<float>& out, const cost_workspace& work, cudaStream_t stream) {
  enqueue_cost_terms(images, noise, form, work, stream);
  const dim3 tiles(blocks_for(noise.rows(), cost_policy::tile, SIZE_MAX),
                   blocks_for(images.rows(), cost_policy::tile, SIZE_MAX));
  launch(cost_kernel<cost_policy>, tiles, cost_policy::threads, sizeof(product_tiles), stream, images, noise, form,
         work, out);
}

/// Costs in int16, contiguous [n, m].
inline void enqueue_rounding(const device_batch<float>& cost, const std::uint32_t* range, std::int16_t* out,
                             cudaStream_t stream) {
  const unsigned threads = cost_policy::streaming_threads;
  launch(round_costs_kernel<cost_policy>, blocks_for(cost.rows() * cost.columns(), threads, 4096), threads, 0, stream,
         cost, range, out);
}

/// Throws unless images and noise have values and the same width, and the device knows the cost.
inline void check_samples(const char* function, const device_batch<float>& images, const device_batch<float>& noise,
                          cost_function cost) {
  if (images.columns() != noise.columns()) {
    fail(function, "needs images and noise of the same width, got " + shape_text(images) + " and " + shape_text(noise));
  }
  if (cost == cost_function::published) fail(function, "needs another cost than published: it exists on the CPU alone");
  if (images.rows() > 0 && images.columns() == 0) fail(function, "needs samples with d >= 1 values, got d = 0");
  constexpr std::size_t most = std::size_t{65'535} * cost_policy::tile;  // a grid has no more tiles in y
  if (images.rows() > most) {
    fail(function, "needs at most " + std::to_string(most) + " images, got " + std::to_string(images.rows()));
  }
}

}  // namespace detail

inline std::size_t pairwise_cost_workspace_bytes(std::size_t n, std::size_t m, std::size_t d) {
  return detail::cost_workspace_bytes(n, m, d);
}

inline void pairwise_cost(const device_batch<float>& images, const device_batch<float>& noise, cost_function function,
                          const device_matrix<float>& out, void* workspace, cudaStream_t stream) {
  detail::check_samples("pairwise_cost", images, noise, function);
  if (out.rows() != images.rows() || out.columns() != noise.rows()) {
    detail::fail("pairwise_cost", "needs out [n, m] for images " + detail::shape_text(images) + " and noise " +
                                      detail::shape_text(noise) + ", got " + detail::shape_text(out));
  }
  if (out.empty()) return;
  if (workspace == nullptr) detail::fail("pairwise_cost", "needs a workspace, got a null pointer");
  detail::enqueue_costs(images, noise, detail::form_of(function), out,
                        detail::cost_workspace_at(workspace, images.rows(), images.columns()), stream);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

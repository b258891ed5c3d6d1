// The verb on device memory: which noise should each image of a batch get? The twin of assign.hpp.
//
//   immiscible::assign(images, noise, out, workspace, stream);
//   immiscible::permute_rows(noise, out.noise_of_image, status, permute_workspace, stream);  // noise row i belongs to image i
//
// Everything is enqueued: nothing is allocated, nothing waits, no global or default stream is used, so the call can be captured
// in a graph. What went wrong on the device stands in the summary, because a stream cannot throw.
#pragma once

#include <immiscible/auction.cuh>
#include <immiscible/cost.cuh>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/greedy.cuh>
#include <immiscible/jonker_volgenant.cuh>
#include <immiscible/jonker_volgenant_batched.cuh>
#include <immiscible/method.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace immiscible {

/// What the device's `assign` does; the default is exact pairing by squared distance.
struct device_assign_options {
  immiscible::method method = method::exact;  ///< exact, auction, greedy, greedy_by_row or none
  cost_function cost = cost_function::squared_l2;
  double auction_tolerance = 0.1;  ///< method::auction: epsilon in standard deviations of the cost
};

inline namespace IMMISCIBLE_BUILD {

/// Bytes of workspace that `assign` (and `assign_in_groups` with up to `groups` groups) needs; aligned to 256.
///
/// @throws std::invalid_argument  n m costs do not fit the address space.
inline std::size_t assign_workspace_bytes(std::size_t n, std::size_t m, std::size_t d, std::size_t groups = 0);

/// Chooses a noise for every image; enqueues on `stream` and returns at once.
///
/// @param images     [n, d] row-major float, device, any stride.
/// @param noise      [m, d], n <= m <= 4096.
/// @param out        device memory; see device_assignment.cuh. Prices (exact, auction) are in steps of the rounded costs.
///                   summary: total_cost is that of the pairs, computed from the samples; lower_bound allows for the rounding of
///                   the costs to steps, n units at most, not for that of float32 before it; `optimal` is said of the rounded costs.
/// @param workspace  assign_workspace_bytes(n, m, d) bytes, device, aligned to 256; free again when the stream has done the work.
/// @param stream     any stream, not destroyed before the work is done.
/// @throws std::invalid_argument  shapes that do not fit, n > m, m > 4096, a method or cost that only the CPU has, a tolerance
///                                that is not positive, a null pointer (nothing is enqueued then).
/// @throws cuda_error             a launch was refused.
///
/// On the device: a sample that is not finite ends in status not_finite; every image then keeps the noise of its own number.
/// Precision:   float32 products; the solvers' costs are rounded to 65,535 steps over their range.
/// Cost:        at most 8 launches and a memset (groups: two), no synchronisation. 6 bytes for each of the n m costs.
/// Determinism: the same input gives the same answer, run to run on one kind of device.
inline void assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                   void* workspace, cudaStream_t stream, const device_assign_options& options = {});

/// The same, exchanging noise only between images of the same label: noise i carries the label of image i.
///
/// @param labels  [n] device, 0 ... groups - 1; a label outside ends in status bad_label, and nobody's noise moves.
/// @param groups  how many labels there are; some may be empty.
/// @throws        as `assign`; also n != m, or a method that is not exact.
///
/// Cost: as `assign`; a block for each group. The costs of all pairs are computed, those across groups are not used.
inline void assign_in_groups(const device_batch<float>& images, const device_batch<float>& noise,
                             const std::int32_t* labels, std::size_t groups, const device_assignment& out,
                             void* workspace, cudaStream_t stream, const device_assign_options& options = {});

/// `assign` with a workspace of its own: allocated and freed in the order of the stream (cudaMallocAsync, cudaFreeAsync).
///
/// @throws cuda_error  also where there is no memory.
inline void assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                   cudaStream_t stream, const device_assign_options& options = {});

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Tuning numbers. Not measured on a GPU.
struct assign_policy {
  static constexpr unsigned threads = 256;
  static constexpr unsigned total_threads = 512;
  static constexpr unsigned group_threads = 512;
};

/// What the parts of `assign` leave for each other, in the caller's workspace.
struct assign_memory {
  float* cost;            // [n, m]
  std::int16_t* rounded;  // [n, m]
  cost_workspace costs;
  void* solver;                // of the solvers
  double* pair_cost;           // [n]
  device_summary* solved;      // [max(1, groups)]
  std::int32_t* member;        // [n] groups: rows, group after group
  std::int32_t* first_member;  // [groups + 1]
  std::int32_t* bad_labels;    // [1] 1: a label is out of range
};

/// Lays the parts out one after the other; with a null workspace, only counts.
class workspace_layout {
 public:
  explicit workspace_layout(void* memory) : memory_(static_cast<unsigned char*>(memory)) {}
  template <class T>
  T* take(std::size_t count) {
    return static_cast<T*>(take_bytes(count * sizeof(T)));
  }
  void* take_bytes(std::size_t bytes) {
    void* const part = memory_ == nullptr ? nullptr : memory_ + bytes_;
    bytes_ += aligned_bytes(bytes);
    return part;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  unsigned char* memory_;
  std::size_t bytes_ = 0;
};

inline std::size_t lay_out(void* workspace, std::size_t n, std::size_t m, std::size_t d, std::size_t groups,
                           assign_memory& memory) {
  const std::size_t problems = groups == 0 ? 1 : groups;
  workspace_layout layout(workspace);
  memory.cost = layout.take<float>(n * m);
  memory.rounded = layout.take<std::int16_t>(n * m);
  void* const costs = layout.take_bytes(cost_workspace_bytes(n, m, d));
  if (workspace != nullptr) memory.costs = cost_workspace_at(costs, n, d);
  memory.solver = layout.take_bytes(aligned_bytes(sizeof(std::int32_t)) + states_bytes(problems, m));
  memory.pair_cost = layout.take<double>(n);
  memory.solved = layout.take<device_summary>(problems);
  memory.member = layout.take<std::int32_t>(groups == 0 ? 0 : n);
  memory.first_member = layout.take<std::int32_t>(groups == 0 ? 0 : groups + 1);
  memory.bad_labels = layout.take<std::int32_t>(1);
  return layout.bytes();
}

/// Image i keeps noise i; all prices 0.
template <class Policy>
__global__ void __launch_bounds__(Policy::threads)
    keep_order_kernel(std::int32_t n, std::int32_t m, device_assignment out) {
  for_each_index(grid_team(), m, [&](std::int32_t j) {
    if (j < n) out.noise_of_image[j] = j;
    if (j < n && out.image_price != nullptr) out.image_price[j] = 0;
    if (out.noise_price != nullptr) out.noise_price[j] = 0;
  });
}

/// One block: the rows of each label, in their order, group after group. A label out of range leaves all groups empty.
template <class Policy>
__global__ void __launch_bounds__(Policy::group_threads)
    collect_groups_kernel(const std::int32_t* labels, std::int32_t n, std::int32_t groups, assign_memory memory) {
  const auto thread = static_cast<std::int32_t>(threadIdx.x), threads = static_cast<std::int32_t>(blockDim.x);
  bool in_range = true;
  for (std::int32_t i = thread; i < n; i += threads) in_range = in_range && labels[i] >= 0 && labels[i] < groups;
  in_range = __syncthreads_and(in_range) != 0;
  for (std::int32_t g = thread; g < groups; g += threads) {
    std::int32_t size = 0;
    for (std::int32_t i = 0; in_range && i < n; ++i) size += labels[i] == g ? 1 : 0;
    memory.first_member[g + 1] = size;
  }
  __syncthreads();  // all sizes stand there
  if (thread == 0) {
    memory.first_member[0] = 0;
    for (std::int32_t g = 0; g < groups; ++g) memory.first_member[g + 1] += memory.first_member[g];
    *memory.bad_labels = in_range ? 0 : 1;
  }
  __syncthreads();  // sizes have become first places
  for (std::int32_t g = thread; in_range && g < groups; g += threads) {
    std::int32_t place = memory.first_member[g];
    for (std::int32_t i = 0; i < n; ++i) {
      if (labels[i] == g) memory.member[place++] = i;
    }
  }
}

/// The cost of each image with its noise, in double, a warp each.
template <class Policy>
__global__ void __launch_bounds__(Policy::threads)
    pair_costs_kernel(device_batch<float> images, device_batch<float> noise, const std::int32_t* noise_of_image,
                      cost_function function, double* pair_cost) {
  for_rows_by_warp(grid_team(), static_cast<std::int32_t>(images.rows()), [&](std::int32_t i) {
    const float* const x = images.row(static_cast<std::size_t>(i));
    const float* const e = noise.row(static_cast<std::size_t>(noise_of_image[i]));
    double products = 0, differences = 0, x_squares = 0, e_squares = 0;
    for (std::size_t k = lane_of_thread(); k < images.columns(); k += warp_lanes) {
      const double a = x[k], b = e[k];
      products += a * b;
      differences += (a - b) * (a - b);
      x_squares += a * a;
      e_squares += b * b;
    }
    products = warp_reduce(products, add());
    differences = warp_reduce(differences, add());
    const double norms = sqrt(warp_reduce(x_squares, add())) * sqrt(warp_reduce(e_squares, add()));
    if (lane_of_thread() != 0) return;
    switch (function) {
      case cost_function::l2:
        pair_cost[i] = sqrt(differences);
        break;
      case cost_function::inner_product:
        pair_cost[i] = -products;
        break;
      case cost_function::cosine:
        pair_cost[i] = norms == 0 ? 1.0 : 1.0 - products / norms;
        break;
      default:
        pair_cost[i] = differences;
    }
  });
}

/// One block: the summary of the whole, from the pairs' costs and the solver's summaries.
template <class Policy>
__global__ void __launch_bounds__(Policy::total_threads)
    summary_kernel(std::int32_t n, std::int32_t problems, assign_memory memory, bool has_bound, bool has_groups,
                   device_summary* out) {
  auto* const scratch = dynamic_shared<double>();
  const auto first = static_cast<std::int32_t>(threadIdx.x), step = static_cast<std::int32_t>(blockDim.x);
  double total = 0, gap = 0;
  for (std::int32_t i = first; i < n; i += step) total += memory.pair_cost[i];
  std::int32_t free_rows = 0, row_scans = 0, rounds = 0;
  bool is_optimal = true;
  for (std::int32_t p = first; p < problems; p += step) {
    const device_summary& solved = memory.solved[p];
    gap += solved.total_cost - solved.lower_bound;
    free_rows += solved.free_rows;
    row_scans += solved.row_scans;
    rounds += solved.rounds;
    is_optimal = is_optimal && solved.status == device_status::optimal;
  }
  total = block_reduce(total, add(), 0.0, scratch);
  gap = block_reduce(gap, add(), 0.0, scratch);
  free_rows = block_reduce(free_rows, add(), 0, reinterpret_cast<std::int32_t*>(scratch));
  row_scans = block_reduce(row_scans, add(), 0, reinterpret_cast<std::int32_t*>(scratch));
  rounds = block_reduce(rounds, add(), 0, reinterpret_cast<std::int32_t*>(scratch));
  is_optimal = __syncthreads_and(is_optimal) != 0;
  if (threadIdx.x != 0) return;
  const float unit = has_bound ? rounding_of_range(memory.costs.range).unit : 1.0f;
  device_status status = has_bound && is_optimal ? device_status::optimal : device_status::feasible;
  double bound = has_bound ? total - (gap + n) * static_cast<double>(unit) : -static_cast<double>(INFINITY);
  if (has_groups && *memory.bad_labels != 0) status = device_status::bad_label;
  if (memory.costs.range[2] != 0) status = device_status::not_finite;
  if (status == device_status::bad_label || status == device_status::not_finite) {
    bound = -static_cast<double>(INFINITY);
  }
  *out = {status, free_rows, row_scans, rounds, total, bound, unit};
}

/// Throws unless the device can do what is asked.
inline void check_assign_arguments(const char* name, const device_batch<float>& images,
                                   const device_batch<float>& noise, const device_assignment& out, void* workspace,
                                   const device_assign_options& options) {
  check_samples(name, images, noise, options.cost);
  if (options.method == method::nearest || options.method == method::drawn_nearest) {
    fail(name,
         "needs method exact, auction, greedy, greedy_by_row or none: for the nearest of k take nearest_noise.cuh or "
         "drawn_nearest.cuh");
  }
  if (options.method == method::auction && !(options.auction_tolerance > 0 && options.auction_tolerance < 1e30)) {
    fail(name, "needs auction_tolerance above 0, got " + std::to_string(options.auction_tolerance));
  }
  check_solver_arguments(name, images.rows(), noise.rows(), out, workspace);
  if (images.rows() > 0 && out.summary == nullptr) fail(name, "needs memory for the summary, got a null pointer");
}

/// Costs in the form that suits the method, and rounded; the solver; pairs and summary. make_costs(form, cost) enqueues the costs.
template <class MakeCosts>
void enqueue_assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                    const assign_memory& memory, const std::int32_t* labels, std::size_t groups,
                    const device_assign_options& options, cudaStream_t stream, const MakeCosts& make_costs) {
  const std::size_t n = images.rows(), m = noise.rows();
  const auto rows = static_cast<std::int32_t>(n), columns = static_cast<std::int32_t>(m);
  const bool is_greedy = options.method == method::greedy || options.method == method::greedy_by_row;
  const bool has_prices = options.method == method::exact || options.method == method::auction;
  const cost_form form = has_prices ? reduced_form_of(options.cost, n == m) : form_of(options.cost);
  const device_matrix<float> cost(memory.cost, n, m);
  make_costs(form, cost);
  enqueue_rounding(cost, memory.costs.range, memory.rounded, stream);
  device_assignment solved = out;
  solved.summary = memory.solved;
  const device_batch<std::int16_t> rounded(memory.rounded, n, m);
  const unsigned blocks = blocks_for(m, assign_policy::threads, 1024);
  if (labels != nullptr) {  // where a label is bad, no group has members and this stays
    launch(keep_order_kernel<assign_policy>, blocks, assign_policy::threads, 0, stream, rows, columns, out);
    launch(collect_groups_kernel<assign_policy>, 1, assign_policy::group_threads, 0, stream, labels, rows,
           static_cast<std::int32_t>(groups), memory);
    const problem_list list = {
        memory.rounded, m, rows, columns, memory.member, memory.first_member, static_cast<std::int32_t>(groups)};
    enqueue_batched(list, m, solved, memory.solver, stream);
  } else if (options.method == method::exact) {
    jonker_volgenant(rounded, solved, memory.solver, stream);
  } else if (options.method == method::auction) {
    auction(rounded, options.auction_tolerance, solved, memory.solver, stream);
  } else if (is_greedy) {
    if (options.method == method::greedy) {
      greedy(rounded, solved, memory.solver, stream);
    } else {
      greedy_by_row(rounded, solved, memory.solver, stream);
    }
  } else {
    launch(keep_order_kernel<assign_policy>, blocks, assign_policy::threads, 0, stream, rows, columns, out);
  }
  const unsigned warps = assign_policy::threads / warp_lanes;
  launch(pair_costs_kernel<assign_policy>, blocks_for(n, warps, 4096), assign_policy::threads, 0, stream, images, noise,
         out.noise_of_image, options.cost, memory.pair_cost);
  const bool is_solved = options.method != method::none;
  launch(summary_kernel<assign_policy>, 1, assign_policy::total_threads, most_warps * sizeof(double), stream, rows,
         static_cast<std::int32_t>(labels != nullptr ? groups
                                   : is_solved       ? 1
                                                     : 0),
         memory, is_solved, labels != nullptr, out.summary);
}

/// The product that needs no library, for `enqueue_assign`.
inline auto own_product(const device_batch<float>& images, const device_batch<float>& noise,
                        const assign_memory& memory, cudaStream_t stream) {
  return [=](const cost_form& form, const device_matrix<float>& cost) {
    enqueue_costs(images, noise, form, cost, memory.costs, stream);
  };
}

}  // namespace detail

inline std::size_t assign_workspace_bytes(std::size_t n, std::size_t m, std::size_t d, std::size_t groups) {
  if (n == 0) return 0;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 64;
  if (m > most / n || d > most / 8 || groups > most / 256) {
    detail::fail("assign_workspace_bytes", "needs sizes that fit the address space, got n = " + std::to_string(n) +
                                               ", m = " + std::to_string(m) + ", d = " + std::to_string(d) +
                                               ", groups = " + std::to_string(groups));
  }
  detail::assign_memory memory = {};
  return detail::lay_out(nullptr, n, m, d, groups, memory);
}

inline void assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                   void* workspace, cudaStream_t stream, const device_assign_options& options) {
  detail::check_assign_arguments("assign", images, noise, out, workspace, options);
  if (images.rows() == 0) return;
  detail::assign_memory memory = {};
  detail::lay_out(workspace, images.rows(), noise.rows(), images.columns(), 0, memory);
  detail::enqueue_assign(images, noise, out, memory, nullptr, 0, options, stream,
                         detail::own_product(images, noise, memory, stream));
}

inline void assign_in_groups(const device_batch<float>& images, const device_batch<float>& noise,
                             const std::int32_t* labels, std::size_t groups, const device_assignment& out,
                             void* workspace, cudaStream_t stream, const device_assign_options& options) {
  const char* name = "assign_in_groups";
  detail::check_assign_arguments(name, images, noise, out, workspace, options);
  if (options.method != method::exact) detail::fail(name, "needs method::exact, got another");
  if (images.rows() != noise.rows()) {
    detail::fail(name, "needs as many noises as images, got " + detail::shape_text(images) + " and " +
                           detail::shape_text(noise));
  }
  if (images.rows() == 0) return;
  if (labels == nullptr) detail::fail(name, "needs labels, got a null pointer");
  if (groups < 1 || groups > static_cast<std::size_t>(INT32_MAX)) {
    detail::fail(name, "needs 1 to 2^31 - 1 groups, got " + std::to_string(groups));
  }
  detail::assign_memory memory = {};
  detail::lay_out(workspace, images.rows(), noise.rows(), images.columns(), groups, memory);
  detail::enqueue_assign(images, noise, out, memory, labels, groups, options, stream,
                         detail::own_product(images, noise, memory, stream));
}

inline void assign(const device_batch<float>& images, const device_batch<float>& noise, const device_assignment& out,
                   cudaStream_t stream, const device_assign_options& options) {
  void* workspace = nullptr;
  detail::check_assign_arguments("assign", images, noise, out, &workspace, options);  // any memory will do for that
  const std::size_t bytes = assign_workspace_bytes(images.rows(), noise.rows(), images.columns());
  if (bytes > 0) detail::check_cuda(cudaMallocAsync(&workspace, bytes, stream), "cudaMallocAsync");
  try {
    assign(images, noise, out, workspace, stream, options);
  } catch (...) {
    if (workspace != nullptr && cudaFreeAsync(workspace, stream) != cudaSuccess) cudaGetLastError();
    throw;
  }
  if (workspace != nullptr) detail::check_cuda(cudaFreeAsync(workspace, stream), "cudaFreeAsync");
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

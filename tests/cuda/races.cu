// Every kernel once, on small problems, for the thread sanitizer: it stops the program where two threads touch the same memory
// with no barrier between them. Grids of several blocks work on problems that one block would take otherwise.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/assign.cuh>
#include <immiscible/drawn_nearest.cuh>
#include <immiscible/nearest_noise.cuh>
#include <immiscible/permute_rows.cuh>
#include <immiscible/philox.cuh>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

using namespace immiscible;
using tests::device_array;

int main() {
  const std::size_t n = 24, m = 27, d = 6;
  const device_array<float> x(tests::bell_samples<float>(n, d, 1).values),
      e(tests::bell_samples<float>(m, d, 2).values);
  const device_array<std::int32_t> pairs(n), u(n), v(m);
  const device_array<device_summary> summary(1);
  const device_array<device_status> status(1);
  const device_array<unsigned char> workspace(assign_workspace_bytes(n, m, d, 3)),
      moving(permute_rows_workspace_bytes(n));
  const device_assignment out = {pairs.data(), u.data(), v.data(), summary.data()};
  const device_batch<float> images(x.data(), n, d), noise(e.data(), m, d), as_many(e.data(), n, d);
  std::vector<std::int32_t> labels(n);
  for (std::size_t i = 0; i < n; ++i) labels[i] = static_cast<std::int32_t>(i % 3);
  const device_array<std::int32_t> label(labels);

  for (const method way : {method::exact, method::auction, method::greedy, method::greedy_by_row, method::none}) {
    device_assign_options options;
    options.method = way;
    assign(images, noise, out, workspace.data(), nullptr, options);
  }
  assign_in_groups(images, as_many, label.data(), 3, out, workspace.data(), nullptr);
  permute_rows({e.data(), n, d}, pairs.data(), status.data(), moving.data(), nullptr);

  // Three blocks for one problem.
  const auto costs =
      tests::make_matrix<std::int16_t>(n, m, [](std::size_t i, std::size_t j) { return 7 * i + i * j % 5; });
  const device_array<std::int16_t> rounded(costs.values);
  const device_array<unsigned char> state(jonker_volgenant_workspace_bytes(n, m));
  const detail::integer_costs problem = detail::as_integer_costs(device_batch<std::int16_t>(rounded.data(), n, m));
  void* const memory = state.data();
  const std::size_t scratch = sizeof(detail::warm_start_scratch);
  detail::launch_cooperative(detail::warm_start_kernel<detail::jonker_volgenant_policy>, 3, 64, scratch, nullptr,
                             problem, memory);
  detail::launch(detail::augment_kernel<detail::jonker_volgenant_policy>, 1, 64, detail::search_bytes(m), nullptr,
                 problem, memory, out);
  detail::launch_cooperative(detail::greedy_kernel<detail::grid_team>, 3, 64, scratch, nullptr, detail::grid_team(),
                             problem, memory, out);
  detail::launch_cooperative(detail::auction_kernel<detail::grid_team>, 3, 64, scratch, nullptr, detail::grid_team(),
                             problem, memory, 0.5f, detail::auction_policy::most_rounds, out);

  const device_array<float> drawn(n * d);
  const device_matrix<float> rows(drawn.data(), n, d);
  normal_rows(1, 2, 3, rows, nullptr);
  nearest_normal_rows(1, 2, 3, images, 5, rows, status.data(), nullptr);
  nearest_noise(device_batch<float>(x.data(), 8, d), device_batch<float>(e.data(), 24, d), 3, pairs.data(), nullptr,
                status.data(), nullptr);
  detail::check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  std::printf("no races\n");
}

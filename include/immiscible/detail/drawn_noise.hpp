// Draws noise for `assign` and looks at it on the way: what would be two more passes over the noise happens while each row
// is in the nearest cache.
#pragma once

#include <immiscible/assign.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/int8_cost.hpp>
#include <immiscible/detail/parallel.hpp>
#include <immiscible/detail/round_to_bytes.hpp>
#include <immiscible/detail/sample_statistics.hpp>
#include <immiscible/philox.hpp>

#include <cstddef>
#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Rows 0, 1, ... of (seed, step) to `drawn`; their norms, and their bytes if costs in bytes may be wanted, to the workspace.
/// Bytes are rounded as if the root mean square were 1.
inline known_noise draw_known(std::uint64_t seed, std::uint64_t step, const assign_options& options,
                              const matrix_view<float>& drawn, assign_workspace<float>& workspace) {
  static const byte_rounding rounding = rounding_of_noise(noise_deviations_kept);
  const std::size_t rows = drawn.rows(), columns = drawn.columns();
  workspace.noise_norms.assign(rows, 0.0);
  if (drawn.empty()) return {};
  const bool in_bytes = options.precision != precision::full && offers_int8<float>(options);
  if (in_bytes) {
    workspace.int8.noise.resize(rows * columns);
    workspace.int8.noise_sum.resize(rows);
  }
  normal_row_function* const normal_row = normal_row_for(best_target());
  statistics_function* const statistics_of_row = statistics_of_row_for(best_target());
  round_row_function* const round_row = round_row_to_bytes_for(best_target());
  shared_range range;
  for_row_blocks(rows, options.threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      normal_row(seed, step, i, columns, drawn.row(i));
      const row_statistics row = statistics_of_row(drawn.row(i), columns);
      range.add(row);
      workspace.noise_norms[i] = row.squares;
      if (!in_bytes) continue;
      std::int8_t* const bytes = workspace.int8.noise.data() + i * columns;
      workspace.int8.noise_sum[i] = round_row(drawn.row(i), columns, rounding, bytes);
    }
  });
  return {range.of(workspace.noise_norms, columns), in_bytes ? &rounding : nullptr};
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// Who works on one problem: a block, or all blocks of a cooperative grid. The same code serves both.
#pragma once

#include <cooperative_groups.h>
#include <immiscible/detail/block.cuh>
#include <immiscible/detail/build_namespace.hpp>

#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// The threads of one block.
struct block_team {
  __device__ unsigned block() const { return 0; }
  __device__ unsigned blocks() const { return 1; }
  __device__ void sync() const { __syncthreads(); }
};

/// All threads of a grid started by `launch_cooperative`.
struct grid_team {
  __device__ unsigned block() const { return blockIdx.x; }
  __device__ unsigned blocks() const { return gridDim.x; }
  __device__ void sync() const { cooperative_groups::this_grid().sync(); }
};

/// Calls each(row) for every row, by whole warps: all lanes of a warp get the same row.
template <class Team, class Each>
__device__ void for_rows_by_warp(const Team& team, std::int32_t rows, Each each) {
  const auto first = static_cast<std::int32_t>(team.block() * warps_of_block() + warp_of_thread());
  const auto step = static_cast<std::int32_t>(team.blocks() * warps_of_block());
  for (std::int32_t row = first; row < rows; row += step) each(row);
}

/// Calls each(index) for every index below `count`, by single threads.
template <class Team, class Each>
__device__ void for_each_index(const Team& team, std::int32_t count, Each each) {
  const auto first = static_cast<std::int32_t>(team.block() * blockDim.x + threadIdx.x);
  const auto step = static_cast<std::int32_t>(team.blocks() * blockDim.x);
  for (std::int32_t index = first; index < count; index += step) each(index);
}

/// Reduces every column over all rows: write(column, combined) once for each column.
///
/// A block takes 32 neighbouring columns at a time, a lane each; its warps share the rows. `of_entry(part, row, column)`
/// returns the part with one entry more.
///
/// @param scratch  [most_warps * warp_lanes] shared.
template <class Part, class Team, class OfEntry, class Combine, class Write>
__device__ void reduce_columns(const Team& team, std::int32_t rows, std::int32_t columns, Part identity, Part* scratch,
                               OfEntry of_entry, Combine combine, Write write) {
  const auto lanes = static_cast<std::int32_t>(warp_lanes);
  const auto warp = static_cast<std::int32_t>(warp_of_thread()), warps = static_cast<std::int32_t>(warps_of_block());
  const auto lane = static_cast<std::int32_t>(lane_of_thread());
  for (auto tile = static_cast<std::int32_t>(team.block()); tile * lanes < columns;
       tile += static_cast<std::int32_t>(team.blocks())) {
    const std::int32_t column = tile * lanes + lane;
    Part part = identity;
    if (column < columns) {
      for (std::int32_t row = warp; row < rows; row += warps) part = of_entry(part, row, column);
    }
    scratch[warp * lanes + lane] = part;
    __syncthreads();  // all parts of the tile stand there
    if (warp == 0 && column < columns) {
      for (std::int32_t w = 1; w < warps; ++w) part = combine(part, scratch[w * lanes + lane]);
      write(column, part);
    }
    __syncthreads();  // they are read: the scratch is free
  }
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

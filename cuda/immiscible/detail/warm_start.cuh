// Prices that are nearly right, and a matching along them, before any search: everything here runs in parallel.
//
// Sinkhorn iterations in the log domain, epsilon falling, give column prices v. They are rounded to integers, and made
// valid: u_i = min_j (c_ij - v_j), then v_j = min_i (c_ij - u_i). Rows then take columns that are tight (c_ij = u_i + v_j), the
// lowest row where several want the same. About 2 % of the rows are left to `augment`.
//
// Whatever the floating-point numbers were, the prices are valid afterwards, so the exact finish does not depend on them.
//
// Measured by counting, n = 1024, costs in int16 (rows left, serial scans of rows by `augment`), Fashion-MNIST / photographs:
// plain searches 1024 rows, 38,569 / 58,361; this, 40 iterations to 0.005: 16, 712 / 27, 1,236; 80 to 0.005: 13, 506 /
// 23, 998; 80 to 0.02: 30, 1,103 / 61, 1,316. Jacobi auctions leave 150 rows, and 1,140 scans after 3,000 rounds at best.
//
// Reference: Cuturi, NeurIPS 2013; Peyre, Cuturi, Computational Optimal Transport (2019), section 4.4 (log domain).
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/launch.cuh>
#include <immiscible/detail/square_problem.cuh>
#include <immiscible/detail/team.cuh>

#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Tuning numbers; by counted work (see above), not by time.
struct warm_start_policy {
  static constexpr int iterations = 80;
  static constexpr int iterations_at_last = 8;  ///< of those, with the smallest epsilon
  static constexpr float first_epsilon = 0.3f;  ///< standard deviations of the cost, rows' and columns' means apart
  static constexpr float last_epsilon = 0.005f;
  static constexpr int matching_rounds = 8;
};

/// log(sum of exp), taken in one pass: the sum is exp(greatest) * rest.
struct exponential_sum {
  float greatest, rest;
};

constexpr float below_all_exponents = -3.0e38f;

__device__ inline exponential_sum with_exponent(const exponential_sum& sum, float exponent) {
  const float smaller = __expf(-fabsf(exponent - sum.greatest));
  if (exponent > sum.greatest) return {exponent, sum.rest * smaller + 1.0f};
  return {sum.greatest, sum.rest + smaller};
}

struct add_exponential_sums {
  __device__ exponential_sum operator()(const exponential_sum& a, const exponential_sum& b) const {
    const float smaller = __expf(-fabsf(a.greatest - b.greatest));
    if (a.greatest >= b.greatest) return {a.greatest, a.rest + b.rest * smaller};
    return {b.greatest, b.rest + a.rest * smaller};
  }
};

__device__ inline exponential_sum from_lane_across(const exponential_sum& value, int mask) {
  return {__shfl_xor_sync(all_lanes, value.greatest, mask), __shfl_xor_sync(all_lanes, value.rest, mask)};
}

/// Shared memory of `warm_start`, for the reductions over columns.
union warm_start_scratch {
  exponential_sum sums[most_warps * warp_lanes];
  double doubles[most_warps];
  std::int32_t integers[most_warps * warp_lanes];
};

/// Standard deviation of the costs around the means of their rows and columns; the same in every thread.
template <class Team>
__device__ float deviation_of_costs(const Team& team, const integer_costs& costs, const solver_state& state,
                                    warm_start_scratch* scratch) {
  const double n = costs.n, m = costs.m;
  for_rows_by_warp(team, costs.n, [&](std::int32_t i) {
    double sum = 0, squares = 0;
    for (auto j = static_cast<std::int32_t>(lane_of_thread()); j < costs.m; j += warp_lanes) {
      const double c = costs(i, j);
      sum += c;
      squares += c * c;
    }
    sum = warp_reduce(sum, add());
    squares = warp_reduce(squares, add());
    if (lane_of_thread() == 0) state.row_potential[i] = static_cast<float>(squares - sum * sum / m);
  });
  reduce_columns<std::int32_t>(
      team, costs.n, costs.m, 0, scratch->integers,
      [&](std::int32_t part, std::int32_t i, std::int32_t j) { return part + costs(i, j); }, add(),
      [&](std::int32_t j, std::int32_t sum) { state.column_potential[j] = static_cast<float>(sum / n); });
  team.sync();  // the parts of all rows and columns stand there
  double within = 0, means = 0, squares_of_means = 0;
  for (auto i = static_cast<std::int32_t>(threadIdx.x); i < costs.n; i += static_cast<std::int32_t>(blockDim.x)) {
    within += state.row_potential[i];
  }
  for (auto j = static_cast<std::int32_t>(threadIdx.x); j < costs.m; j += static_cast<std::int32_t>(blockDim.x)) {
    const double mean = state.column_potential[j];
    means += mean;
    squares_of_means += mean * mean;
  }
  within = block_reduce(within, add(), 0.0, scratch->doubles);
  means = block_reduce(means, add(), 0.0, scratch->doubles);
  squares_of_means = block_reduce(squares_of_means, add(), 0.0, scratch->doubles);
  const double variance = (within - n * (squares_of_means - means * means / m)) / (n * m);
  team.sync();  // everyone has read the parts
  return variance > 0 ? static_cast<float>(sqrt(variance)) : 0.0f;
}

/// Column potentials of the transport smoothed by epsilon, in units of the costs.
template <class Team>
__device__ void sinkhorn(const Team& team, const integer_costs& costs, const solver_state& state, float deviation,
                         warm_start_scratch* scratch) {
  using policy = warm_start_policy;
  const std::int32_t kinds = costs.kinds_of_rows();
  const float others = logf(static_cast<float>(costs.m > costs.n ? costs.m - costs.n : 1));
  for_each_index(team, costs.m, [&](std::int32_t j) { state.column_potential[j] = 0; });
  team.sync();  // the potentials start at 0
  for (int iteration = 0; iteration < policy::iterations; ++iteration) {
    constexpr int falling = policy::iterations - policy::iterations_at_last;
    const float progress = iteration < falling ? static_cast<float>(iteration) / falling : 1.0f;
    const float relative = policy::first_epsilon * powf(policy::last_epsilon / policy::first_epsilon, progress);
    const float epsilon = fmaxf(relative * deviation, 0.25f), inverse = 1.0f / epsilon;
    for_rows_by_warp(team, kinds, [&](std::int32_t i) {
      exponential_sum sum = {below_all_exponents, 0};
      for (auto j = static_cast<std::int32_t>(lane_of_thread()); j < costs.m; j += warp_lanes) {
        sum = with_exponent(sum, (state.column_potential[j] - static_cast<float>(costs(i, j))) * inverse);
      }
      sum = warp_reduce(sum, add_exponential_sums());
      if (lane_of_thread() == 0) state.row_potential[i] = -epsilon * (sum.greatest + logf(sum.rest));
    });
    team.sync();  // all rows are done before columns read them
    reduce_columns(
        team, kinds, costs.m, exponential_sum{below_all_exponents, 0}, scratch->sums,
        [&](const exponential_sum& part, std::int32_t i, std::int32_t j) {
          const float exponent = (state.row_potential[i] - static_cast<float>(costs(i, j))) * inverse;
          return with_exponent(part, i < costs.n ? exponent : exponent + others);
        },
        add_exponential_sums(),
        [&](std::int32_t j, const exponential_sum& sum) {
          state.column_potential[j] = -epsilon * (sum.greatest + logf(sum.rest));
        });
    team.sync();  // all columns are done before rows read them
  }
}

/// Makes prices of the column potentials that no cost contradicts, as high as they can be.
template <class Team>
__device__ void repair_prices(const Team& team, const integer_costs& costs, const solver_state& state,
                              warm_start_scratch* scratch) {
  for_each_index(team, costs.m, [&](std::int32_t j) {
    state.column_price[j] = static_cast<std::int32_t>(rintf(state.column_potential[j]));
    state.row_of_column[j] = -1;
    state.column_of_row[j] = -1;
    state.claim[j] = costs.m;
  });
  team.sync();  // all prices are rounded
  for_rows_by_warp(team, costs.kinds_of_rows(), [&](std::int32_t i) {
    std::int32_t least = INT32_MAX;
    for (auto j = static_cast<std::int32_t>(lane_of_thread()); j < costs.m; j += warp_lanes) {
      least = lesser()(least, costs(i, j) - state.column_price[j]);
    }
    least = warp_least(least);
    if (lane_of_thread() == 0) state.row_price[i] = least;
  });
  team.sync();  // all rows have their prices
  reduce_columns<std::int32_t>(
      team, costs.kinds_of_rows(), costs.m, INT32_MAX, scratch->integers,
      [&](std::int32_t part, std::int32_t i, std::int32_t j) {
        return lesser()(part, costs(i, j) - state.row_price[i]);
      },
      lesser(), [&](std::int32_t j, std::int32_t least) { state.column_price[j] = least; });
  for_each_index(team, costs.m - costs.n, [&](std::int32_t other) {  // rows that do not exist are all alike
    if (other > 0) state.row_price[costs.n + other] = state.row_price[costs.n];
  });
  team.sync();  // prices are valid
}

/// The first free column that is tight for row i, looking from column i on; -1: none. All lanes of the warp call.
__device__ inline std::int32_t tight_free_column(const integer_costs& costs, const solver_state& state,
                                                 std::int32_t i) {
  for (std::int32_t begin = 0; begin < costs.m; begin += warp_lanes) {
    const std::int32_t place = begin + static_cast<std::int32_t>(lane_of_thread());
    std::int32_t j = i + place;
    if (j >= costs.m) j -= costs.m;
    const bool hit =
        place < costs.m && state.row_of_column[j] < 0 && costs(i, j) == state.row_price[i] + state.column_price[j];
    const unsigned hits = __ballot_sync(all_lanes, hit);
    if (hits != 0) return (i + begin + __ffs(static_cast<int>(hits)) - 1) % costs.m;
  }
  return -1;
}

/// Matches rows to free tight columns until hardly any can be; of several that want a column, the lowest row.
template <class Team>
__device__ void match_tight_pairs(const Team& team, const integer_costs& costs, const solver_state& state) {
  for (int round = 0; round < warm_start_policy::matching_rounds; ++round) {
    for_rows_by_warp(team, costs.m, [&](std::int32_t i) {
      if (state.column_of_row[i] >= 0) return;
      const std::int32_t j = tight_free_column(costs, state, i);
      if (j >= 0 && lane_of_thread() == 0) atomicMin(&state.claim[j], i);
    });
    team.sync();  // all claims stand
    for_each_index(team, costs.m, [&](std::int32_t j) {
      const std::int32_t i = state.claim[j];
      if (i >= costs.m) return;
      state.row_of_column[j] = i;
      state.column_of_row[i] = j;
      state.claim[j] = costs.m;
    });
    team.sync();  // the matching is known to all
  }
}

/// Valid prices and a partial matching along tight pairs, in `state`. All threads of the team call.
template <class Team>
__device__ void warm_start(const Team& team, const integer_costs& costs, const solver_state& state,
                           warm_start_scratch* scratch) {
  const float deviation = deviation_of_costs(team, costs, state, scratch);
  sinkhorn(team, costs, state, deviation, scratch);
  repair_prices(team, costs, state, scratch);
  match_tight_pairs(team, costs, state);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

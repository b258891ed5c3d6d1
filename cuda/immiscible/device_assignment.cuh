// The answer of the device's solvers, in the caller's device memory: the twin of assignment.hpp.
//
//   u_i  price of image (row) i        v_j  price of noise (column) j        c_ij  cost of pairing them
//
// Solvers work on costs in int16 and prices in int32, so prices prove optimality in exact arithmetic, as on the CPU:
// u_i + v_j <= c_ij everywhere, equality on the pairs, and (n < m) v_j <= 0 with equality on columns that stay unmatched. The
// auction keeps the inequalities, which is what a lower bound needs, and the equalities within its epsilon.
#pragma once

#include <immiscible/device_status.cuh>

#include <cstdint>

namespace immiscible {

/// What is known about an answer. One of these stands in device memory, written by the last kernel.
struct device_summary {
  device_status status;
  std::int32_t free_rows;  ///< exact: rows that the warm start left to searches
  std::int32_t row_scans;  ///< exact: rows that the searches read one after the other
  std::int32_t rounds;     ///< auction: rounds of bidding; greedy: rounds of choosing
  double total_cost;       ///< summed cost of the pairs, in the units of the cost
  double lower_bound;      ///< no matching costs less; -infinity when the method knows none
  float unit;              ///< `assign`: the cost of one step of the rounded costs; otherwise 1
};

/// Where an answer goes. All pointers are device memory; prices may be null where they are not wanted.
struct device_assignment {
  std::int32_t* noise_of_image = nullptr;  ///< [n] noise row of each image
  std::int32_t* image_price = nullptr;     ///< [n] u, in steps of the rounded costs
  std::int32_t* noise_price = nullptr;     ///< [m] v, in steps of the rounded costs
  device_summary* summary = nullptr;       ///< one
};

}  // namespace immiscible

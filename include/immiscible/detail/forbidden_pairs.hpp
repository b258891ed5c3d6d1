// How costs that forbid pairs (+infinity) come to the fast solvers, which take finite costs: as a copy with something else there.
//
//   c_ij  cost as given      c'_ij  the same, but about r_i + k_j + t where c_ij is +infinity
//   r_i   level of row i     k_j    level of column j: c_ij is about r_i + k_j      t  the most by which a finite cost is above that
//
// As c' <= c, prices that are valid for c' (u_i + v_j <= c'_ij) are valid for c; and a matching without forbidden pairs costs the
// same by both. So an answer for c' that takes no forbidden pair is one for c, with its proof, whatever stands in. This stand-in is
// hardly ever taken, being as dear as the dearest of the others, and disturbs the solvers little: a larger one would leave them
// fewer bits for the rest, and one without levels would hide from them what a row or a column costs everybody.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/aligned_vector.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/simd_dispatch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Working memory of `replace_forbidden`: as much as the costs, kept from one such problem to the next.
template <class Cost>
struct forbidden_workspace {
  aligned_vector<Cost> finite;                                // c' [n, m], rows padded to a multiple of 16
  aligned_vector<Cost> no_level, column_level, column_count;  // padded: zeros, k, finite costs in the column
  aligned_vector<Cost> row_level;                             // r
};

/// Where no SIMD version was compiled there is no fast solver.
template <class Cost>
bool write_stand_ins_portable(const batch<Cost>&, forbidden_workspace<Cost>&) {
  return false;
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE <immiscible/detail/forbidden_pairs-inl.hpp>
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// c' of costs that are finite or +infinity, in `work`.
///
/// @return  an empty view where it would be of no use: no cost is finite, their sums overflow, or no SIMD version was compiled
template <class Cost>
batch<Cost> replace_forbidden(const batch<Cost>& cost, forbidden_workspace<Cost>& work,
                              simd_target target = best_target()) {
  if constexpr (std::is_floating_point<Cost>::value) {
    const auto write = IMMISCIBLE_SIMD_CHOOSE(target, write_stand_ins_simd<Cost>, write_stand_ins_portable<Cost>);
    if (write(cost, work)) return {work.finite.data(), cost.rows(), cost.columns(), work.column_level.size()};
  }
  return {};
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

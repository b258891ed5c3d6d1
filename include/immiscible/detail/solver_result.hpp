// What the fast solvers (row_solver.hpp, list_solver.hpp) are asked, and what they answer.
#pragma once

#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// What a fast solve came to.
enum class solver_result {
  optimal,         ///< matching and prices are written, and prove each other
  within_epsilon,  ///< matching, prices and row_bound are written: a matching within the epsilon that was asked for
  prices,          ///< prices are written, and perhaps some pairs that are tight: the dense solver goes on from them
  price_war,       ///< bids within the epsilon that was asked for met their cap; nothing is written
  unsuited,        ///< nothing is written
  out_of_range     ///< nothing is written: the scale, chosen from sampled rows, does not suit another row
};

/// What the caller wants.
struct solver_wishes {
  double epsilon = 0,
         tolerance = 0;     // stop within epsilon, or within tolerance deviations of the cost; both 0: solve exactly
  bool coarse_too = false;  // exactly even where ties make the dense solver faster: for tests

  bool exactly() const { return epsilon == 0 && tolerance == 0; }
};

/// What a solve took, counted: alike on every machine, as a time is not. Tests bound it.
struct solver_effort {
  std::size_t rows_read = 0;  // whole rows of costs, brought to the fixed point
  std::size_t lists_read =
      0;  // short lists, or rows in 16 bits: for a bid, or to see whether a row still has its best column
  std::size_t tree_rows = 0;  // of all searches for shortest paths
};

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

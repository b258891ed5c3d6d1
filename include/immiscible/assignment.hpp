// The answer of every solver: which noise each image gets, and how good that is.
//
//   u_i  price of image (row) i        v_j  price of noise (column) j        c_ij  cost of pairing them
//
// Prices prove optimality (linear-programming duality). For every matching, cost >= sum u + sum v over its columns as long
// as u_i + v_j <= c_ij everywhere, with v_j <= 0 where columns may stay unmatched (n < m). Equality on the pairs of a
// matching therefore proves that nothing is cheaper. `is_optimal` checks exactly that, from the costs and the answer alone.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace immiscible {

/// What is known about an answer.
enum class status {
  optimal,    ///< proved by its prices: no matching is cheaper
  feasible,   ///< a matching; `lower_bound` says how far from the optimum it can be at most
  infeasible  ///< no matching: +infinity costs forbid every one (of the greedy methods: the one that they went for)
};

/// In what the costs are computed from the samples.
enum class precision {
  full,      ///< the samples' own type
  int8,      ///< samples rounded to bytes, the product of matrices in integers: several times faster (needs oneDNN)
  automatic  ///< int8 where it is available and keeps the choice as good, otherwise full
};

/// One noise for each image, with the prices that bound how much better another choice could be.
///
/// @tparam Price  double for floating-point costs, std::int64_t for integer costs (then the proof is exact arithmetic).
template <class Price>
struct basic_assignment {
  std::vector<std::int32_t> noise_of_image;  ///< [n] noise row of each image, -1 everywhere when infeasible
  std::vector<Price> image_price;            ///< [n] u; empty when the method has no prices
  std::vector<Price> noise_price;            ///< [m] v; empty when the method has no prices
  double total_cost = 0;                     ///< sum of the costs of the pairs, in the units of the cost
  double lower_bound = 0;                    ///< no matching costs less; -infinity when the method knows none
  immiscible::status status = immiscible::status::optimal;
  immiscible::precision precision = immiscible::precision::full;  ///< int8 if `assign` chose it, else full
};

using assignment = basic_assignment<double>;

/// The type of the prices that belong to costs of type `Cost`.
template <class Cost>
using price_of = std::conditional_t<std::is_integral<Cost>::value, std::int64_t, double>;

inline namespace IMMISCIBLE_BUILD {

/// How much cheaper than this answer the best matching can be at most: total_cost - lower_bound, never negative.
///
/// @return  0 for an optimal answer; +infinity when no lower bound is known, or for an infeasible answer.
template <class Price>
double gap(const basic_assignment<Price>& answer) {
  if (answer.status == status::infeasible) return std::numeric_limits<double>::infinity();
  return std::max(0.0, answer.total_cost - answer.lower_bound);
}

/// True if the prices of `answer` prove that no matching of `cost` is cheaper.
///
/// Trusts nothing but `cost`: checks that the pairs are a matching, that u_i + v_j <= c_ij everywhere, that equality holds on
/// the pairs, and (n < m) that v_j <= 0 with equality on unmatched columns.
///
/// @param cost       [n, m] row-major, host, n <= m; +infinity forbids a pair.
/// @param tolerance  allowed violation, relative to the largest finite |cost|; integer prices (of integer costs) are checked exactly.
///                   1e-10 is for the costs that the solver got. What `assign` proves are costs that it never writes down as a whole: beside those of
///                   `pairwise_cost`, which round otherwise, take 1e-12 for samples in double, 1e-5 in float.
/// @return           the verdict; false for an infeasible answer.
///
/// Cost: one pass over `cost` (two, where prices are floating-point), O(n + m) memory.
template <class Cost, class Price>
bool is_optimal(const matrix_view<Cost>& cost, const basic_assignment<Price>& answer, double tolerance = 1e-10);

/// The same for anything that `as_batch` takes, such as an Eigen matrix.
template <class Costs, class Price, class = decltype(as_batch(std::declval<const Costs&>()))>
bool is_optimal(const Costs& cost, const basic_assignment<Price>& answer, double tolerance = 1e-10) {
  const auto view = as_batch(cost);
  return is_optimal(batch<typename decltype(view)::value_type>(view), answer, tolerance);
}

/// Moves the rows of `rows` so that row i becomes what row `source_of_row[i]` was: after `assign`, noise row i belongs to image i.
///
/// @param rows           [n, d], host; changed in place, bit for bit a permutation of what it was.
/// @param source_of_row  [n] a permutation of 0 ... n - 1.
/// @throws std::invalid_argument  the sizes differ, or `source_of_row` is not a permutation (nothing is changed then).
///
/// Cost: each row moves once; one row and n bits of extra memory.
template <class Scalar>
void permute_rows(const matrix_view<Scalar>& rows, const std::vector<std::int32_t>& source_of_row);

/// The same for anything that has a mutable `as_batch`, such as an Eigen matrix or a block of one.
template <class Rows, class = decltype(as_batch(std::declval<Rows&>()))>
void permute_rows(Rows&& rows, const std::vector<std::int32_t>& source_of_row) {
  const auto view = as_batch(rows);
  const matrix_view<typename decltype(view)::value_type> mutable_view(view);
  permute_rows(mutable_view, source_of_row);
}

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// True if `index` holds n different values of 0 ... m - 1.
inline bool is_matching(const std::vector<std::int32_t>& index, std::size_t n, std::size_t m) {
  if (index.size() != n) return false;
  std::vector<bool> taken(m, false);
  for (const std::int32_t j : index) {
    if (j < 0 || static_cast<std::size_t>(j) >= m || taken[static_cast<std::size_t>(j)]) return false;
    taken[static_cast<std::size_t>(j)] = true;
  }
  return true;
}

/// `permute_rows` for indices known to be a permutation, with the caller's memory for one row and n bits.
template <class Scalar>
void move_rows(const matrix_view<Scalar>& rows, const std::vector<std::int32_t>& source_of_row,
               std::vector<std::remove_const_t<Scalar>>& first, std::vector<bool>& done) {
  const std::size_t n = rows.rows(), d = rows.columns();
  first.resize(d);
  done.assign(n, false);
  for (std::size_t start = 0; start < n; ++start) {  // one cycle of the permutation after the other
    if (done[start] || static_cast<std::size_t>(source_of_row[start]) == start) continue;
    std::copy_n(rows.row(start), d, first.begin());
    std::size_t target = start;
    for (;;) {
      done[target] = true;
      const auto source = static_cast<std::size_t>(source_of_row[target]);
      if (source == start) break;
      std::copy_n(rows.row(source), d, rows.row(target));
      target = source;
    }
    std::copy_n(first.begin(), d, rows.row(target));
  }
}

}  // namespace detail

template <class Cost, class Price>
bool is_optimal(const matrix_view<Cost>& cost, const basic_assignment<Price>& answer, double tolerance) {
  const std::size_t n = cost.rows(), m = cost.columns();
  if (answer.status == status::infeasible || !detail::is_matching(answer.noise_of_image, n, m)) return false;
  if (answer.image_price.size() != n || answer.noise_price.size() != m) return false;

  if (std::is_integral<Price>::value) {  // prices whose sum would overflow prove nothing
    const Price most = std::numeric_limits<Price>::max() / 2;
    for (const auto* prices : {&answer.image_price, &answer.noise_price}) {
      for (const Price p : *prices) {
        if (p < -most || p > most) return false;
      }
    }
  }
  Price slack = 0;  // integer prices: no tolerance
  if (std::is_floating_point<Price>::value) {
    double largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < m; ++j) {
        const double c = std::abs(static_cast<double>(cost(i, j)));
        if (std::isfinite(c)) largest = std::max(largest, c);
      }
    }
    slack = static_cast<Price>(tolerance * largest);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const Price u = answer.image_price[i];
    for (std::size_t j = 0; j < m; ++j) {
      if (!(u + answer.noise_price[j] <= static_cast<Price>(cost(i, j)) + slack)) return false;
    }
    const auto own = static_cast<std::size_t>(answer.noise_of_image[i]);
    if (std::is_floating_point<Cost>::value && !(cost(i, own) <= std::numeric_limits<Cost>::max())) return false;
    if (!(u + answer.noise_price[own] >= static_cast<Price>(cost(i, own)) - slack)) return false;
  }
  if (n < m) {
    std::vector<bool> matched(m, false);
    for (const std::int32_t j : answer.noise_of_image) matched[static_cast<std::size_t>(j)] = true;
    for (std::size_t j = 0; j < m; ++j) {
      const Price v = answer.noise_price[j];
      if (v > slack || (!matched[j] && v < -slack)) return false;
    }
  }
  return true;
}

template <class Scalar>
void permute_rows(const matrix_view<Scalar>& rows, const std::vector<std::int32_t>& source_of_row) {
  const std::size_t n = rows.rows();
  if (!detail::is_matching(source_of_row, n, n)) {
    detail::fail("permute_rows", "needs a permutation of " + std::to_string(n) + " rows, got " +
                                     std::to_string(source_of_row.size()) + " indices that are not one");
  }
  std::vector<std::remove_const_t<Scalar>> first;
  std::vector<bool> done;
  detail::move_rows(rows, source_of_row, first, done);
}

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

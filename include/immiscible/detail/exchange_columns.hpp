// Rows that exchange columns where rounding changed the optimum: a step of `refine` in both fast solvers.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/detail/build_namespace.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// `refine` tries exchanges once fewer looks than this many a row are left of its 16 a row: most problems end before.
constexpr std::size_t exchanges_from = 14;
constexpr std::size_t longest_exchange = 64;  // rows

/// If the rows that lowered prices last lead from row `start` back to it, and gain by it, each takes the column that it lowered.
///
/// In `refine` a row lowers the price of each column that is better than its own, until that is only as good. It goes on for ever
/// only if a cycle of rows would gain by exchanging columns, that is if rounding changed the optimum. Then each of these rows lowers
/// the price of the next one's column, again and again: so they lead round the cycle. An exchange that gains is one for the better
/// whatever the prices are (to the rounding of doubles; the cap ends what rounding might begin), so nothing here has to be trusted.
///
/// @param  cost  [n, m]; row n stands for the columns that no row gets (list_paths-inl.hpp), and costs nothing
/// @param  column_of_row  [n + 1]
/// @param  lowered_by  [m] the row that lowered a column's price last; -1: none. Columns that change hands become -1
/// @param  give  give(row, column) makes the pair; its row must look at its costs again
/// Reference: Cherkassky and Goldberg (1999): such a cycle gains.
template <class Cost, class Give>
void exchange_columns(const batch<Cost>& cost, std::size_t start, const std::int32_t* column_of_row,
                      std::int32_t* lowered_by, const Give& give) {
  const auto cost_of = [&](std::int32_t row, std::int32_t column) {
    const auto i = static_cast<std::size_t>(row);
    return i == cost.rows() ? 0.0 : static_cast<double>(cost(i, static_cast<std::size_t>(column)));
  };
  const auto first = static_cast<std::int32_t>(start);
  double gain = 0;
  std::size_t length = 0;
  std::int32_t row = first;
  do {
    const std::int32_t column = column_of_row[row];
    const std::int32_t taker = lowered_by[column];
    if (taker < 0 || ++length > longest_exchange) return;
    gain += cost_of(row, column) - cost_of(taker, column);
    row = taker;
  } while (row != first);
  if (!(gain > 0)) return;
  std::int32_t column = column_of_row[first];
  do {
    row = std::exchange(lowered_by[column], -1);
    const std::int32_t next = column_of_row[row];
    give(row, column);
    column = next;
  } while (row != first);
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

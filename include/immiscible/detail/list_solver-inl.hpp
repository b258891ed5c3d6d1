// The list solver, compiled once for each instruction set (simd_foreach.hpp): legend, invariant and steps in list_solver.hpp.
//
// Everything goes in blocks of 16 values, whatever the width of the processor's vectors, so that all of them build the same
// lists and make the same bids.

#include <immiscible/detail/int_block-inl.hpp>

#include <immiscible/detail/fixed_costs-inl.hpp>

#include <immiscible/detail/candidate_lists-inl.hpp>

#include <immiscible/detail/list_matching-inl.hpp>

#include <immiscible/detail/list_paths-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// One solve: auction on the lists, exact finish on q, refinement to c. Steps and reasons in list_solver.hpp.
template <class Cost>
class list_solver : private list_paths<Cost> {
 public:
  explicit list_solver(const list_problem<Cost>& problem) : base(problem) {}

  solver_result solve() {
    if (const std::int32_t epsilon = wanted_epsilon(); epsilon > 0) return stop_within(epsilon);
    if (fixed_.is_coarse() && !p_.wishes.coarse_too) return solver_result::unsuited;
    // A column that was lowered by an epsilon and then left is one that the rest has to search for: with many to spare, no epsilon.
    // (With very many, rows that are all but alike would outbid each other without end: there the epsilon stays.)
    const bool many_to_spare = m_ - n_ >= n_ / policy_.spared_for_no_epsilon && m_ / 8 <= n_;
    for (const float epsilon : policy_.epsilon) {
      if (epsilon == 0) continue;
      const std::int32_t units = many_to_spare ? 0 : fixed_.units(epsilon);
      if (epsilon == policy_.epsilon[0]) {
        if (!first_bids(units)) return solver_result::out_of_range;
      } else {
        free_rows_beyond(units);
      }
      bid_until_assigned(units);
      if (out_of_range_) return hand_over_prices();
      if (many_to_spare) break;
    }
    free_rows_beyond(0);
    take_free_best_columns();
    reduce_rows();
    if (out_of_range_) return hand_over_prices();
    if (n_ < m_) give_columns_to_rest();
    for (std::size_t i = 0; i < n_; ++i) {
      if (w_.column_of_row[i] < 0 && !search(static_cast<std::int32_t>(i))) return hand_over_prices();
    }
    for (; rest_wants_ > 0; --rest_wants_) {
      if (!search(rest_row())) return hand_over_prices();
    }
    return refine() ? hand_over_answer(solver_result::optimal) : hand_over_prices();
  }

 private:
  using base = list_paths<Cost>;
  using base::enqueue;
  using base::fixed_;
  using base::give;
  using base::give_columns_to_rest;
  using base::head_;
  using base::lists_;
  using base::lower;
  using base::m_;
  using base::n_;
  using base::out_of_range_;
  using base::owned_by_rest;
  using base::p_;
  using base::policy_;
  using base::queue_mask_;
  using base::rest_row;
  using base::rest_wants_;
  using base::search;
  using base::tail_;
  using base::w_;

  // ---------------------------------------------------------------------------------------------- auction

  /// What a bid may be off by for the caller's sake, less the rounding of two costs; 0: solve exactly.
  std::int32_t wanted_epsilon() const {
    const double wanted =
        p_.wishes.epsilon > 0 ? p_.wishes.epsilon * fixed_.scale() : p_.wishes.tolerance * fixed_.deviation();
    return static_cast<std::int32_t>(
        std::max(0.0, std::min(wanted, static_cast<double>(list_fixed_limit)) - 2 * fixed_.rounding()));
  }

  /// Row i bids for its best column; the row that had it waits again. With n < m a column that nobody had stays at its price: what
  /// no row gets must end with the highest price, and prices never rise. If no price would fall (epsilon = 0) a row keeps its
  /// column, and i is left to row reduction and the searches.
  HWY_INLINE void bid(std::size_t i, std::int32_t epsilon) {
    const auto found = lists_.least_two(i);
    const auto column = static_cast<std::size_t>(found.column);
    const std::int32_t previous = w_.row_of_column[column];
    const std::int32_t fall = found.second - found.best + epsilon;
    if (fall == 0 && previous >= 0) return;
    if (previous >= 0 || n_ == m_) lower(column, fall);
    give(i, found.column, found.cost);
    const bool had_one = previous >= 0;  // no branch on it: nobody can guess it
    w_.column_of_row[had_one ? static_cast<std::size_t>(previous) : n_] = -1;
    w_.queue[tail_ & queue_mask_] = previous;
    tail_ += had_one;
  }

  /// Every row is read once, and bids at once. @return false: a row does not suit the fixed point, or was not looked at
  bool first_bids(std::int32_t epsilon) {
    head_ = tail_ = 0;
    for (std::size_t i = 0; i < n_ && !out_of_range_; ++i) {
      if (!lists_.build_first(i)) return false;
      bid(i, epsilon);
    }
    return !(out_of_range_ && p_.by_spread);  // rows that were not read yet may hold anything
  }

  /// Frees the rows whose pair is more than `epsilon` from their best, and lets the free ones wait.
  void free_rows_beyond(std::int32_t epsilon) {
    head_ = tail_ = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      const std::int32_t own = w_.column_of_row[i];
      if (own >= 0) {
        const std::int32_t reduced = w_.cost_of_row[i] - w_.price[static_cast<std::size_t>(own)];
        if (reduced <= lists_.least_two(i).best + epsilon) continue;
        w_.row_of_column[static_cast<std::size_t>(own)] = -1;
        w_.column_of_row[i] = -1;
      }
      enqueue(static_cast<std::int32_t>(i));
    }
  }

  void bid_until_assigned(std::int32_t epsilon) {
    for (std::size_t left = policy_.bids_per_row * n_; head_ != tail_ && left > 0 && !out_of_range_; --left) {
      lists_.prefetch(
          std::min(n_ - 1, static_cast<std::size_t>(w_.queue[(head_ + 2) & queue_mask_])));  // or an old entry
      bid(static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]), epsilon);
    }
  }

  /// One phase, and a lower bound of every row's least reduced cost.
  solver_result stop_within(std::int32_t epsilon) {
    if (!first_bids(epsilon)) return solver_result::out_of_range;
    bid_until_assigned(epsilon);
    if (out_of_range_ || head_ != tail_) return solver_result::price_war;
    p_.out.row_bound.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      if (fixed_.is_far(i, w_.cost_of_row[i])) return solver_result::price_war;  // who knows how far
      p_.out.row_bound[i] = (static_cast<double>(lists_.least_two(i).best) - fixed_.rounding()) / fixed_.scale();
    }
    return hand_over_answer(solver_result::within_epsilon);
  }

  // ---------------------------------------------------------------------------------------------- exact on q

  void take_free_best_columns() {
    for (std::size_t i = 0; i < n_; ++i) {
      if (w_.column_of_row[i] >= 0) continue;
      const auto found = lists_.least_two(i);
      if (w_.row_of_column[static_cast<std::size_t>(found.column)] < 0) give(i, found.column, found.cost);
    }
  }

  /// Augmenting row reduction: bids with epsilon = 0, as long as they lower a price, and no more than the cap.
  void reduce_rows() {
    std::size_t left = policy_.reductions_per_row * n_;
    for (std::size_t first = 0; first < n_; ++first) {
      for (std::int32_t waiting = w_.column_of_row[first] < 0 ? static_cast<std::int32_t>(first) : -1; waiting >= 0;) {
        if (left-- == 0) return;
        const auto i = static_cast<std::size_t>(waiting);
        const auto found = lists_.least_two(i);
        const auto column = static_cast<std::size_t>(found.column);
        const std::int32_t previous = w_.row_of_column[column];
        if (previous >= 0 && found.second <= found.best) break;
        if (previous >= 0 || n_ == m_) lower(column, found.second - found.best);
        if (out_of_range_) return;
        if (previous >= 0) w_.column_of_row[static_cast<std::size_t>(previous)] = -1;
        give(i, found.column, found.cost);
        waiting = previous;
      }
    }
  }

  // ---------------------------------------------------------------------------------------------- exact on c

  /// Moves the prices from the rounded costs to the costs as given, so that every row is tight with its column there.
  ///
  /// In double, prices (p + v) / s start exact. A row whose column is not its best lowers the price of each better column j
  /// until j is only as good: prices still only fall, so the lists stay valid, and a column left out, whose q is at most `rounding` too
  /// high, stays above its bound less that. A column whose price fell makes its own row look again. If that
  /// ends, every row is tight (to 2^-48 of the largest cost, the rounding of double) and the matching is optimal for the
  /// costs as given. It can only go on for ever if a cycle of rows, the rest perhaps among them, would gain by exchanging columns,
  /// that is if rounding changed the optimum: then they exchange them. Where 16 looks a row do not suffice, the dense solver goes on.
  bool refine() {
    unscale_prices();
    if (!fixed_.rounds()) return true;
    head_ = tail_ = 0;
    const std::size_t rows = n_ < m_ ? n_ + 1 : n_;  // the rest, if any, is the last
    w_.waits.assign(rows, 1);
    w_.lowered_by.assign(m_, -1);
    for (std::size_t i = 0; i < rows; ++i) enqueue(static_cast<std::int32_t>(i));
    for (std::size_t left = 16 * rows; head_ != tail_; --left) {
      if (left == 0) return false;
      const std::size_t later = std::min(n_ - 1, static_cast<std::size_t>(w_.queue[(head_ + 8) & queue_mask_]));
      hwy::Prefetch(p_.cost.row(later) + w_.column_of_row[later]);  // one cost of each row: far apart
      const auto i = static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]);
      w_.waits[i] = 0;
      if (i == n_) {
        refine_rest();
      } else {
        refine_row(i);
      }
      if (left >= exchanges_from * rows) continue;
      exchange_columns(p_.cost, i, w_.column_of_row.data(), w_.lowered_by.data(),
                       [&](std::int32_t row, std::int32_t column) { exchange(row, column); });
    }
    return true;
  }

  void exchange(std::int32_t row, std::int32_t column) {
    w_.row_of_column[static_cast<std::size_t>(column)] = row == rest_row() ? owned_by_rest : row;
    w_.column_of_row[static_cast<std::size_t>(row)] = column;
    wake(row);
  }

  /// The rest's own columns, and whatever was dearer, get the lowest price among its own.
  void refine_rest() {
    const std::size_t lowest = lowest_of_rest();
    const double level = w_.exact_price[lowest];
    w_.column_of_row[n_] = static_cast<std::int32_t>(lowest);  // the one that it would give up
    for (std::size_t j = 0; j < m_; ++j) {
      if (w_.row_of_column[j] == owned_by_rest) {
        w_.exact_price[j] = level;
      } else if (w_.exact_price[j] > level + fixed_.largest() * 0x1p-48) {
        w_.exact_price[j] = level;
        w_.lowered_by[j] = rest_row();
        wake(w_.row_of_column[j]);
      }
    }
  }

  /// Of the rest's columns the one with the lowest price; n < m.
  std::size_t lowest_of_rest() const {
    std::size_t lowest = m_;
    for (std::size_t j = 0; j < m_; ++j) {
      if (w_.row_of_column[j] != owned_by_rest) continue;
      if (lowest == m_ || w_.exact_price[j] < w_.exact_price[lowest]) lowest = j;
    }
    return lowest;
  }

  void wake(std::int32_t row) {
    if (w_.waits[static_cast<std::size_t>(row)]) return;
    w_.waits[static_cast<std::size_t>(row)] = 1;
    enqueue(row);
  }

  void refine_row(std::size_t i) {
    const auto own = static_cast<std::size_t>(w_.column_of_row[i]);
    const double level = static_cast<double>(p_.cost(i, own)) - w_.exact_price[own];
    const double threshold = std::floor(level * fixed_.scale() + fixed_.rounding());
    const auto bound = static_cast<std::int32_t>(std::min(threshold, static_cast<double>(list_far) - 1));
    if (lists_.short_bound(i) > bound) {
      refine_list(i, level, bound, lists_.short_list(i));
    } else if (lists_.long_bound(i) > bound) {
      refine_list(i, level, bound, lists_.long_list(i));
    } else {
      for (std::size_t j = 0; j < m_; ++j) lower_price(i, j, level);
    }
  }

  void refine_list(std::size_t i, double level, std::int32_t bound, const candidates& list) {
    alignas(64) std::int32_t near[2 * list_block];
    for (std::size_t b = 0; b < list.blocks; ++b) {
      const int_block r = int_block::load(list.cost(b)) - int_block::look_up(w_.price.data(), list.column(b));
      const std::size_t count = r.compress_at_most(bound, int_block::load(list.column(b)), near);
      for (std::size_t k = 0; k < count; ++k) lower_price(i, static_cast<std::size_t>(near[k]), level);
    }
  }

  void lower_price(std::size_t i, std::size_t j, double level) {
    const double cost = static_cast<double>(p_.cost(i, j));
    if (!(cost - w_.exact_price[j] < level - fixed_.largest() * 0x1p-48)) return;
    w_.exact_price[j] = cost - level;
    w_.lowered_by[j] = static_cast<std::int32_t>(i);
    const std::int32_t loser = w_.row_of_column[j];
    wake(loser == owned_by_rest ? rest_row() : loser);
  }

  // ---------------------------------------------------------------------------------------------- handing over

  /// exact_price = p + v in units of the costs.
  void unscale_prices() {
    for (std::size_t j = 0; j < m_; ++j) {
      w_.exact_price[j] = (static_cast<double>(w_.start_price[j]) + w_.price[j]) / fixed_.scale();
    }
  }

  /// With n < m relative to the level, so that columns of the rest have 0 and none has more.
  void write_prices() {
    p_.out.resize(n_, m_);
    const double level = n_ < m_ ? w_.exact_price[lowest_of_rest()] : 0;
    for (std::size_t j = 0; j < m_; ++j) {
      const bool of_rest = w_.row_of_column[j] == owned_by_rest;
      const double price = of_rest ? 0.0 : w_.exact_price[j] - level;
      if constexpr (std::is_integral<Cost>::value) {
        p_.out.noise_price[j] = std::llrint(price);
      } else {
        p_.out.noise_price[j] = n_ < m_ ? std::min(0.0, price) : price;
      }
    }
  }

  solver_result hand_over_answer(solver_result what) {
    if (what == solver_result::within_epsilon) unscale_prices();
    write_prices();
    std::copy_n(w_.column_of_row.begin(), n_, p_.out.column_of_row.begin());
    for (std::size_t j = 0; j < m_; ++j) p_.out.row_of_column[j] = std::max(w_.row_of_column[j], -1);
    return what;
  }

  solver_result hand_over_prices() {
    if (n_ < m_) return solver_result::unsuited;  // the dense solver wants prices of 0 on free columns then
    unscale_prices();
    write_prices();
    std::fill(p_.out.column_of_row.begin(), p_.out.column_of_row.end(), -1);
    std::fill(p_.out.row_of_column.begin(), p_.out.row_of_column.end(), -1);
    return solver_result::prices;
  }
};

template <class Cost>
static solver_result solve_on_lists_simd(const list_problem<Cost>& problem) {
  return list_solver<Cost>(problem).solve();
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

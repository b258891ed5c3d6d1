// The row solver, compiled once for each instruction set (simd_foreach.hpp): legend and steps in row_solver.hpp.

#include <immiscible/detail/row_scan-inl.hpp>

#include <immiscible/detail/row_costs-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

template <class Cost>
class row_solver {
 public:
  explicit row_solver(const row_problem<Cost>& problem)
      : costs_(problem),
        p_(problem),
        w_(problem.work),
        n_(problem.cost.rows()),
        padded_(costs_.padded()),
        policy_(problem.wishes.exactly()) {
    w_.effort = {};
    for (auto* column : {&w_.distance, &w_.parent, &w_.closed}) column->resize(padded_);
    w_.row_of_column.assign(padded_, -1);
    w_.column_of_row.assign(n_ + 1, -1);
    w_.exact_price.resize(n_);
    w_.waits.reserve(n_);
    for (auto* passed : {&w_.passed_column, &w_.passed_distance}) passed->reserve(n_);
    queue_mask_ = 1;
    while (queue_mask_ < n_ + 1) queue_mask_ *= 2;
    w_.queue.assign(queue_mask_--, 0);
  }

  solver_result solve() {
    const bool exactly = p_.wishes.exactly();
    if (!costs_.prepare(policy_, p_.wishes.coarse_too || !exactly)) return solver_result::unsuited;
    const std::int32_t wanted = exactly ? 0 : wanted_epsilon();
    for (std::size_t i = 0; i < n_; ++i) enqueue(static_cast<std::int32_t>(i));
    if (wanted > 0) {
      bid_until_assigned(wanted, policy_.pairs_per_row * n_);
    } else {
      bid_until_assigned(costs_.units(static_cast<double>(policy_.epsilon)), policy_.pairs_per_row * n_,
                         policy_.rows_left);
    }
    if (out_of_range_) return solver_result::unsuited;
    if (wanted > 0) return head_ == tail_ ? stop_within() : solver_result::price_war;
    free_rows_not_tight();
    bid_until_assigned(0, policy_.reductions_per_row * n_);
    if (out_of_range_) return solver_result::unsuited;
    for (std::size_t i = 0; i < n_; ++i) {
      if (w_.column_of_row[i] < 0 && !search(i)) return solver_result::unsuited;
    }
    unscale_prices();
    return refine() ? hand_over_answer(solver_result::optimal) : hand_over_prices();
  }

 private:
  // ---------------------------------------------------------------------------------------------- auction

  /// What a bid may be off by for the caller's sake, less the rounding of two costs; 0: solve exactly.
  std::int32_t wanted_epsilon() const {
    const double wanted =
        p_.wishes.epsilon > 0 ? p_.wishes.epsilon * costs_.scale() : p_.wishes.tolerance * costs_.deviation();
    return static_cast<std::int32_t>(std::min(wanted, static_cast<double>(row_far)) - 2 * rounding);
  }

  /// Rows i and k, by the same prices.
  HWY_INLINE void scan_pair(std::size_t i, std::size_t k, two_least_of_row& of_i, two_least_of_row& of_k) {
    w_.effort.lists_read += i == k ? 1 : 2;
    const row_tag tag;
    const std::int16_t* const row = costs_.row(i);
    const std::int16_t* const other = costs_.row(k);
    row_scan a, b;
    auto index = hn::Zero(tag);
    for (std::size_t j = 0; j < padded_; j += row_lanes) {
      const auto price = hn::Load(tag, w_.price.data() + j);
      a.take(hn::SaturatedSub(hn::Load(tag, row + j), price), index);
      b.take(hn::SaturatedSub(hn::Load(tag, other + j), price), index);
      index = hn::Add(index, hn::Set(tag, 1));
    }
    of_i = a.two_least();
    of_k = b.two_least();
  }

  /// The least r of row i.
  HWY_INLINE std::int32_t least_reduced(std::size_t i) {
    ++w_.effort.lists_read;
    const row_tag tag;
    const std::int16_t* const row = costs_.row(i);
    const std::int16_t* const price = w_.price.data();
    auto least = hn::Set(tag, row_far);
#pragma GCC unroll 2
    for (std::size_t j = 0; j < padded_; j += row_lanes) {
      least = hn::Min(least, hn::SaturatedSub(hn::Load(tag, row + j), hn::Load(tag, price + j)));
    }
    return least_lane(tag, least);
  }

  void give(std::size_t i, std::int32_t column) {
    w_.row_of_column[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(i);
    w_.column_of_row[i] = column;
  }

  void enqueue(std::int32_t row) { w_.queue[tail_++ & queue_mask_] = row; }

  /// Prices only fall. Written as a whole vector: the next scan loads it as one, and need not wait until it is in the cache.
  HWY_INLINE void lower(std::size_t column, std::int32_t fall) {
    const std::int32_t price = w_.price[column] - fall;
    out_of_range_ |= price < -32768;
    const row_tag tag;
    std::int16_t* const vector = w_.price.data() + column / row_lanes * row_lanes;
    const auto here = hn::Eq(hn::Iota(tag, 0), hn::Set(tag, static_cast<std::int16_t>(column % row_lanes)));
    const auto value = hn::Set(tag, static_cast<std::int16_t>(std::max(price, -32768)));
    hn::Store(hn::IfThenElse(here, value, hn::Load(tag, vector)), tag, vector);
  }

  /// Row i takes its best column, whose price falls until it is epsilon worse than the second best; the row that had it waits
  /// again. If no price would fall (epsilon = 0) a row keeps its column, and i is left to the searches.
  HWY_INLINE void bid(std::size_t i, const two_least_of_row& found, std::int32_t epsilon) {
    const auto column = static_cast<std::size_t>(found.column);
    const std::int32_t previous = w_.row_of_column[column];
    const std::int32_t fall = found.second - found.best + epsilon;
    if (fall == 0 && previous >= 0) return;
    lower(column, fall);
    give(i, found.column);
    const bool had_one = previous >= 0;  // no branch on it: nobody can guess it
    w_.column_of_row[had_one ? static_cast<std::size_t>(previous) : n_] = -1;
    w_.queue[tail_ & queue_mask_] = previous;
    tail_ += had_one;
  }

  /// Until no more than `rows_left` rows wait.
  void bid_until_assigned(std::int32_t epsilon, std::size_t cap, std::size_t rows_left = 0) {
    for (std::size_t left = cap; tail_ - head_ > rows_left && left > 0 && !out_of_range_; --left) {
      const auto i = static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]);
      const auto k = head_ == tail_ ? i : static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]);
      two_least_of_row of_i, of_k;
      scan_pair(i, k, of_i, of_k);
      bid(i, of_i, epsilon);
      if (of_k.column != of_i.column) {
        bid(k, of_k, epsilon);
      } else if (k != i) {
        w_.queue[--head_ & queue_mask_] = static_cast<std::int32_t>(k);
      }
    }
  }

  /// r of row i in its own column.
  std::int32_t own_reduced(std::size_t i) const {
    const auto own = static_cast<std::size_t>(w_.column_of_row[i]);
    return costs_.row(i)[own] - w_.price[own];
  }

  /// Frees the rows whose column is not their best, and lets the free ones wait.
  void free_rows_not_tight() {
    head_ = tail_ = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      const std::int32_t own = w_.column_of_row[i];
      if (own >= 0) {
        if (own_reduced(i) <= least_reduced(i)) continue;
        w_.row_of_column[static_cast<std::size_t>(own)] = -1;
        w_.column_of_row[i] = -1;
      }
      enqueue(static_cast<std::int32_t>(i));
    }
  }

  // ---------------------------------------------------------------------------------------------- exact on q

  /// Assigns `root`, a free row, along a shortest augmenting path (shortest_paths.hpp tells how).
  ///
  /// @return  false: out of range
  bool search(std::size_t root) {
    std::fill(w_.distance.begin(), w_.distance.end(), static_cast<std::int16_t>(row_far));
    std::fill(w_.closed.begin(), w_.closed.end(), static_cast<std::int16_t>(-32768));
    w_.passed_column.clear();
    w_.passed_distance.clear();
    std::size_t row = root;
    std::int32_t distance = 0, least = least_reduced(root), column = 0;  // distances start at 0 and never fall
    for (;;) {
      column = relax(row, least, distance);
      if (distance == row_far) return false;
      const std::int32_t owner = w_.row_of_column[static_cast<std::size_t>(column)];
      if (owner < 0) break;
      w_.passed_column.push_back(column);
      w_.passed_distance.push_back(distance);
      row = static_cast<std::size_t>(owner);
      least = own_reduced(row);  // for it is tight
      w_.closed[static_cast<std::size_t>(column)] = static_cast<std::int16_t>(row_far);
      w_.distance[static_cast<std::size_t>(column)] = static_cast<std::int16_t>(row_far);
    }
    for (std::size_t k = 0; k < w_.passed_column.size(); ++k) {
      lower(static_cast<std::size_t>(w_.passed_column[k]), distance - w_.passed_distance[k]);
    }
    while (column >= 0) {
      const auto i = static_cast<std::size_t>(w_.parent[static_cast<std::size_t>(column)]);
      const std::int32_t next = w_.column_of_row[i];
      give(i, column);
      column = next;
    }
    return !out_of_range_;
  }

  /// Offers `row`, reached at `distance`, whose least reduced cost is `least`, to all columns that are not closed.
  ///
  /// @return  the nearest of them, the lowest among equals; `distance` becomes its own
  std::int32_t relax(std::size_t row, std::int32_t least, std::int32_t& distance) {
    ++w_.effort.tree_rows;
    const row_tag tag;
    const std::int16_t* const cost = costs_.row(row);
    const std::int16_t* const price =
        w_.price.data();  // pointers at hand: a store of a vector might change those in w_
    const std::int16_t* const closed = w_.closed.data();
    std::int16_t* const distances = w_.distance.data();
    std::int16_t* const parents = w_.parent.data();
    const auto this_row = hn::Set(tag, static_cast<std::int16_t>(row));
    const auto base = hn::Set(tag, static_cast<std::int16_t>(least));
    const auto start = hn::Set(tag, static_cast<std::int16_t>(distance));
    row_scan nearest;
    auto index = hn::Zero(tag);
    for (std::size_t j = 0; j < padded_; j += row_lanes) {
      const auto reduced = hn::SaturatedSub(hn::Load(tag, cost + j), hn::Load(tag, price + j));
      const auto offered = hn::SaturatedAdd(hn::SaturatedSub(reduced, base), start);
      const auto open = hn::Max(offered, hn::Load(tag, closed + j));
      const auto known = hn::Load(tag, distances + j);
      const auto now = hn::Min(open, known);
      hn::Store(hn::IfThenElse(hn::Lt(open, known), this_row, hn::Load(tag, parents + j)), tag, parents + j);
      hn::Store(now, tag, distances + j);
      nearest.take(now, index);
      index = hn::Add(index, hn::Set(tag, 1));
    }
    distance = nearest.least();
    return nearest.column_of(distance);
  }

  // ---------------------------------------------------------------------------------------------- exact on c

  /// Moves the prices from the rounded costs to the costs as given, so that every row is tight with its column there.
  ///
  /// In double, prices (p + v) / s start exact. A row whose column is not its best lowers the price of each better column j
  /// until j is only as good. Such a column has a q at most 2 `rounding` above that of its own, by today's price of its own and
  /// the price v of j, which was no lower: so the rows of int16 tell where to look. A column whose price fell makes its own row
  /// look again. If that ends, every row is tight (to 2^-48 of the largest cost, the rounding of double) and the matching is
  /// optimal for the costs as given. It can only go on for ever if a cycle of rows would gain by exchanging columns, that is if
  /// rounding changed the optimum: then they exchange them. Where 16 looks a row do not suffice, and where a level rose so high that a
  /// column which is far might be better, the dense solver goes on.
  bool refine() {
    tolerance_ = costs_.largest() * 0x1p-48;
    head_ = tail_ = 0;
    w_.waits.assign(n_, 1);
    w_.lowered_by.assign(n_, -1);
    for (std::size_t i = 0; i < n_; ++i) enqueue(static_cast<std::int32_t>(i));
    for (std::size_t left = 16 * n_; head_ != tail_; --left) {
      if (left == 0) return false;
      // In eight rows' time, or an old entry, which may be none. One cost of each row: they are far apart.
      const std::size_t later = std::min(n_ - 1, static_cast<std::size_t>(w_.queue[(head_ + 8) & queue_mask_]));
      hwy::Prefetch(p_.cost.row(later) + w_.column_of_row[later]);
      const auto i = static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]);
      w_.waits[i] = 0;
      if (!refine_row(i)) return false;
      if (left >= exchanges_from * n_) continue;
      exchange_columns(p_.cost, i, w_.column_of_row.data(), w_.lowered_by.data(),
                       [&](std::int32_t row, std::int32_t column) {
                         give(static_cast<std::size_t>(row), column);
                         look_again(row);
                       });
    }
    return true;
  }

  /// @return  false: a column that is far might be better
  bool refine_row(std::size_t i) {
    const auto own = static_cast<std::size_t>(w_.column_of_row[i]);
    const double level = static_cast<double>(p_.cost(i, own)) - w_.exact_price[own];
    const double bound = level * costs_.scale() - w_.offset[i] + 2 * rounding;
    if (!(bound < row_far)) return false;
    const row_tag tag;
    const auto limit = hn::Set(tag, static_cast<std::int16_t>(bound));
    const std::int16_t* const cost = costs_.row(i);
    const std::int16_t* const price = w_.price.data();
    const std::size_t own_block = own - own % row_block;
    for (std::size_t j = 0; j < padded_; j += row_block) {
      // A bit for each column that may be better. Without its own most blocks have none, and no branch is a surprise.
      std::uint32_t better = 0;
#pragma GCC unroll 8
      for (std::size_t part = 0; part < row_block; part += row_lanes) {
        const auto reduced = hn::SaturatedSub(hn::Load(tag, cost + j + part), hn::Load(tag, price + j + part));
        better |= bits_of(hn::Not(hn::Gt(reduced, limit))) << part;
      }
      better &= ~(static_cast<std::uint32_t>(j == own_block) << own % row_block);
      for (; better != 0; better &= better - 1) {
        lower_price(i, j + static_cast<std::size_t>(__builtin_ctz(better)), level);
      }
    }
    return true;
  }

  static HWY_INLINE std::uint32_t bits_of(hn::Mask<row_tag> mask) {
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(row_tag(), mask, bytes);
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes, (row_lanes + 7) / 8);
    return bits;
  }

  void lower_price(std::size_t i, std::size_t j, double level) {
    const double cost = static_cast<double>(p_.cost(i, j));
    if (!(cost - w_.exact_price[j] < level - tolerance_)) return;
    w_.exact_price[j] = cost - level;
    w_.lowered_by[j] = static_cast<std::int32_t>(i);
    look_again(w_.row_of_column[j]);
  }

  void look_again(std::int32_t row) {
    if (w_.waits[static_cast<std::size_t>(row)]) return;
    w_.waits[static_cast<std::size_t>(row)] = 1;
    enqueue(row);
  }

  // ---------------------------------------------------------------------------------------------- handing over

  /// exact_price = p + v in units of the costs.
  void unscale_prices() {
    for (std::size_t j = 0; j < n_; ++j) {
      w_.exact_price[j] = (static_cast<double>(w_.start_price[j]) + w_.price[j]) / costs_.scale();
    }
  }

  /// A lower bound of every row's least reduced cost, and the matching.
  solver_result stop_within() {
    unscale_prices();
    p_.out.row_bound.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      p_.out.row_bound[i] = (static_cast<double>(least_reduced(i)) + w_.offset[i] - rounding) / costs_.scale();
    }
    return hand_over_answer(solver_result::within_epsilon);
  }

  solver_result hand_over_answer(solver_result what) {
    p_.out.resize(n_, n_);
    std::copy_n(w_.exact_price.begin(), n_, p_.out.noise_price.begin());
    std::copy_n(w_.column_of_row.begin(), n_, p_.out.column_of_row.begin());
    std::copy_n(w_.row_of_column.begin(), n_, p_.out.row_of_column.begin());
    return what;
  }

  solver_result hand_over_prices() {
    unscale_prices();
    hand_over_answer(solver_result::prices);
    std::fill(p_.out.column_of_row.begin(), p_.out.column_of_row.end(), -1);
    std::fill(p_.out.row_of_column.begin(), p_.out.row_of_column.end(), -1);
    return solver_result::prices;
  }

  static constexpr double rounding =
      1;  // of a q, in units: half a unit, and the rounding of floats below row_cost_limit

  row_costs<Cost> costs_;
  const row_problem<Cost>& p_;
  row_workspace& w_;
  const std::size_t n_;
  const std::size_t padded_;
  double tolerance_ = 0;                              // of refine
  std::size_t head_ = 0, tail_ = 0, queue_mask_ = 0;  // of the ring of waiting rows
  const row_policy policy_;
  bool out_of_range_ = false;
};

template <class Cost>
static solver_result solve_on_rows_simd(const row_problem<Cost>& problem) {
  return row_solver<Cost>(problem).solve();
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

// The list solver, compiled once for each instruction set (simd_foreach.hpp): legend, invariant and steps in list_solver.hpp.
//
// Everything goes in blocks of 16 values, whatever the width of the processor's vectors, so that all of them build the same
// lists and make the same bids.

#include <immiscible/detail/int_block-inl.hpp>

#include <immiscible/detail/fixed_costs-inl.hpp>

#include <immiscible/detail/candidate_lists-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace immiscible {
namespace detail {
namespace HWY_NAMESPACE {

/// One solve: auction on the lists, exact finish on q, refinement to c. Steps and reasons in list_solver.hpp.
template <class Cost>
class list_solver {
 public:
  explicit list_solver(const list_problem<Cost>& problem)
      : p_(problem),
        w_(problem.work),
        n_(problem.cost.rows()),
        m_(problem.cost.columns()),
        policy_(n_),
        fixed_(problem),
        lists_(problem, fixed_) {
    for (auto* column : {&w_.distance, &w_.open_price, &w_.parent}) column->resize(fixed_.padded());
    w_.row_of_column.assign(m_, -1);
    w_.column_of_row.assign(n_, -1);
    w_.cost_of_row.resize(n_);
    w_.exact_price.resize(m_);
    queue_mask_ = 1;
    while (queue_mask_ < n_ + 2) queue_mask_ *= 2;  // all rows and the rest
    w_.queue.resize(queue_mask_--);
  }

  list_result solve() {
    if (const std::int32_t epsilon = wanted_epsilon(); epsilon > 0) return stop_within(epsilon);
    if (fixed_.is_coarse() && !p_.wishes.coarse_too) return list_result::unsuited;
    for (const float epsilon : policy_.epsilon) {
      if (epsilon == 0) continue;
      if (epsilon == policy_.epsilon[0]) {
        if (!first_bids(fixed_.units(epsilon))) return list_result::out_of_range;
      } else {
        free_rows_beyond(fixed_.units(epsilon));
      }
      bid_until_assigned(fixed_.units(epsilon));
      if (out_of_range_) return hand_over_prices();
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
    return refine() ? hand_over_answer(list_result::optimal) : hand_over_prices();
  }

 private:
  // ---------------------------------------------------------------------------------------------- auction

  /// What a bid may be off by for the caller's sake, less the rounding of two costs; 0: solve exactly.
  std::int32_t wanted_epsilon() const {
    const double wanted =
        p_.wishes.epsilon > 0 ? p_.wishes.epsilon * fixed_.scale() : p_.wishes.tolerance * fixed_.deviation();
    return static_cast<std::int32_t>(std::max(0.0, std::min(wanted, static_cast<double>(list_fixed_limit)) - 1));
  }

  void give(std::size_t i, std::int32_t column, std::int32_t cost) {
    w_.row_of_column[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(i);
    w_.column_of_row[i] = column;
    w_.cost_of_row[i] = cost;
  }

  /// Prices only fall; below the floor the fixed point would overflow.
  void lower(std::size_t column, std::int32_t fall) {
    w_.price[column] -= fall;
    out_of_range_ |= w_.price[column] < list_price_floor;
  }

  void enqueue(std::int32_t row) { w_.queue[tail_++ & queue_mask_] = row; }

  /// Row i bids for its best column; the row that had it waits again. With n < m a column that nobody had stays at its price: what
  /// no row gets must end with the highest price, and prices never rise.
  void bid(std::size_t i, std::int32_t epsilon) {
    const auto found = lists_.least_two(i);
    const auto column = static_cast<std::size_t>(found.column);
    const std::int32_t previous = w_.row_of_column[column];
    if (previous >= 0 || n_ == m_) lower(column, found.second - found.best + epsilon);
    give(i, found.column, found.cost);
    if (previous >= 0) {
      w_.column_of_row[static_cast<std::size_t>(previous)] = -1;
      enqueue(previous);
    }
  }

  /// Every row is read once, and bids at once. @return false: a row does not suit the fixed point
  bool first_bids(std::int32_t epsilon) {
    head_ = tail_ = 0;
    for (std::size_t i = 0; i < n_ && !out_of_range_; ++i) {
      if (!lists_.build_first(i)) return false;
      bid(i, epsilon);
    }
    return true;
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
  list_result stop_within(std::int32_t epsilon) {
    if (!first_bids(epsilon)) return list_result::out_of_range;
    bid_until_assigned(epsilon);
    if (out_of_range_ || head_ != tail_) return hand_over_prices();
    w_.row_bound.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      w_.row_bound[i] =
          (static_cast<double>(lists_.least_two(i).best) - (fixed_.rounds() ? 0.5 : 0.0)) / fixed_.scale();
    }
    return hand_over_answer(list_result::within_epsilon);
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

  static constexpr std::int32_t closed_price = -(1 << 30);
  static constexpr std::int32_t closed_distance = std::numeric_limits<std::int32_t>::max();

  /// Offers `length` values at (cost, column) of row i to the tree.
  void relax_list(const std::int32_t* cost, const std::int32_t* column, std::size_t length, std::int32_t row,
                  std::int32_t offset) {
    alignas(64) std::int32_t distance[list_block];
    for (std::size_t b = 0; b < length; b += list_block) {
      const int_block r = int_block::load(cost + b) - int_block::look_up(w_.open_price.data(), column + b);
      const int_block far = min(int_block::all(list_far), int_block::look_up(w_.distance.data(), column + b));
      const int_block d = r + int_block::all(offset);
      bool any = false;
      for (std::size_t k = 0; k < int_block::parts; ++k) {
        any |= !hn::AllFalse(int_block::tag(), hn::Lt(d.part[k], far.part[k]));
      }
      if (!any) continue;
      d.store(distance);
      for (std::size_t k = 0; k < list_block; ++k) {
        const auto j = static_cast<std::size_t>(column[b + k]);
        if (cost[b + k] < list_far && distance[k] < std::min(list_far, w_.distance[j])) {
          w_.distance[j] = distance[k];
          w_.parent[j] = row;
        }
      }
    }
  }

  void relax_dense_row(std::size_t i, std::int32_t offset) {
    fixed_.template quantise<false>(i);
    relax_fixed(static_cast<std::int32_t>(i), offset);
  }

  /// Offers the costs of `row` that stand in w_.fixed.
  void relax_fixed(std::int32_t row_index, std::int32_t offset) {
    const int_block::tag tag;
    const auto shift = hn::Set(tag, offset), row = hn::Set(tag, row_index);
    for (std::size_t j = 0; j < fixed_.padded(); j += int_block::lanes) {
      const auto d =
          hn::Add(hn::Sub(hn::LoadU(tag, w_.fixed.data() + j), hn::LoadU(tag, w_.open_price.data() + j)), shift);
      const auto old = hn::LoadU(tag, w_.distance.data() + j);
      const auto nearer = hn::Lt(d, hn::Min(old, hn::Set(tag, list_far)));
      hn::StoreU(hn::IfThenElse(nearer, d, old), tag, w_.distance.data() + j);
      const auto parent = hn::LoadU(tag, w_.parent.data() + j);
      hn::StoreU(hn::IfThenElse(nearer, row, parent), tag, w_.parent.data() + j);
    }
  }

  /// The nearest open column; the lowest index among equals.
  std::size_t nearest_open(std::int32_t& distance) const {
    const int_block::tag tag;
    auto least = hn::Set(tag, closed_distance), where = hn::Zero(tag);
    for (std::size_t j = 0; j < fixed_.padded(); j += int_block::lanes) {
      const auto d = hn::LoadU(tag, w_.distance.data() + j);
      where = hn::IfThenElse(hn::Lt(d, least), hn::Set(tag, static_cast<std::int32_t>(j)), where);
      least = hn::Min(least, d);
    }
    const auto all_least = hn::MinOfLanes(tag, least);
    distance = hn::GetLane(all_least);
    const auto index =
        hn::IfThenElse(hn::Eq(least, all_least), hn::Add(where, hn::Iota(tag, 0)), hn::Set(tag, closed_distance));
    return static_cast<std::size_t>(hn::GetLane(hn::MinOfLanes(tag, index)));
  }

  /// Lets a row of the tree offer more of its columns, if one it has not offered might be nearer than `distance`.
  bool offer_more(std::int32_t distance) {
    for (list_workspace::tree_row& t : w_.tree) {
      if (t.bound >= distance) continue;
      const auto i = static_cast<std::size_t>(t.row);
      const std::int32_t long_bound = t.offset + lists_.long_bound(i);
      if (t.offered == 0 && long_bound >= t.bound) {
        relax_list(lists_.long_cost(i), lists_.long_column(i), lists_.long_length(i), t.row, t.offset);
        t.offered = 1;
        t.bound = long_bound;
      } else {
        relax_dense_row(i, t.offset);
        t.offered = 2;
        t.bound = closed_distance;
      }
      return true;
    }
    return false;
  }

  // With n < m the m - n columns that no row gets go to "the rest": m - n more rows that want any column at no cost, which makes
  // the problem square. They are all alike, so one node of the tree stands for them all. Their columns have the same price, the
  // level, and no column has a higher one: that is what prices of unmatched columns must obey (assignment.hpp).

  static constexpr std::int32_t owned_by_rest = -2;  // in row_of_column
  std::int32_t rest_row() const { return static_cast<std::int32_t>(n_); }
  std::int32_t whole_price(std::size_t j) const { return w_.start_price[j] + w_.price[j]; }

  /// Free columns of the highest price, as many as the rest wants.
  void give_columns_to_rest() {
    level_ = whole_price(0);
    for (std::size_t j = 1; j < m_; ++j) level_ = std::max(level_, whole_price(j));
    rest_wants_ = m_ - n_;
    for (std::size_t j = 0; j < m_ && rest_wants_ > 0; ++j) {
      if (w_.row_of_column[j] >= 0 || whole_price(j) != level_) continue;
      w_.row_of_column[j] = owned_by_rest;
      --rest_wants_;
    }
  }

  /// The rest joins the tree: all its columns are passed, and it offers every other one.
  void pass_rest(std::int32_t distance) {
    for (std::size_t j = 0; j < m_; ++j) {
      w_.fixed[j] = -w_.start_price[j];
      if (w_.row_of_column[j] != owned_by_rest) continue;
      w_.open_price[j] = closed_price;
      w_.distance[j] = closed_distance;
    }
    relax_fixed(rest_row(), distance + level_);
  }

  /// Assigns `root`, a free row or one of the rest, along a shortest augmenting path (shortest_paths.hpp tells how).
  ///
  /// @return  false: distances out of range
  bool search(std::int32_t root) {
    std::copy(w_.price.begin(), w_.price.begin() + static_cast<std::ptrdiff_t>(m_), w_.open_price.begin());
    std::fill(w_.open_price.begin() + static_cast<std::ptrdiff_t>(m_), w_.open_price.end(), closed_price);
    std::fill(w_.distance.begin(), w_.distance.begin() + static_cast<std::ptrdiff_t>(m_), list_far);
    std::fill(w_.distance.begin() + static_cast<std::ptrdiff_t>(m_), w_.distance.end(), closed_distance);
    w_.passed_column.clear();
    w_.passed_distance.clear();
    w_.tree.clear();
    std::int32_t row = root, distance = 0, rest_distance = -1;  // distances start at 0 and never fall
    std::int32_t offset = root == rest_row() ? 0 : -lists_.least_two(static_cast<std::size_t>(root)).best;
    std::size_t column = 0, first_of_rest = 0;
    for (;;) {
      if (row == rest_row()) {
        rest_distance = distance;
        first_of_rest = column;
        pass_rest(distance);
      } else {
        const auto i = static_cast<std::size_t>(row);
        relax_list(lists_.short_cost(i), lists_.short_column(i), list_short_length, row, offset);
        w_.tree.push_back({row, offset, offset + lists_.short_bound(i), 0});
      }
      do {
        column = nearest_open(distance);
      } while (offer_more(distance));
      if (distance > -list_price_floor) return false;
      const std::int32_t owner = w_.row_of_column[column];
      if (owner == -1) break;
      row = owner == owned_by_rest ? rest_row() : owner;
      if (row == rest_row()) continue;
      w_.passed_column.push_back(static_cast<std::int32_t>(column));
      w_.passed_distance.push_back(distance);
      offset = distance - (w_.cost_of_row[static_cast<std::size_t>(row)] - w_.price[column]);
      w_.open_price[column] = closed_price;
      w_.distance[column] = closed_distance;
    }
    for (std::size_t k = 0; k < w_.passed_column.size(); ++k) {
      lower(static_cast<std::size_t>(w_.passed_column[k]), distance - w_.passed_distance[k]);
    }
    if (rest_distance >= 0) lower_rest(distance - rest_distance);
    for (auto j = static_cast<std::int32_t>(column); j >= 0;) {
      const std::int32_t i = w_.parent[static_cast<std::size_t>(j)];
      std::int32_t next;
      if (i == rest_row()) {
        w_.row_of_column[static_cast<std::size_t>(j)] = owned_by_rest;
        next = root == rest_row() ? -1 : static_cast<std::int32_t>(first_of_rest);
      } else {
        next = w_.column_of_row[static_cast<std::size_t>(i)];
        give(static_cast<std::size_t>(i), j, fixed_(static_cast<std::size_t>(i), static_cast<std::size_t>(j)));
      }
      j = next;
    }
    return !out_of_range_;
  }

  void lower_rest(std::int32_t fall) {
    for (std::size_t j = 0; j < m_; ++j) {
      if (w_.row_of_column[j] == owned_by_rest) lower(j, fall);
    }
    level_ -= fall;
  }

  // ---------------------------------------------------------------------------------------------- exact on c

  /// Moves the prices from the rounded costs to the costs as given, so that every row is tight with its column there.
  ///
  /// In double, prices (p + v) / s start exact. A row whose column is not its best lowers the price of each better column j
  /// until j is only as good: prices still only fall, so the lists stay valid, and a column left out, whose rounded cost is
  /// within half a unit, stays above its bound less 1/2. A column whose price fell makes its own row look again. If that
  /// ends, every row is tight (to 2^-48 of the largest cost, the rounding of double) and the matching is optimal for the
  /// costs as given. It can only go on for ever if a cycle of rows would gain by swapping, that is if rounding changed the
  /// optimum: hence the cap, and the dense solver afterwards.
  bool refine() {
    unscale_prices();
    if (!fixed_.rounds()) return true;
    head_ = tail_ = 0;
    const std::size_t rows = n_ < m_ ? n_ + 1 : n_;  // the rest, if any, is the last
    w_.waits.assign(rows, 1);
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
    }
    return true;
  }

  /// The rest's own columns, and whatever was dearer, get the lowest price among its own.
  void refine_rest() {
    const double level = exact_level();
    for (std::size_t j = 0; j < m_; ++j) {
      if (w_.row_of_column[j] == owned_by_rest) {
        w_.exact_price[j] = level;
      } else if (w_.exact_price[j] > level + p_.largest * 0x1p-48) {
        w_.exact_price[j] = level;
        wake(w_.row_of_column[j]);
      }
    }
  }

  double exact_level() const {
    double level = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < m_; ++j) {
      if (w_.row_of_column[j] == owned_by_rest) level = std::min(level, w_.exact_price[j]);
    }
    return level;
  }

  void wake(std::int32_t row) {
    if (w_.waits[static_cast<std::size_t>(row)]) return;
    w_.waits[static_cast<std::size_t>(row)] = 1;
    enqueue(row);
  }

  void refine_row(std::size_t i) {
    const auto own = static_cast<std::size_t>(w_.column_of_row[i]);
    const double level = static_cast<double>(p_.cost(i, own)) - w_.exact_price[own];
    const double threshold = std::floor(level * fixed_.scale() + 0.5);
    const auto bound = static_cast<std::int32_t>(std::min(threshold, static_cast<double>(list_far) - 1));
    if (lists_.short_bound(i) > bound) {
      refine_list(i, level, bound, lists_.short_cost(i), lists_.short_column(i), list_short_length);
    } else if (lists_.long_bound(i) > bound) {
      refine_list(i, level, bound, lists_.long_cost(i), lists_.long_column(i), lists_.long_length(i));
    } else {
      for (std::size_t j = 0; j < m_; ++j) lower_price(i, j, level);
    }
  }

  void refine_list(std::size_t i, double level, std::int32_t bound, const std::int32_t* cost,
                   const std::int32_t* column, std::size_t length) {
    alignas(64) std::int32_t near[2 * list_block];
    for (std::size_t b = 0; b < length; b += list_block) {
      const int_block r = int_block::load(cost + b) - int_block::look_up(w_.price.data(), column + b);
      const std::size_t count = r.compress_at_most(bound, int_block::load(column + b), near);
      for (std::size_t k = 0; k < count; ++k) lower_price(i, static_cast<std::size_t>(near[k]), level);
    }
  }

  void lower_price(std::size_t i, std::size_t j, double level) {
    const double cost = static_cast<double>(p_.cost(i, j));
    if (!(cost - w_.exact_price[j] < level - p_.largest * 0x1p-48)) return;
    w_.exact_price[j] = cost - level;
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
    const double level = n_ < m_ ? exact_level() : 0;
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

  list_result hand_over_answer(list_result what) {
    if (what == list_result::within_epsilon) unscale_prices();
    write_prices();
    std::copy_n(w_.column_of_row.begin(), n_, p_.out.column_of_row.begin());
    for (std::size_t j = 0; j < m_; ++j) p_.out.row_of_column[j] = std::max(w_.row_of_column[j], -1);
    return what;
  }

  list_result hand_over_prices() {
    if (n_ < m_) return list_result::unsuited;  // the dense solver wants prices of 0 on free columns then
    unscale_prices();
    write_prices();
    std::fill(p_.out.column_of_row.begin(), p_.out.column_of_row.end(), -1);
    std::fill(p_.out.row_of_column.begin(), p_.out.row_of_column.end(), -1);
    return list_result::prices;
  }

  const list_problem<Cost>& p_;
  list_workspace& w_;
  const std::size_t n_, m_;
  const list_policy policy_;
  fixed_costs<Cost> fixed_;
  candidate_lists<Cost> lists_;
  std::size_t head_ = 0, tail_ = 0, queue_mask_ = 0;  // of the ring of waiting rows
  std::size_t rest_wants_ = 0;                        // columns
  std::int32_t level_ = 0;                            // price of the rest's columns
  bool out_of_range_ = false;
};

template <class Cost>
static list_result solve_on_lists_simd(const list_problem<Cost>& problem) {
  return list_solver<Cost>(problem).solve();
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

// Shortest augmenting paths on lists, exact on the fixed point. Legend in list_solver.hpp.
//
// As in shortest_paths.hpp, but a row of the tree offers its short list first; its long list and the whole row only once a
// column that it has not offered yet might be nearer than the nearest known.
//
// With n < m the m - n columns that no row gets go to "the rest": m - n more rows that want any column at no cost, which makes
// the problem square. They are all alike, so one node of the tree stands for them all. Their columns have the same price, the
// level, and no column has a higher one: that is what prices of unmatched columns must obey (assignment.hpp).

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

template <class Cost>
class list_paths : protected list_matching<Cost> {
 protected:
  using base = list_matching<Cost>;
  using base::fixed_;
  using base::give;
  using base::lists_;
  using base::lower;
  using base::m_;
  using base::n_;
  using base::out_of_range_;
  using base::w_;

  explicit list_paths(const list_problem<Cost>& problem) : base(problem) {}

  static constexpr std::int32_t closed_price = -(1 << 30);
  static constexpr std::int32_t closed_distance = std::numeric_limits<std::int32_t>::max();

  /// Offers a list of `row` to the tree.
  void relax_list(const candidates& list, std::int32_t row, std::int32_t offset) {
    alignas(64) std::int32_t distance[list_block];
    for (std::size_t b = 0; b < list.blocks; ++b) {
      const std::int32_t* const cost = list.cost(b);
      const std::int32_t* const column = list.column(b);
      const int_block r = int_block::load(cost) - int_block::look_up(w_.open_price.data(), column);
      const int_block far = min(int_block::all(list_far), int_block::look_up(w_.distance.data(), column));
      const int_block d = r + int_block::all(offset);
      bool any = false;
#pragma GCC unroll 4
      for (std::size_t k = 0; k < int_block::parts; ++k) {
        any |= !hn::AllFalse(int_block::tag(), hn::Lt(d.part[k], far.part[k]));
      }
      if (!any) continue;
      d.store(distance);
      for (std::size_t k = 0; k < list_block; ++k) {
        const auto j = static_cast<std::size_t>(column[k]);
        if (cost[k] < list_far && distance[k] < std::min(list_far, w_.distance[j])) {
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
    const std::int32_t* const cost = w_.fixed.data();  // pointers at hand: a store of a vector might change those in w_
    const std::int32_t* const price = w_.open_price.data();
    std::int32_t* const distances = w_.distance.data();
    std::int32_t* const parents = w_.parent.data();
    for (std::size_t j = 0; j < fixed_.padded(); j += int_block::lanes) {
      const auto d = hn::Add(hn::Sub(hn::LoadU(tag, cost + j), hn::LoadU(tag, price + j)), shift);
      const auto old = hn::LoadU(tag, distances + j);
      const auto nearer = hn::Lt(d, hn::Min(old, hn::Set(tag, list_far)));
      hn::StoreU(hn::IfThenElse(nearer, d, old), tag, distances + j);
      hn::StoreU(hn::IfThenElse(nearer, row, hn::LoadU(tag, parents + j)), tag, parents + j);
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
        relax_list(lists_.long_list(i), t.row, t.offset);
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
        ++w_.effort.tree_rows;
        relax_list(lists_.short_list(i), row, offset);
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

  std::size_t rest_wants_ = 0;  // columns
  std::int32_t level_ = 0;      // price of the rest's columns
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

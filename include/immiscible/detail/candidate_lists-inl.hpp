// Every row's candidates: a long list made from the dense row, a short one made from the long one. Legend and the invariant
// that makes lists safe in list_solver.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// Some columns of a row and their costs q: blocks of 16 costs, each before the 16 columns they belong to.
struct candidates {
  static constexpr std::size_t stride = 2 * list_block;

  const std::int32_t* first;
  std::size_t blocks;

  const std::int32_t* cost(std::size_t block) const { return first + block * stride; }
  const std::int32_t* column(std::size_t block) const { return cost(block) + list_block; }
};

/// The lists of one problem, kept up to date as prices fall.
template <class Cost>
class candidate_lists {
 public:
  struct two_least {
    std::int32_t best, second;  // reduced costs; `second` may be a lower bound
    std::int32_t column, cost;  // of the best
  };

  candidate_lists(const list_problem<Cost>& problem, fixed_costs<Cost>& fixed)
      : cost_(problem.cost), w_(problem.work), fixed_(fixed), n_(problem.cost.rows()) {
    for (auto* row : {&w_.short_bound, &w_.long_bound, &w_.long_length}) row->resize(n_);
    w_.long_capacity.assign(n_, 0);
    w_.long_begin.resize(n_);
    w_.short_list.resize(n_ * candidates::stride);
    w_.pool.resize(std::max(w_.pool.size(), n_ * 2 * std::min(fixed.padded(), list_pool_length)));
    w_.chosen.resize(fixed.padded() + list_block);
  }

  /// Reads row i for the first time and makes both of its lists. @return false: its costs do not suit the fixed point
  bool build_first(std::size_t i) {
    build_long_list<true>(i);
    if (!fixed_.in_range()) return false;
    build_short_list(i);
    return true;
  }

  /// Row i will be looked at soon.
  void prefetch(std::size_t i) const {
    hwy::Prefetch(short_list(i).cost(0));
    hwy::Prefetch(short_list(i).column(0));
  }

  /// The two least reduced costs of row i, from its short list; the list is built again when it has expired.
  HWY_INLINE two_least least_two(std::size_t i) {
    ++w_.effort.lists_read;
    two_least found = scan_short_list(i);
    if (found.best > w_.short_bound[i]) {
      build_short_list(i);
      found = scan_short_list(i);
    }
    found.second = std::min(found.second, w_.short_bound[i]);
    return found;
  }

  candidates short_list(std::size_t i) const { return {w_.short_list.data() + i * candidates::stride, 1}; }
  candidates long_list(std::size_t i) const {
    return {w_.pool.data() + w_.long_begin[i], static_cast<std::size_t>(w_.long_length[i])};
  }
  /// No column left out of the list has a reduced cost below this.
  std::int32_t short_bound(std::size_t i) const { return w_.short_bound[i]; }
  std::int32_t long_bound(std::size_t i) const { return w_.long_bound[i]; }

 private:
  /// Builds row i's long list from its costs and today's prices; the first time from the start prices, which is one pass less.
  template <bool First>
  void build_long_list(std::size_t i) {
    const int_block group_least = fixed_.template quantise<!First, First>(i);
    const Cost* const next_row = cost_.row(std::min(i + 1, n_ - 1));  // on its way to the cache meanwhile
    const std::int32_t* const reduced = First ? w_.fixed.data() : w_.reduced.data();
    const std::int32_t least = group_least.least();
    if (First && !fixed_.in_range()) return;
    const list_policy policy(n_);
    std::int32_t width =
        std::max(fixed_.units(policy.long_list_width), policy.long_list_gaps * group_gap(group_least, least));
    width = std::min(width, list_fixed_limit);
    std::size_t count = choose_columns(reduced, least + width, next_row);
    for (int tries = 0; count > list_long_length && width > 0; ++tries) {
      width = tries < 8 ? width - width / 4 - 1 : 0;
      count = choose_columns(reduced, least + std::max(width, 0), next_row);
    }
    width = std::max(width, 0);
    const bool ties_left_out = count > list_long_length;  // then some columns left out are as near as the least
    count = std::min(count, list_long_length);
    w_.long_bound[i] = least + (ties_left_out ? 0 : width + 1);

    write_long_list(i, count);
  }

  /// Costs and columns of the `count` columns in w_.chosen; where the row's place is too small, in a new one.
  void write_long_list(std::size_t i, std::size_t count) {
    const std::size_t blocks = (count + list_block - 1) / list_block;
    if (blocks > static_cast<std::size_t>(w_.long_capacity[i])) {
      w_.long_begin[i] = pool_end_;
      w_.long_capacity[i] = static_cast<std::int32_t>(blocks);
      pool_end_ += blocks * candidates::stride;
      if (w_.pool.size() < pool_end_) w_.pool.resize(std::max(pool_end_, 2 * w_.pool.size()));
    }
    w_.long_length[i] = static_cast<std::int32_t>(blocks);
    std::int32_t* const chosen = w_.chosen.data();
    std::fill(chosen + count, chosen + blocks * list_block, 0);
    std::int32_t* to = w_.pool.data() + w_.long_begin[i];
    for (std::size_t b = 0; b < blocks * list_block; b += list_block, to += candidates::stride) {
      int_block::look_up(w_.fixed.data(), chosen + b).store(to);
      int_block::load(chosen + b).store(to + list_block);
    }
    const std::size_t empty = blocks * list_block - count;  // of the last block
    std::fill(to - list_block - empty, to - list_block, list_far);
  }

  /// chosen = the columns with reduced <= bound, in order.
  std::size_t choose_columns(const std::int32_t* reduced, std::int32_t bound, const Cost* next_row) {
    std::int32_t* const chosen = w_.chosen.data();
    int_block column = first_columns();
    const int_block step = int_block::all(static_cast<std::int32_t>(list_block));
    std::size_t count = 0;
    for (std::size_t j = 0; j < fixed_.padded(); j += list_block) {
      hwy::Prefetch(next_row + j);
      count += int_block::load(reduced + j).compress_at_most(bound, column, chosen + count);
      column = column + step;
    }
    return count;
  }

  static int_block first_columns() {
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      b.part[k] = hn::Iota(int_block::tag(), static_cast<std::int32_t>(k * int_block::lanes));
    }
    return b;
  }

  /// Builds row i's short list from its long list, which is built again first if it has expired. Not inlined: bids are, and need
  /// this now and then only.
  HWY_NOINLINE void build_short_list(std::size_t i) {
    for (bool rebuilt = false;; rebuilt = true) {
      const candidates list = long_list(i);
      alignas(64) std::int32_t reduced[list_long_length];
      int_block group_least = int_block::all(std::numeric_limits<std::int32_t>::max());
      for (std::size_t b = 0; b < list.blocks; ++b) {
        const int_block r = int_block::load(list.cost(b)) - int_block::look_up(w_.price.data(), list.column(b));
        r.store(reduced + b * list_block);
        group_least = min(group_least, r);
      }
      const std::int32_t least = group_least.least();
      if (least > w_.long_bound[i] && !rebuilt) {
        build_long_list<false>(i);
        continue;
      }
      write_short_list(i, reduced, list, least, group_gap(group_least, least));
      return;
    }
  }

  /// From row i's long list, whose reduced costs are known and whose least is `least`.
  void write_short_list(std::size_t i, const std::int32_t* reduced, const candidates& list, std::int32_t least,
                        std::int32_t width) {
    const std::int32_t last = w_.long_bound[i];
    alignas(64) std::int32_t kept_cost[3 * list_block], kept_column[3 * list_block];
    std::size_t count = 0;
    std::int32_t bound = 0;
    for (int tries = 0;; ++tries) {
      const std::int32_t threshold = std::min(least + width, last);
      count = 0;
      for (std::size_t b = 0; b < list.blocks && count <= list_short_length; ++b) {
        const int_block r = int_block::load(reduced + b * list_block);
        r.compress_at_most(threshold, int_block::load(list.cost(b)), kept_cost + count);
        count += r.compress_at_most(threshold, int_block::load(list.column(b)), kept_column + count);
      }
      bound = std::min(threshold + 1, last);
      if (count <= list_short_length) break;
      if (width == 0) {  // more ties than places: keep any of them
        count = list_short_length;
        bound = least;
        break;
      }
      width = tries < 6 ? width - width / 4 - 1 : 0;
      width = std::max(width, 0);
    }
    std::fill(kept_cost + count, kept_cost + list_short_length, list_far);
    std::fill(kept_column + count, kept_column + list_short_length, 0);
    std::int32_t* const to = w_.short_list.data() + i * candidates::stride;
    int_block::load(kept_cost).store(to);
    int_block::load(kept_column).store(to + list_block);
    w_.short_bound[i] = bound;
  }

  HWY_INLINE two_least scan_short_list(std::size_t i) const {
    const std::int32_t* const cost = short_list(i).cost(0);
    const std::int32_t* const column = short_list(i).column(0);
    const int_block r = int_block::load(cost) - int_block::look_up(w_.price.data(), column);
    const int_block::tag tag;
    two_least_lanes<int_block::tag> lanes{r.part[0], hn::Set(tag, std::numeric_limits<std::int32_t>::max())};
#pragma GCC unroll 4
    for (std::size_t k = 1; k < int_block::parts; ++k) lanes.take({r.part[k], lanes.second});
    const auto least = two_least_of(tag, lanes);
    two_least found;
    found.best = hn::GetLane(least.best);
    found.second = hn::GetLane(least.second);
    const auto best = hn::Set(tag, found.best);
    std::size_t place = 0;
#pragma GCC unroll 4
    for (std::size_t p = 0; p < int_block::parts; ++p) {
      const std::size_t k = int_block::parts - 1 - p;
      const auto here = hn::FindFirstTrue(tag, hn::Eq(r.part[k], best));
      if (here >= 0) place = k * int_block::lanes + static_cast<std::size_t>(here);
    }
    found.column = column[place];
    found.cost = cost[place];
    return found;
  }

  const batch<Cost>& cost_;
  list_workspace& w_;
  fixed_costs<Cost>& fixed_;
  const std::size_t n_;
  std::size_t pool_end_ = 0;
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

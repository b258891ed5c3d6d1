// The list solver of candidate_lists.hpp, compiled once for each instruction set (simd_foreach.hpp): legend and invariant there.
//
// Everything goes in blocks of 16 values, whatever the width of the processor's vectors, so that all of them build the same
// lists and make the same bids.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
namespace detail {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t list_block = 16;

/// 16 int32 values in as many vectors as the processor needs for them.
struct int_block {
  using tag = hn::CappedTag<std::int32_t, list_block>;
  using vector = hn::Vec<tag>;
  static constexpr std::size_t lanes = hn::MaxLanes(tag());
  static constexpr std::size_t parts = list_block / lanes;

  vector part[parts];

  static HWY_INLINE int_block load(const std::int32_t* from) {
    int_block b;
    for (std::size_t k = 0; k < parts; ++k) b.part[k] = hn::LoadU(tag(), from + k * lanes);
    return b;
  }
  static HWY_INLINE int_block all(std::int32_t value) {
    int_block b;
    for (auto& p : b.part) p = hn::Set(tag(), value);
    return b;
  }
  /// table[index] for 16 indices: scalar loads and interleaving, which beat gather instructions where those are slow.
  static HWY_INLINE int_block look_up(const std::int32_t* table, const std::int32_t* index) {
    int_block b;
    for (std::size_t k = 0; k < parts; ++k) b.part[k] = look_up_lanes(tag(), table, index + k * lanes);
    return b;
  }
  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> look_up_lanes(Tag wide, const std::int32_t* table, const std::int32_t* index) {
    if constexpr (hn::MaxLanes(Tag()) > 4) {
      const hn::Half<Tag> narrow;
      const auto low = look_up_lanes(narrow, table, index);
      return hn::Combine(wide, look_up_lanes(narrow, table, index + hn::MaxLanes(narrow)), low);
    } else {
      const hn::Repartition<std::int64_t, Tag> pair;
      const auto even = hn::InterleaveLower(wide, hn::Set(wide, table[index[0]]), hn::Set(wide, table[index[1]]));
      const auto odd = hn::InterleaveLower(wide, hn::Set(wide, table[index[2]]), hn::Set(wide, table[index[3]]));
      return hn::BitCast(wide, hn::InterleaveLower(pair, hn::BitCast(pair, even), hn::BitCast(pair, odd)));
    }
  }
  HWY_INLINE void store(std::int32_t* to) const {
    for (std::size_t k = 0; k < parts; ++k) hn::StoreU(part[k], tag(), to + k * lanes);
  }
  HWY_INLINE std::int32_t least() const {
    vector m = part[0];
    for (std::size_t k = 1; k < parts; ++k) m = hn::Min(m, part[k]);
    return hn::GetLane(hn::MinOfLanes(tag(), m));
  }
  HWY_INLINE std::int32_t sum() const {
    vector s = part[0];
    for (std::size_t k = 1; k < parts; ++k) s = hn::Add(s, part[k]);
    return hn::GetLane(hn::SumOfLanes(tag(), s));
  }
  /// Writes those of `values` whose place here is <= bound, one after the other, and returns how many; up to 16 values
  /// behind the last are overwritten.
  HWY_INLINE std::size_t compress_at_most(std::int32_t bound, const int_block& values, std::int32_t* to) const {
    std::size_t count = 0;
    for (std::size_t k = 0; k < parts; ++k) {
      const auto keep = hn::Not(hn::Gt(part[k], hn::Set(tag(), bound)));
      hn::StoreU(hn::Compress(values.part[k], keep), tag(), to + count);
      count += hn::CountTrue(tag(), keep);
    }
    return count;
  }
};

static HWY_INLINE int_block operator-(const int_block& a, const int_block& b) {
  int_block c;
  for (std::size_t k = 0; k < int_block::parts; ++k) c.part[k] = hn::Sub(a.part[k], b.part[k]);
  return c;
}
static HWY_INLINE int_block operator+(const int_block& a, const int_block& b) {
  int_block c;
  for (std::size_t k = 0; k < int_block::parts; ++k) c.part[k] = hn::Add(a.part[k], b.part[k]);
  return c;
}
static HWY_INLINE int_block min(const int_block& a, const int_block& b) {
  int_block c;
  for (std::size_t k = 0; k < int_block::parts; ++k) c.part[k] = hn::Min(a.part[k], b.part[k]);
  return c;
}

using float_tag = hn::CappedTag<float, list_block>;

/// max |c|; +infinity if a cost is not finite.
template <class Cost>
static double largest_magnitude_simd(const batch<Cost>& cost) {
  double largest = 0;
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    const Cost* row = cost.row(i);
    if constexpr (std::is_same<Cost, float>::value) {
      using tag = hn::ScalableTag<float>;
      using bits = hn::RebindToSigned<tag>;  // as integers, magnitudes are in order and everything not finite is above
      const std::size_t lanes = hn::MaxLanes(tag());
      const auto magnitude = [&](std::size_t j)
                                 HWY_ATTR { return hn::BitCast(bits(), hn::Abs(hn::LoadU(tag(), row + j))); };
      auto a = hn::Zero(bits()), b = a, c = a, d = a;
      std::size_t j = 0;
      for (; j + 4 * lanes <= cost.columns(); j += 4 * lanes) {
        a = hn::Max(a, magnitude(j));
        b = hn::Max(b, magnitude(j + lanes));
        c = hn::Max(c, magnitude(j + 2 * lanes));
        d = hn::Max(d, magnitude(j + 3 * lanes));
      }
      const auto most = hn::MaxOfLanes(bits(), hn::Max(hn::Max(a, b), hn::Max(c, d)));
      const float value = hn::GetLane(hn::BitCast(tag(), most));
      if (!(value <= std::numeric_limits<float>::max())) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, static_cast<double>(value));
      for (; j < cost.columns(); ++j) {
        const double m = std::abs(static_cast<double>(row[j]));
        if (!(m <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
        largest = std::max(largest, m);
      }
    } else {
      for (std::size_t j = 0; j < cost.columns(); ++j) {
        const double m = std::abs(static_cast<double>(row[j]));
        if (!(m <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
        largest = std::max(largest, m);
      }
    }
  }
  return largest;
}

/// One solve. Steps and invariants are told in candidate_lists.hpp.
template <class Cost>
class list_solver {
 public:
  explicit list_solver(const list_problem<Cost>& problem)
      : p_(problem),
        w_(problem.work),
        n_(problem.cost.rows()),
        padded_((n_ + list_block - 1) / list_block * list_block),
        policy_(n_),
        scale_(fixed_point_scale(problem.largest, std::is_integral<Cost>::value)) {}

  list_result solve() {
    prepare();
    sample_columns();
    sinkhorn_half_step();
    if (const std::int32_t epsilon = wanted_epsilon(); epsilon > 0) return stop_within(epsilon);
    for (const float epsilon : policy_.epsilon) {
      if (epsilon == 0) continue;
      if (epsilon == policy_.epsilon[0]) {
        first_bids(units(epsilon));
      } else {
        free_rows_beyond(units(epsilon));
      }
      bid_until_assigned(units(epsilon));
      if (out_of_range_) return hand_over_prices();
    }
    free_rows_beyond(0);
    take_free_best_columns();
    reduce_rows();
    for (std::size_t i = 0; i < n_; ++i) {
      if (w_.column_of_row[i] < 0 && !search(i)) return hand_over_prices();
    }
    if (out_of_range_) return hand_over_prices();
    return refine() ? hand_over_answer(list_result::optimal) : hand_over_prices();
  }

 private:
  struct two_least {
    std::int32_t best, second;  // reduced costs; `second` may be a lower bound
    std::int32_t column, cost;  // of the best
  };

  // ---------------------------------------------------------------------------------------------- fixed point

  std::int32_t to_fixed(Cost cost) const {
    return static_cast<std::int32_t>(std::lrint(static_cast<double>(cost) * scale_));
  }

  std::int32_t units(float deviations) const {
    const double value = static_cast<double>(deviations) * deviation_;
    return static_cast<std::int32_t>(std::min(std::max(value, 1.0), static_cast<double>(list_fixed_limit)));
  }

  /// What a bid may be off by for the caller's sake, less the rounding of two costs; 0: solve exactly.
  std::int32_t wanted_epsilon() const {
    const double wanted = p_.epsilon > 0 ? p_.epsilon * scale_ : p_.tolerance * deviation_;
    return static_cast<std::int32_t>(std::max(0.0, std::min(wanted, static_cast<double>(list_fixed_limit)) - 1));
  }

  /// fixed = q of row i; with `Reduce` also reduced = r of row i. Returns the least of 16 interleaved groups of it.
  template <bool Reduce>
  int_block quantise(std::size_t i) {
    const Cost* const row = p_.cost.row(i);
    const std::int32_t* const start = w_.start_price.data();
    const std::int32_t* const price = w_.price.data();
    std::int32_t* const fixed = w_.fixed.data();
    std::int32_t* const reduced = w_.reduced.data();
    const auto scale = hn::Set(float_tag(), static_cast<float>(scale_));
    const std::size_t whole = n_ / list_block * list_block;
    for (std::size_t j = whole; j < n_; ++j) fixed[j] = to_fixed(row[j]) - start[j];
    int_block group_least = int_block::all(std::numeric_limits<std::int32_t>::max());
    for (std::size_t j = 0; j < whole; j += list_block) {
      int_block q = rounded_block(row + j, scale) - int_block::load(start + j);
      q.store(fixed + j);
      if (Reduce) {
        q = q - int_block::load(price + j);
        q.store(reduced + j);
      }
      group_least = min(group_least, q);
    }
    if (whole < padded_) {
      int_block q = int_block::load(fixed + whole);
      if (Reduce) {
        q = q - int_block::load(price + whole);
        q.store(reduced + whole);
      }
      group_least = min(group_least, q);
    }
    return group_least;
  }

  /// 16 costs, scaled and rounded.
  HWY_INLINE int_block rounded_block(const float* costs, hn::Vec<float_tag> scale) const {
    int_block b;
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      b.part[k] = hn::NearestInt(hn::Mul(scale, hn::LoadU(float_tag(), costs + k * int_block::lanes)));
    }
    return b;
  }
  template <class Other>
  HWY_INLINE int_block rounded_block(const Other* costs, hn::Vec<float_tag>) const {
    alignas(64) std::int32_t rounded[list_block];
    for (std::size_t k = 0; k < list_block; ++k) rounded[k] = to_fixed(costs[k]);
    return int_block::load(rounded);
  }

  void prepare() {
    const std::size_t n = n_;
    for (auto* column : {&w_.start_price, &w_.price, &w_.row_of_column, &w_.distance, &w_.open_price, &w_.parent,
                         &w_.fixed, &w_.reduced}) {
      column->resize(padded_);
    }
    w_.chosen.resize(padded_ + list_block);
    w_.column_sum.assign(padded_, 0.0f);
    w_.column_square.assign(padded_, 0.0f);
    w_.weight.resize(padded_);
    w_.exact_price.resize(n);
    for (auto* row :
         {&w_.column_of_row, &w_.cost_of_row, &w_.short_bound, &w_.long_bound, &w_.long_length, &w_.long_capacity}) {
      row->resize(n);
    }
    w_.long_begin.resize(n);
    w_.short_cost.resize(n * list_short_length);
    w_.short_column.resize(n * list_short_length);
    queue_mask_ = 1;
    while (queue_mask_ < n + 1) queue_mask_ *= 2;
    w_.queue.resize(queue_mask_--);
    std::fill(w_.price.begin(), w_.price.end(), 0);
    std::fill(w_.price.begin() + static_cast<std::ptrdiff_t>(n), w_.price.end(), -list_far);
    std::fill(w_.start_price.begin(), w_.start_price.end(), 0);
    std::fill(w_.fixed.begin(), w_.fixed.end(), list_far);
    std::fill(w_.row_of_column.begin(), w_.row_of_column.end(), -1);
    std::fill(w_.column_of_row.begin(), w_.column_of_row.end(), -1);
    pool_end_ = 0;
  }

  // ---------------------------------------------------------------------------------------------- start prices

  /// Start prices: column mean less some column deviations, over sampled rows; each row's own mean is taken off first.
  void sample_columns() {
    const std::size_t rows = std::min(policy_.sampled_rows, n_), step = n_ / rows;
    float* sum = w_.column_sum.data();
    float* square = w_.column_square.data();
    for (std::size_t r = 0; r < rows; ++r) {
      const Cost* row = p_.cost.row(r * step);
      float* value = w_.weight.data();
      for (std::size_t j = 0; j < n_; ++j) value[j] = static_cast<float>(static_cast<double>(row[j]) * scale_);
      const float mean = total(value) / static_cast<float>(n_);
      using tag = hn::ScalableTag<float>;
      const auto shift = hn::Set(tag(), mean);
      std::size_t j = 0;
      for (; j + hn::MaxLanes(tag()) <= n_; j += hn::MaxLanes(tag())) {
        const auto x = hn::Sub(hn::LoadU(tag(), value + j), shift);
        hn::StoreU(hn::Add(hn::LoadU(tag(), sum + j), x), tag(), sum + j);
        hn::StoreU(hn::MulAdd(x, x, hn::LoadU(tag(), square + j)), tag(), square + j);
      }
      for (; j < n_; ++j) {
        const float x = value[j] - mean;
        sum[j] += x;
        square[j] += x * x;
      }
    }
    const float share = 1.0f / static_cast<float>(rows);
    double variance = 0;
    for (std::size_t j = 0; j < n_; ++j) {
      const float mean = sum[j] * share;
      const float own = std::max(0.0f, square[j] * share - mean * mean);
      variance += static_cast<double>(own);
      w_.weight[j] = mean - policy_.start_below_mean * std::sqrt(own);
    }
    deviation_ = std::sqrt(variance / static_cast<double>(n_));
    for (std::size_t j = 0; j < n_; ++j) w_.start_price[j] = to_start_price(static_cast<double>(w_.weight[j]));
  }

  static std::int32_t to_start_price(double value) {
    const double limit = list_fixed_limit / 2;
    return value == value ? static_cast<std::int32_t>(std::lrint(std::min(std::max(value, -limit), limit))) : 0;
  }

  float total(const float* values) const {
    using tag = hn::ScalableTag<float>;
    const std::size_t lanes = hn::MaxLanes(tag());
    auto a = hn::Zero(tag()), b = a;
    std::size_t j = 0;
    for (; j + 2 * lanes <= n_; j += 2 * lanes) {
      a = hn::Add(a, hn::LoadU(tag(), values + j));
      b = hn::Add(b, hn::LoadU(tag(), values + j + lanes));
    }
    float sum = hn::GetLane(hn::SumOfLanes(tag(), hn::Add(a, b)));
    for (; j < n_; ++j) sum += values[j];
    return sum;
  }

  /// 2^x for x <= 0, to a relative 2e-3: prices need no more.
  template <class Vector>
  static Vector rough_exp2(Vector x) {
    const hn::DFromV<Vector> tag;
    const hn::RebindToSigned<decltype(tag)> bits;
    x = hn::Max(x, hn::Set(tag, -100.0f));
    const auto whole = hn::Floor(x);
    const auto part = hn::Sub(x, whole);
    const auto mantissa =
        hn::MulAdd(part, hn::MulAdd(part, hn::Set(tag, 0.34f), hn::Set(tag, 0.66f)), hn::Set(tag, 1.0f));
    const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(bits, whole), hn::Set(bits, 127)));
    return hn::Mul(mantissa, hn::BitCast(tag, exponent));
  }

  /// Start prices moved by one half-step of Sinkhorn's iteration over sampled rows: where many rows would like a column,
  /// its price falls beforehand. A guess, never trusted.
  void sinkhorn_half_step() {
    if (!(deviation_ > 16)) return;  // integers with few values: nothing to smooth
    using tag = hn::ScalableTag<float>;
    const std::size_t lanes = hn::MaxLanes(tag());
    const std::size_t rows = std::min(policy_.sinkhorn_rows, n_), step = n_ / rows;
    const double temperature = static_cast<double>(policy_.sinkhorn_temperature) * deviation_;
    const float sharpness = static_cast<float>(1.4426950408889634 / temperature);
    float* demand = w_.column_sum.data();
    float* weight = w_.weight.data();
    std::fill(w_.column_sum.begin(), w_.column_sum.end(), 0.0f);
    for (std::size_t r = 0; r < rows; ++r) {
      const int_block least = quantise<false>(r * step);
      const auto base = hn::Set(hn::RebindToSigned<tag>(), least.least());
      const auto factor = hn::Set(tag(), sharpness);
      auto sum = hn::Zero(tag());
      for (std::size_t j = 0; j < padded_; j += lanes) {
        const auto above = hn::Sub(base, hn::LoadU(hn::RebindToSigned<tag>(), w_.fixed.data() + j));
        const auto share = rough_exp2(hn::Mul(factor, hn::ConvertTo(tag(), above)));
        hn::StoreU(share, tag(), weight + j);
        sum = hn::Add(sum, share);
      }
      const auto normal = hn::Set(tag(), 1.0f / hn::GetLane(hn::SumOfLanes(tag(), sum)));
      for (std::size_t j = 0; j < padded_; j += lanes) {
        hn::StoreU(hn::MulAdd(hn::LoadU(tag(), weight + j), normal, hn::LoadU(tag(), demand + j)), tag(), demand + j);
      }
    }
    const float scale_up = static_cast<float>(n_) / static_cast<float>(rows);
    for (std::size_t j = 0; j < n_; ++j) {
      const double fall = temperature * static_cast<double>(std::log(std::max(demand[j] * scale_up, 1e-6f)));
      w_.start_price[j] = to_start_price(static_cast<double>(w_.start_price[j]) - fall);
    }
  }

  // ---------------------------------------------------------------------------------------------- lists

  /// How far the least of 16 interleaved groups lie above the least of all, on average: the width at which lists get
  /// about 16 entries.
  static std::int32_t group_gap(const int_block& group_least, std::int32_t least) {
    const int_block above = group_least - int_block::all(least);
    int_block small;
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      small.part[k] = hn::ShiftRight<4>(hn::Min(above.part[k], hn::Set(int_block::tag(), list_fixed_limit)));
    }
    return small.sum();
  }

  /// Builds row i's long list from its costs and today's prices.
  void build_long_list(std::size_t i) {
    const int_block group_least = quantise<true>(i);
    const Cost* const next_row = p_.cost.row(std::min(i + 1, n_ - 1));  // on its way to the cache meanwhile
    const std::int32_t* const fixed = w_.fixed.data();
    const std::int32_t* const reduced = w_.reduced.data();
    const std::int32_t least = group_least.least();
    std::int32_t width = std::max(units(policy_.long_list_width), group_gap(group_least, least));
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

    const std::size_t blocks = (count + list_block - 1) / list_block;
    if (blocks > static_cast<std::size_t>(w_.long_capacity[i])) {
      w_.long_begin[i] = pool_end_;
      w_.long_capacity[i] = static_cast<std::int32_t>(blocks);
      pool_end_ += blocks * list_block;
      if (w_.pool_cost.size() < pool_end_) {
        w_.pool_cost.resize(std::max(pool_end_, 2 * w_.pool_cost.size()));
        w_.pool_column.resize(w_.pool_cost.size());
      }
    }
    w_.long_length[i] = static_cast<std::int32_t>(blocks);
    std::int32_t* cost = w_.pool_cost.data() + w_.long_begin[i];
    std::int32_t* column = w_.pool_column.data() + w_.long_begin[i];
    std::fill(w_.chosen.begin() + static_cast<std::ptrdiff_t>(count),
              w_.chosen.begin() + static_cast<std::ptrdiff_t>(blocks * list_block), 0);
    for (std::size_t b = 0; b < blocks * list_block; b += list_block) {
      int_block::look_up(fixed, w_.chosen.data() + b).store(cost + b);
      int_block::load(w_.chosen.data() + b).store(column + b);
    }
    std::fill(cost + count, cost + blocks * list_block, list_far);
  }

  /// chosen = the columns with reduced <= bound, in order.
  std::size_t choose_columns(const std::int32_t* reduced, std::int32_t bound, const Cost* next_row) {
    std::int32_t* const chosen = w_.chosen.data();
    int_block column = first_columns();
    const int_block step = int_block::all(static_cast<std::int32_t>(list_block));
    std::size_t count = 0;
    for (std::size_t j = 0; j < padded_; j += list_block) {
      hwy::Prefetch(next_row + j);
      count += int_block::load(reduced + j).compress_at_most(bound, column, chosen + count);
      column = column + step;
    }
    return count;
  }

  static int_block first_columns() {
    int_block b;
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      b.part[k] = hn::Iota(int_block::tag(), static_cast<std::int32_t>(k * int_block::lanes));
    }
    return b;
  }

  /// Builds row i's short list from its long list, which is built again first if it has expired.
  void build_short_list(std::size_t i) {
    for (bool rebuilt = false;; rebuilt = true) {
      const std::size_t length = static_cast<std::size_t>(w_.long_length[i]) * list_block;
      const std::int32_t* cost = w_.pool_cost.data() + w_.long_begin[i];
      const std::int32_t* column = w_.pool_column.data() + w_.long_begin[i];
      alignas(64) std::int32_t reduced[list_long_length];
      int_block group_least = int_block::all(std::numeric_limits<std::int32_t>::max());
      for (std::size_t b = 0; b < length; b += list_block) {
        const int_block r = int_block::load(cost + b) - int_block::look_up(w_.price.data(), column + b);
        r.store(reduced + b);
        group_least = min(group_least, r);
      }
      const std::int32_t least = group_least.least();
      if (least > w_.long_bound[i] && !rebuilt) {
        build_long_list(i);
        continue;
      }
      write_short_list(i, reduced, length, least, group_gap(group_least, least));
      return;
    }
  }

  void write_short_list(std::size_t i, const std::int32_t* reduced, std::size_t length, std::int32_t least,
                        std::int32_t width) {
    const std::int32_t* cost = w_.pool_cost.data() + w_.long_begin[i];
    const std::int32_t* column = w_.pool_column.data() + w_.long_begin[i];
    const std::int32_t last = w_.long_bound[i];
    alignas(64) std::int32_t kept_cost[3 * list_block], kept_column[3 * list_block];
    std::size_t count = 0;
    std::int32_t bound = 0;
    for (int tries = 0;; ++tries) {
      const std::int32_t threshold = std::min(least + width, last);
      count = 0;
      for (std::size_t b = 0; b < length && count <= list_short_length; b += list_block) {
        const int_block r = int_block::load(reduced + b);
        r.compress_at_most(threshold, int_block::load(cost + b), kept_cost + count);
        count += r.compress_at_most(threshold, int_block::load(column + b), kept_column + count);
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
    std::copy_n(kept_cost, list_short_length, w_.short_cost.data() + i * list_short_length);
    std::copy_n(kept_column, list_short_length, w_.short_column.data() + i * list_short_length);
    w_.short_bound[i] = bound;
  }

  /// The two least reduced costs of row i, from its short list; the list is built again when it has expired.
  two_least read_short_list(std::size_t i) {
    two_least found = scan_short_list(i);
    if (found.best > w_.short_bound[i]) {
      build_short_list(i);
      found = scan_short_list(i);
    }
    found.second = std::min(found.second, w_.short_bound[i]);
    return found;
  }

  two_least scan_short_list(std::size_t i) const {
    const std::int32_t* cost = w_.short_cost.data() + i * list_short_length;
    const std::int32_t* column = w_.short_column.data() + i * list_short_length;
    const int_block r = int_block::load(cost) - int_block::look_up(w_.price.data(), column);
    const int_block::tag tag;
    two_least found;
    found.best = r.least();
    std::size_t place = list_block, equal = 0;
    auto second = hn::Set(tag, std::numeric_limits<std::int32_t>::max());
    for (std::size_t k = int_block::parts; k-- > 0;) {
      const auto is_best = hn::Eq(r.part[k], hn::Set(tag, found.best));
      const std::size_t hits = hn::CountTrue(tag, is_best);
      if (hits > 0) place = k * int_block::lanes + static_cast<std::size_t>(hn::FindFirstTrue(tag, is_best));
      equal += hits;
      second = hn::Min(second, hn::IfThenElse(is_best, second, r.part[k]));
    }
    found.second = equal > 1 ? found.best : hn::GetLane(hn::MinOfLanes(tag, second));
    found.column = column[place];
    found.cost = cost[place];
    return found;
  }

  // ---------------------------------------------------------------------------------------------- auction

  void give(std::size_t i, std::int32_t column, std::int32_t cost) {
    w_.row_of_column[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(i);
    w_.column_of_row[i] = column;
    w_.cost_of_row[i] = cost;
  }

  void enqueue(std::int32_t row) { w_.queue[tail_++ & queue_mask_] = row; }

  /// Row i bids for its best column; the row that had it waits again.
  void bid(std::size_t i, std::int32_t epsilon) {
    const two_least found = read_short_list(i);
    const auto column = static_cast<std::size_t>(found.column);
    w_.price[column] -= found.second - found.best + epsilon;
    out_of_range_ |= w_.price[column] < list_price_floor;
    const std::int32_t previous = w_.row_of_column[column];
    give(i, found.column, found.cost);
    if (previous >= 0) {
      w_.column_of_row[static_cast<std::size_t>(previous)] = -1;
      enqueue(previous);
    }
  }

  /// Every row is read once, and bids at once.
  void first_bids(std::int32_t epsilon) {
    std::fill(w_.long_capacity.begin(), w_.long_capacity.end(), 0);
    head_ = tail_ = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      build_long_list(i);
      build_short_list(i);
      bid(i, epsilon);
    }
  }

  /// Frees the rows whose pair is more than `epsilon` from their best, and lets the free ones wait.
  void free_rows_beyond(std::int32_t epsilon) {
    head_ = tail_ = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      const std::int32_t own = w_.column_of_row[i];
      if (own >= 0) {
        const std::int32_t reduced = w_.cost_of_row[i] - w_.price[static_cast<std::size_t>(own)];
        if (reduced <= read_short_list(i).best + epsilon) continue;
        w_.row_of_column[static_cast<std::size_t>(own)] = -1;
        w_.column_of_row[i] = -1;
      }
      enqueue(static_cast<std::int32_t>(i));
    }
  }

  void bid_until_assigned(std::int32_t epsilon) {
    for (std::size_t left = policy_.bids_per_row * n_; head_ != tail_ && left > 0 && !out_of_range_; --left) {
      bid(static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]), epsilon);
    }
  }

  /// One phase, and a lower bound of every row's least reduced cost.
  list_result stop_within(std::int32_t epsilon) {
    first_bids(epsilon);
    bid_until_assigned(epsilon);
    if (out_of_range_ || head_ != tail_) return hand_over_prices();
    w_.row_bound.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      w_.row_bound[i] = (static_cast<double>(read_short_list(i).best) - (rounds() ? 0.5 : 0.0)) / scale_;
    }
    return hand_over_answer(list_result::within_epsilon);
  }

  // ---------------------------------------------------------------------------------------------- exact on q

  void take_free_best_columns() {
    for (std::size_t i = 0; i < n_; ++i) {
      if (w_.column_of_row[i] >= 0) continue;
      const two_least found = read_short_list(i);
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
        const two_least found = read_short_list(i);
        const auto column = static_cast<std::size_t>(found.column);
        const std::int32_t previous = w_.row_of_column[column];
        if (previous >= 0 && found.second <= found.best) break;
        w_.price[column] -= found.second - found.best;
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
        if (distance[k] < std::min(list_far, w_.distance[j])) {
          w_.distance[j] = distance[k];
          w_.parent[j] = row;
        }
      }
    }
  }

  void relax_dense_row(std::size_t i, std::int32_t offset) {
    quantise<false>(i);
    const int_block::tag tag;
    const auto shift = hn::Set(tag, offset), row = hn::Set(tag, static_cast<std::int32_t>(i));
    for (std::size_t j = 0; j < padded_; j += int_block::lanes) {
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
    for (std::size_t j = 0; j < padded_; j += int_block::lanes) {
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
      const std::int32_t long_bound = t.offset + w_.long_bound[i];
      if (t.offered == 0 && long_bound >= t.bound) {
        relax_list(w_.pool_cost.data() + w_.long_begin[i], w_.pool_column.data() + w_.long_begin[i],
                   static_cast<std::size_t>(w_.long_length[i]) * list_block, t.row, t.offset);
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

  /// Assigns the free row f along a shortest augmenting path (shortest_paths.hpp tells how). false: distances out of range.
  bool search(std::size_t f) {
    std::copy(w_.price.begin(), w_.price.begin() + static_cast<std::ptrdiff_t>(n_), w_.open_price.begin());
    std::fill(w_.open_price.begin() + static_cast<std::ptrdiff_t>(n_), w_.open_price.end(), closed_price);
    std::fill(w_.distance.begin(), w_.distance.begin() + static_cast<std::ptrdiff_t>(n_), list_far);
    std::fill(w_.distance.begin() + static_cast<std::ptrdiff_t>(n_), w_.distance.end(), closed_distance);
    w_.passed_column.clear();
    w_.passed_distance.clear();
    w_.tree.clear();
    auto row = static_cast<std::int32_t>(f);
    std::int32_t offset = -read_short_list(f).best, distance = 0;  // distances start at 0 and never fall
    std::size_t column = 0;
    for (;;) {
      const auto i = static_cast<std::size_t>(row);
      relax_list(w_.short_cost.data() + i * list_short_length, w_.short_column.data() + i * list_short_length,
                 list_short_length, row, offset);
      w_.tree.push_back({row, offset, offset + w_.short_bound[i], 0});
      do {
        column = nearest_open(distance);
      } while (offer_more(distance));
      if (distance > -list_price_floor) return false;
      if (w_.row_of_column[column] < 0) break;
      w_.passed_column.push_back(static_cast<std::int32_t>(column));
      w_.passed_distance.push_back(distance);
      row = w_.row_of_column[column];
      offset = distance - (w_.cost_of_row[static_cast<std::size_t>(row)] - w_.price[column]);
      w_.open_price[column] = closed_price;
      w_.distance[column] = closed_distance;
    }
    for (std::size_t k = 0; k < w_.passed_column.size(); ++k) {
      std::int32_t& price = w_.price[static_cast<std::size_t>(w_.passed_column[k])];
      price -= distance - w_.passed_distance[k];
      out_of_range_ |= price < list_price_floor;
    }
    for (auto j = static_cast<std::int32_t>(column); j >= 0;) {
      const std::int32_t i = w_.parent[static_cast<std::size_t>(j)];
      const std::int32_t next = w_.column_of_row[static_cast<std::size_t>(i)];
      give(static_cast<std::size_t>(i), j,
           to_fixed(p_.cost(static_cast<std::size_t>(i), static_cast<std::size_t>(j))) -
               w_.start_price[static_cast<std::size_t>(j)]);
      j = next;
    }
    return !out_of_range_;
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
    if (!rounds()) return true;
    head_ = tail_ = 0;
    w_.passed_column.assign(n_, 1);  // here: 1 while the row waits
    for (std::size_t i = 0; i < n_; ++i) enqueue(static_cast<std::int32_t>(i));
    for (std::size_t left = 16 * n_; head_ != tail_; --left) {
      if (left == 0) return false;
      const auto i = static_cast<std::size_t>(w_.queue[head_++ & queue_mask_]);
      w_.passed_column[i] = 0;
      refine_row(i);
    }
    return true;
  }

  void refine_row(std::size_t i) {
    const auto own = static_cast<std::size_t>(w_.column_of_row[i]);
    const double level = static_cast<double>(p_.cost(i, own)) - w_.exact_price[own];
    const double threshold = std::floor(level * scale_ + 0.5);
    const auto bound = static_cast<std::int32_t>(std::min(threshold, static_cast<double>(list_far) - 1));
    if (w_.short_bound[i] > bound) {
      refine_list(i, level, bound, w_.short_cost.data() + i * list_short_length,
                  w_.short_column.data() + i * list_short_length, list_short_length);
    } else if (w_.long_bound[i] > bound) {
      refine_list(i, level, bound, w_.pool_cost.data() + w_.long_begin[i], w_.pool_column.data() + w_.long_begin[i],
                  static_cast<std::size_t>(w_.long_length[i]) * list_block);
    } else {
      for (std::size_t j = 0; j < n_; ++j) lower_price(i, j, level);
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
    const auto loser = static_cast<std::size_t>(w_.row_of_column[j]);
    if (w_.passed_column[loser] == 0) {
      w_.passed_column[loser] = 1;
      enqueue(static_cast<std::int32_t>(loser));
    }
  }

  // ---------------------------------------------------------------------------------------------- handing over

  /// False if the fixed point holds every cost as it is.
  bool rounds() const { return !std::is_integral<Cost>::value || scale_ != 1.0; }

  /// exact_price = p + v in units of the costs.
  void unscale_prices() {
    for (std::size_t j = 0; j < n_; ++j) {
      w_.exact_price[j] = (static_cast<double>(w_.start_price[j]) + w_.price[j]) / scale_;
    }
  }

  void write_prices() {
    p_.out.resize(n_, n_);
    for (std::size_t j = 0; j < n_; ++j) {
      if constexpr (std::is_integral<Cost>::value) {
        p_.out.noise_price[j] = std::llrint(w_.exact_price[j]);
      } else {
        p_.out.noise_price[j] = w_.exact_price[j];
      }
    }
  }

  list_result hand_over_answer(list_result what) {
    if (what == list_result::within_epsilon) unscale_prices();
    write_prices();
    std::copy_n(w_.column_of_row.begin(), n_, p_.out.column_of_row.begin());
    std::copy_n(w_.row_of_column.begin(), n_, p_.out.row_of_column.begin());
    return what;
  }

  list_result hand_over_prices() {
    unscale_prices();
    write_prices();
    std::fill(p_.out.column_of_row.begin(), p_.out.column_of_row.end(), -1);
    std::fill(p_.out.row_of_column.begin(), p_.out.row_of_column.end(), -1);
    return list_result::prices;
  }

  const list_problem<Cost>& p_;
  list_workspace& w_;
  const std::size_t n_, padded_;
  const list_policy policy_;
  const double scale_;
  double deviation_ = 0;  // of the centred costs, in units of the fixed point
  std::size_t pool_end_ = 0;
  std::size_t head_ = 0, tail_ = 0, queue_mask_ = 0;
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

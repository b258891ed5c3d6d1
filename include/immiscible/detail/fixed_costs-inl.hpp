// Costs as int32 fixed point, and the start prices: the first part of the list solver. Legend in list_solver.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// max |c| of a row; +infinity if one is not finite.
template <class Cost>
static double largest_in_row(const Cost* row, std::size_t m) {
  const hn::ScalableTag<Cost> tag;
  const std::size_t lanes = hn::MaxLanes(tag);
  double largest = 0;
  std::size_t j = 0;
  if constexpr (std::is_floating_point<Cost>::value) {
    const hn::RebindToSigned<decltype(tag)> bits;  // as integers magnitudes are in order, infinity and NaN above all
    auto even = hn::Zero(bits), odd = even;
    for (; j + 2 * lanes <= m; j += 2 * lanes) {
      even = hn::Max(even, hn::BitCast(bits, hn::Abs(hn::LoadU(tag, row + j))));
      odd = hn::Max(odd, hn::BitCast(bits, hn::Abs(hn::LoadU(tag, row + j + lanes))));
    }
    largest = static_cast<double>(hn::GetLane(hn::BitCast(tag, hn::MaxOfLanes(bits, hn::Max(even, odd)))));
  } else {
    auto least = hn::Zero(tag), most = least;
    for (; j + lanes <= m; j += lanes) {
      least = hn::Min(least, hn::LoadU(tag, row + j));
      most = hn::Max(most, hn::LoadU(tag, row + j));
    }
    largest = std::max(static_cast<double>(hn::GetLane(hn::MaxOfLanes(tag, most))),
                       -static_cast<double>(hn::GetLane(hn::MinOfLanes(tag, least))));
  }
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!(largest < infinity)) return infinity;
  for (; j < m; ++j) {
    const double magnitude = std::abs(static_cast<double>(row[j]));
    if (!(magnitude < infinity)) return infinity;
    largest = std::max(largest, magnitude);
  }
  return largest;
}

/// max |c| of every `step`th row; +infinity if a cost there is not finite.
template <class Cost>
static double largest_magnitude_simd(const batch<Cost>& cost, std::size_t step) {
  double largest = 0;
  if (std::is_same<Cost, std::int16_t>::value) return 32768;  // near enough: the fixed point holds them as they are
  for (std::size_t i = 0; i < cost.rows(); i += step) {
    largest = std::max(largest, largest_in_row(cost.row(i), cost.columns()));
  }
  return largest;
}

/// How far the least of 16 interleaved groups lie above the least of all, on average: the width at which lists get
/// about 16 entries.
static HWY_INLINE std::int32_t group_gap(const int_block& group_least, std::int32_t least) {
  const int_block above = group_least - int_block::all(least);
  int_block small;
#pragma GCC unroll 4
  for (std::size_t k = 0; k < int_block::parts; ++k) {
    small.part[k] = hn::ShiftRight<4>(hn::Min(above.part[k], hn::Set(int_block::tag(), list_fixed_limit)));
  }
  return small.sum();
}

/// The power of two that makes integers of all costs of every `step`th row; `most` where that is no less. Costs in real
/// numbers are found out by the first of them.
template <class Cost>
static double integer_scale(const batch<Cost>& cost, std::size_t step, double most) {
  const int limit = std::ilogb(most);
  int exponent = std::numeric_limits<int>::min();
  for (std::size_t i = 0; i < cost.rows(); i += step) {
    for (std::size_t j = 0; j < cost.columns(); ++j) {
      int power;
      const double mantissa = std::frexp(static_cast<double>(cost(i, j)), &power);
      if (mantissa == 0) continue;
      const auto digits = static_cast<std::int64_t>(std::ldexp(mantissa, 53));  // cost = digits 2^(power - 53), exactly
      exponent = std::max(exponent, 53 - power - __builtin_ctzll(static_cast<unsigned long long>(digits)));
      if (exponent >= limit) return most;
    }
  }
  return exponent == std::numeric_limits<int>::min() ? most : std::ldexp(1.0, exponent);
}

/// The costs of one problem in fixed point, relative to start prices chosen from samples.
template <class Cost>
class fixed_costs {
 public:
  explicit fixed_costs(const list_problem<Cost>& problem)
      : cost_(problem.cost),
        w_(problem.work),
        n_(problem.cost.rows()),
        m_(problem.cost.columns()),
        padded_((m_ + list_block - 1) / list_block * list_block),
        is_by_spread_(problem.by_spread),
        largest_(problem.largest),
        scale_(problem.by_spread ? 1.0 : fixed_point_scale<Cost>(problem.largest)) {
    prepare();
    const list_policy policy(n_);
    look_at_samples(policy);
    if (!in_range_) return;
    is_coarse_ = most_rows_are_coarse();
    choose_start_prices(policy);
    sinkhorn_half_step(policy);
  }

  std::size_t padded() const { return padded_; }  // columns, rounded up to blocks
  double scale() const { return scale_; }
  double deviation() const { return deviation_; }  // of the centred costs, in units of the fixed point
  double largest() const { return largest_; }      // max |c_ij|, about

  /// True if the fixed point hardly tells a row's least costs apart: small integers, or a few costs that dwarf the others.
  /// The dense solver is faster then: it works on the costs as given, and ties end its searches early.
  bool is_coarse() const { return is_coarse_; }

  /// False if the fixed point holds every cost as it is.
  bool rounds() const { return !std::is_integral<Cost>::value || scale_ != 1.0; }

  /// |q_ij - (c_ij s - p_j)| is no more than this, but that c_ij s - p_j may be more where it is far.
  double rounding() const { return !rounds() ? 0.0 : is_float ? 0.75 : 0.5; }

  /// q_ij
  std::int32_t operator()(std::size_t i, std::size_t j) const {
    if constexpr (is_float) {
      const float level = level_of_row(i);
      return bits_of(std::max(0.0f, std::min(centred(i, j) + level, float_far))) - bits_of(level);
    }
    constexpr double limit = 1 << 30;  // beyond the limits, and where it is not a number: something beyond the limits
    const double scaled = static_cast<double>(cost_(i, j)) * scale_;
    return static_cast<std::int32_t>(std::lrint(std::min(limit, std::max(-limit, scaled)))) - w_.start_price[j];
  }

  /// True if q is only a lower bound of what it stands for.
  bool is_far(std::size_t i, std::int32_t q) const {
    return is_float && q >= bits_of(float_far) - bits_of(level_of_row(i));
  }

  std::int32_t units(float deviations) const {
    const double value = static_cast<double>(deviations) * deviation_;
    return static_cast<std::int32_t>(std::min(std::max(value, 1.0), static_cast<double>(list_fixed_limit)));
  }

  /// fixed = q of row i; with `Reduce` also reduced = r of row i. Returns the least of 16 interleaved groups of it. With
  /// `Check` a float cost beyond the limits of the fixed point, or not finite, makes `in_range` false.
  template <bool Reduce, bool Check = false>
  int_block quantise(std::size_t i) {
    ++w_.effort.rows_read;
    const Cost* const row = cost_.row(i);
    const std::int32_t* const price = w_.price.data();
    std::int32_t* const fixed = w_.fixed.data();
    std::int32_t* const reduced = w_.reduced.data();
    const std::size_t whole = m_ / list_block * list_block;
    const float level = level_of_row(i);
    const int_block level_bits = int_block::all(is_float ? bits_of(level) : 0);
    float_block_sum strange;
    int_block group_least = int_block::all(std::numeric_limits<std::int32_t>::max());
    for (std::size_t j = 0; j < whole; j += list_block) {
      const int_block raw = raw_block<Check>(row + j, j, level, strange);
      int_block q = raw - level_bits;
      q.store(fixed + j);
      if (Reduce) {
        q = q - int_block::load(price + j);
        q.store(reduced + j);
      }
      group_least = min(group_least, Check ? raw : q);
    }
    if (Check) {
      const std::int32_t least = group_least.least();
      in_range_ &= !is_float || (strange.total() == 0 && least >= bits_of(float_low) && least < bits_of(float_far));
      group_least = group_least - level_bits;
    }
    if (whole == padded_) return group_least;
    for (std::size_t j = whole; j < m_; ++j) {
      fixed[j] = (*this)(i, j);
      if (Check && is_float) in_range_ &= 0 * centred(i, j) == 0 && fixed[j] >= bits_of(float_low) - bits_of(level);
    }
    int_block q = int_block::load(fixed + whole);
    if (Reduce) {
      q = q - int_block::load(price + whole);
      q.store(reduced + whole);
    }
    return min(group_least, q);
  }

  /// False once a row was read with `Check` that does not suit the fixed point.
  bool in_range() const { return in_range_; }

 private:
  static constexpr bool is_float = std::is_same<Cost, float>::value;
  // The least float with an integer in its lowest bits, and the greatest: what is beyond that is "far".
  static constexpr float float_low = 1 << 23, float_far = (1 << 24) - 1;

  /// 16 sums of 0 x: 0, unless an x is infinite or not a number.
  struct float_block_sum {
    float_vector part[int_block::parts];

    HWY_INLINE float_block_sum() {
#pragma GCC unroll 4
      for (auto& p : part) p = hn::Zero(float_tag());
    }
    HWY_INLINE float total() const {
      auto all = part[0];
#pragma GCC unroll 4
      for (std::size_t k = 1; k < int_block::parts; ++k) all = hn::Add(all, part[k]);
      return hn::GetLane(hn::SumOfLanes(float_tag(), all));
    }
  };

  /// q of 16 costs from column j on; of float costs, the floats that have q and the level of the row in their bits. With `Check` costs
  /// that are infinite or not a number leave their trace in `strange`.
  template <bool Check>
  HWY_INLINE int_block raw_block(const float* costs, std::size_t j, float level, float_block_sum& strange) const {
    const auto scale = hn::Set(float_tag(), static_cast<float>(scale_));
    const auto row_level = hn::Set(float_tag(), level), far = hn::Set(float_tag(), float_far);
    const float* const start = w_.float_start.data() + j;
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      const auto cost = hn::LoadU(float_tag(), costs + k * int_block::lanes);
      const auto x = hn::MulSub(cost, scale, hn::Load(float_tag(), start + k * int_block::lanes));
      if (Check) strange.part[k] = hn::MulAdd(x, hn::Zero(float_tag()), strange.part[k]);
      b.part[k] = hn::BitCast(int_block::tag(), hn::Min(hn::Add(x, row_level), far));
    }
    return b;
  }
  template <bool Check>
  HWY_INLINE int_block raw_block(const double* costs, std::size_t j, float, float_block_sum&) const {
    const auto load = [&](std::size_t k) HWY_ATTR { return hn::LoadU(double_tag(), costs + k); };
    return rounded_doubles(load) - int_block::load(w_.start_price.data() + j);
  }
  template <bool Check>
  HWY_INLINE int_block raw_block(const std::int16_t* costs, std::size_t j, float, float_block_sum&) const {
    const hn::Rebind<std::int16_t, int_block::tag> tag;
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      b.part[k] = hn::PromoteTo(int_block::tag(), hn::LoadU(tag, costs + k * int_block::lanes));
    }
    return b - int_block::load(w_.start_price.data() + j);
  }
  template <bool Check>
  HWY_INLINE int_block raw_block(const std::int32_t* costs, std::size_t j, float, float_block_sum&) const {
    const int_block start = int_block::load(w_.start_price.data() + j);
    if (scale_ == 1.0) return int_block::load(costs) - start;
    const auto load = [&](std::size_t k)
                          HWY_ATTR { return hn::PromoteTo(double_tag(), hn::LoadU(half_tag(), costs + k)); };
    return rounded_doubles(load) - start;
  }

  /// A float whose lowest bits hold an integer, less what costs of float row i are about, lest rows of different levels need more
  /// bits than there are: added to c s - p it takes that to its own lowest bits, and less its own bits they are q.
  float level_of_row(std::size_t i) const {
    constexpr float most = 1 << 22;
    return is_float ? float_with_integer - std::min(most, std::max(-most, centred(i, 0))) : 0.0f;
  }

  static std::int32_t bits_of(float value) {
    std::int32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }

  /// c s - p, for float costs. The product is exact, and the difference to a quarter.
  float centred(std::size_t i, std::size_t j) const {
    return static_cast<float>(cost_(i, j)) * static_cast<float>(scale_) - w_.float_start[j];
  }

  using half_tag = hn::Half<int_block::tag>;
  using double_tag = hn::Rebind<double, half_tag>;

  /// 16 costs, scaled and rounded, from vectors of doubles: load(k) gives the one that begins at cost k.
  template <class Load>
  HWY_INLINE int_block rounded_doubles(const Load& load) const {
    const auto scale = hn::Set(double_tag(), scale_);
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      const std::size_t middle = k * int_block::lanes + int_block::lanes / 2;
      const auto low = hn::DemoteTo(half_tag(), hn::Round(hn::Mul(scale, load(k * int_block::lanes))));
      const auto high = hn::DemoteTo(half_tag(), hn::Round(hn::Mul(scale, load(middle))));
      b.part[k] = hn::Combine(int_block::tag(), high, low);
    }
    return b;
  }

  /// So near to a row's least cost is a tie of small integers, or mostly the rounding of costs before they came here.
  float coarse_gap() const {
    constexpr double integers = 3, rounding = 256;
    if (!rounds()) return static_cast<float>(integers);
    const double finest = is_float && largest_ > 0 ? std::ldexp(1.0, 23 - std::ilogb(largest_)) : scale_;
    const double whole = integer_scale(cost_, 8 * list_policy(n_).sampling_step(n_), finest);
    return static_cast<float>(whole < finest ? integers / whole : rounding / finest);
  }

  /// Looks at eight rows, at the least of 16 interleaved groups of each.
  bool most_rows_are_coarse() {
    constexpr std::size_t rows = 8;
    const float_tag tag;
    const auto gap = hn::Set(tag, coarse_gap());
    std::size_t coarse = 0;
    w_.effort.rows_read += rows;
    for (std::size_t r = 0; r < rows; ++r) {
      const Cost* const row = cost_.row(sampled_row(r, rows, n_));
      alignas(64) float group_least[float_block];
      std::fill(group_least, group_least + float_block, std::numeric_limits<float>::max());
      for (std::size_t j = 0; j + float_block <= m_; j += float_block) {
        for (std::size_t k = 0; k < float_block; k += float_lanes) {
          hn::Store(hn::Min(hn::Load(tag, group_least + k), floats(row + j + k)), tag, group_least + k);
        }
      }
      auto least = hn::Load(tag, group_least);
      for (std::size_t k = float_lanes; k < float_block; k += float_lanes) {
        least = hn::Min(least, hn::Load(tag, group_least + k));
      }
      const auto near = hn::Add(hn::MinOfLanes(tag, least), gap);
      std::size_t groups = 0;
      for (std::size_t k = 0; k < float_block; k += float_lanes) {
        groups += hn::CountTrue(tag, hn::Le(hn::Load(tag, group_least + k), near));
      }
      coarse += groups >= float_block / 2;
    }
    return coarse > rows / 4;
  }

  void prepare() {
    w_.effort = {};
    const auto m = static_cast<std::ptrdiff_t>(m_);
    for (auto* column : {&w_.start_price, &w_.price, &w_.fixed, &w_.reduced}) column->resize(padded_);
    for (auto* column : {&w_.mean, &w_.square}) column->assign(padded_, 0.0f);
    for (auto* column : {&w_.float_start, &w_.value}) column->resize(padded_);
    std::fill(w_.price.begin(), w_.price.begin() + m, 0);
    std::fill(w_.price.begin() + m, w_.price.end(), -list_far);  // padding is never anyone's best column
    std::fill(w_.fixed.begin(), w_.fixed.end(), list_far);
  }

  /// Column means and variances, and what follows from them: the costs' deviation and, by spread, the scale.
  void look_at_samples(const list_policy& policy) {
    const std::size_t rows = std::min(policy.sampled_rows, n_);
    const float_tag tag;
    float* const mean = w_.mean.data();
    const float* const first = w_.float_start.data();
    w_.effort.rows_read += rows;
    sample_columns(cost_, rows, static_cast<float>(scale_), padded_, w_.float_start.data(), w_.value.data(), mean,
                   w_.square.data(), 1);
    auto variance = hn::Zero(tag), most = hn::Zero(tag);
    for (std::size_t j = 0; j < padded_; j += float_lanes) {  // padding: zeros
      const auto level = hn::Add(hn::Load(tag, first + j), hn::Load(tag, mean + j));
      hn::Store(level, tag, mean + j);
      most = hn::Max(most, hn::Abs(level));
      variance = hn::Add(variance, hn::Load(tag, w_.square.data() + j));
    }
    deviation_ = std::sqrt(static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, variance))) / static_cast<double>(m_));
    if (!is_by_spread_) return;
    largest_ = static_cast<double>(hn::GetLane(hn::MaxOfLanes(tag, most))) + 8 * deviation_;
    in_range_ = deviation_ > 1e-30 && largest_ < 1e30;
    is_coarse_ = deviation_ <= 1e-30;  // all alike
    if (!in_range_) {
      deviation_ = 0;  // not a number, perhaps
      return;
    }
    scale_ = fixed_point_scale_by_spread(deviation_, largest_);
    deviation_ *= scale_;
  }

  /// Column mean less some column deviations. With n < m all columns start alike.
  void choose_start_prices(const list_policy& policy) {
    const float_tag tag;
    const auto unit = hn::Set(tag, is_by_spread_ ? static_cast<float>(scale_) : 1.0f);
    const auto below = hn::Set(tag, -policy.start_below_mean);
    auto total = hn::Zero(tag);
    for (std::size_t j = 0; j < padded_; j += float_lanes) {
      const auto mean = hn::Load(tag, w_.mean.data() + j);
      total = hn::Add(total, mean);
      const auto deviation = hn::Sqrt(hn::Load(tag, w_.square.data() + j));
      set_start_prices(j, hn::Mul(unit, hn::MulAdd(below, deviation, mean)));
    }
    if (n_ == m_) return;
    const float mean_of_all = hn::GetLane(hn::SumOfLanes(tag, total)) / static_cast<float>(m_);
    for (std::size_t j = 0; j < padded_; j += float_lanes) {
      set_start_prices(j, hn::Mul(unit, hn::Set(tag, mean_of_all)));
    }
  }

  /// 16 / parts start prices from column j on, kept within half of the fixed point's range.
  void set_start_prices(std::size_t j, hn::Vec<float_tag> price) {
    constexpr float limit = list_fixed_limit / 2.0f;
    const auto within = hn::Min(hn::Max(price, hn::Set(float_tag(), -limit)), hn::Set(float_tag(), limit));
    const auto whole = hn::NearestInt(within);
    hn::Store(whole, int_block::tag(), w_.start_price.data() + j);
    hn::Store(hn::ConvertTo(float_tag(), whole), float_tag(), w_.float_start.data() + j);
  }

  /// log2 of x > 0, to 0.01.
  static hn::Vec<float_tag> rough_log2(hn::Vec<float_tag> x) {
    const auto bits = hn::BitCast(int_block::tag(), x);
    const auto exponent = hn::Sub(hn::ShiftRight<23>(bits), hn::Set(int_block::tag(), 127));
    const auto one = hn::Set(int_block::tag(), 0x3f800000);
    const auto mantissa = hn::BitCast(float_tag(), hn::Or(hn::And(bits, hn::Set(int_block::tag(), 0x7fffff)), one));
    const auto m = hn::Sub(mantissa, hn::Set(float_tag(), 1.0f));
    const auto curve = hn::NegMulAdd(hn::Set(float_tag(), 0.34f), m, hn::Set(float_tag(), 1.34f));
    return hn::MulAdd(m, curve, hn::ConvertTo(float_tag(), exponent));
  }

  /// Start prices moved by one half-step of Sinkhorn's iteration over sampled rows: where many rows would like a column,
  /// its price falls beforehand. A guess, never trusted. Not for n < m, where it would take most columns from the highest price.
  void sinkhorn_half_step(const list_policy& policy) {
    if (n_ < m_ || !(deviation_ > 16)) return;  // integers with few values: nothing to smooth
    const float_tag tag;
    const std::size_t rows = std::min(policy.sinkhorn_rows, n_);
    const auto temperature = policy.sinkhorn_temperature * static_cast<float>(deviation_);
    const auto scale = hn::Set(tag, static_cast<float>(scale_));
    const rough_exponential exponential(temperature);
    float* const start = w_.float_start.data();
    float* const value = w_.value.data();
    float* const demand = w_.mean.data();
    std::fill(start + m_, start + padded_, -1e9f);  // padding is far
    std::fill(demand, demand + padded_, 0.0f);
    w_.effort.rows_read += rows;
    for (std::size_t r = 0; r < rows; ++r) {
      auto least_lanes = hn::Set(tag, std::numeric_limits<float>::max());
      const auto look = [&](float_vector c, std::size_t j) HWY_ATTR {
        const auto x = hn::MulSub(c, scale, hn::Load(tag, start + j));
        hn::Store(x, tag, value + j);
        least_lanes = hn::Min(least_lanes, x);
      };
      each_float_vector(cost_.row(sampled_row(r, rows, n_)), m_, padded_, look);
      const auto least = hn::MinOfLanes(tag, least_lanes);
      auto sum = hn::Zero(tag);
      const Cost* const next_row = cost_.row(sampled_row(std::min(r + 1, rows - 1), rows, n_));  // to the cache
      for (std::size_t j = 0; j < padded_; j += float_lanes) {
        hwy::Prefetch(next_row + j);
        const auto wish = exponential(hn::Sub(hn::Load(tag, value + j), least));
        hn::Store(wish, tag, value + j);
        sum = hn::Add(sum, wish);
      }
      add_demand(value, hn::GetLane(hn::SumOfLanes(tag, sum)), padded_, demand);
    }
    const auto scale_up = hn::Set(tag, static_cast<float>(n_) / static_cast<float>(rows));
    const auto fall = hn::Set(tag, -0.6931471805599453f * temperature);
    for (std::size_t j = 0; j < padded_; j += float_lanes) {
      const auto wanted = hn::Max(hn::Mul(hn::Load(tag, demand + j), scale_up), hn::Set(tag, 1e-6f));
      set_start_prices(j, hn::MulAdd(fall, rough_log2(wanted), hn::Load(tag, start + j)));
    }
    std::fill(w_.start_price.begin() + static_cast<std::ptrdiff_t>(m_), w_.start_price.end(), 0);
  }

  const batch<Cost>& cost_;
  list_workspace& w_;
  const std::size_t n_, m_, padded_;
  const bool is_by_spread_;
  double largest_, scale_, deviation_ = 0;
  bool in_range_ = true, is_coarse_ = false;
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

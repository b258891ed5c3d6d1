// Costs as int32 fixed point, and the start prices: the first part of the list solver. Legend in list_solver.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
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
        scale_(fixed_point_scale(problem.largest, std::is_integral<Cost>::value) * (problem.sampled ? 0.5 : 1.0)),
        most_bits_(bits_of(static_cast<float>(list_cost_limit / scale_))) {
    prepare();
    is_coarse_ = most_rows_are_coarse();
    sample_columns(list_policy(n_));
    sinkhorn_half_step(list_policy(n_));
  }

  std::size_t padded() const { return padded_; }  // columns, rounded up to blocks
  double scale() const { return scale_; }
  double deviation() const { return deviation_; }  // of the centred costs, in units of the fixed point

  /// True if the fixed point hardly tells a row's least costs apart: small integers, or a few costs that dwarf the others.
  /// The dense solver is faster then: it works on the costs as given, and ties end its searches early.
  bool is_coarse() const { return is_coarse_; }

  /// False if the fixed point holds every cost as it is.
  bool rounds() const { return !std::is_integral<Cost>::value || scale_ != 1.0; }

  /// q_ij
  std::int32_t operator()(std::size_t i, std::size_t j) const { return to_fixed(cost_(i, j)) - w_.start_price[j]; }

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
    const std::int32_t* const start = w_.start_price.data();
    const std::int32_t* const price = w_.price.data();
    std::int32_t* const fixed = w_.fixed.data();
    std::int32_t* const reduced = w_.reduced.data();
    const auto scale = hn::Set(float_tag(), static_cast<float>(scale_));
    const std::size_t whole = m_ / list_block * list_block;
    check_tail<Check>(row, whole);
    for (std::size_t j = whole; j < m_; ++j) fixed[j] = to_fixed(row[j]) - start[j];
    int_block most = int_block::all(0);
    int_block group_least = int_block::all(std::numeric_limits<std::int32_t>::max());
    for (std::size_t j = 0; j < whole; j += list_block) {
      if (Check) most = max(most, magnitude_bits(row + j));
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
    if (Check) in_range_ &= most.greatest() <= most_bits_;
    return group_least;
  }

  /// False once a row was read with `Check` that does not suit the fixed point.
  bool in_range() const { return in_range_; }

  /// 16 costs, scaled and rounded; `scale` serves float costs.
  HWY_INLINE int_block rounded_block(const float* costs, hn::Vec<float_tag> scale) const {
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      b.part[k] = hn::NearestInt(hn::Mul(scale, hn::LoadU(float_tag(), costs + k * int_block::lanes)));
    }
    return b;
  }
  HWY_INLINE int_block rounded_block(const double* costs, hn::Vec<float_tag>) const {
    return rounded_doubles([&](std::size_t k) HWY_ATTR { return hn::LoadU(double_tag(), costs + k); });
  }
  HWY_INLINE int_block rounded_block(const std::int16_t* costs, hn::Vec<float_tag>) const {
    const hn::Rebind<std::int16_t, int_block::tag> tag;
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      b.part[k] = hn::PromoteTo(int_block::tag(), hn::LoadU(tag, costs + k * int_block::lanes));
    }
    return b;
  }
  HWY_INLINE int_block rounded_block(const std::int32_t* costs, hn::Vec<float_tag>) const {
    if (scale_ == 1.0) return int_block::load(costs);
    return rounded_doubles([&](std::size_t k)
                               HWY_ATTR { return hn::PromoteTo(double_tag(), hn::LoadU(half_tag(), costs + k)); });
  }

 private:
  /// |cost| as integers, which are in the same order; infinity and NaN above all.
  static HWY_INLINE int_block magnitude_bits(const float* costs) {
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < int_block::parts; ++k) {
      const auto x = hn::LoadU(float_tag(), costs + k * int_block::lanes);
      b.part[k] = hn::BitCast(int_block::tag(), hn::Abs(x));
    }
    return b;
  }
  template <class Other>
  static HWY_INLINE int_block magnitude_bits(const Other*) {
    return int_block::all(0);  // only float costs are scaled by a sample
  }
  static std::int32_t bits_of(float value) {
    std::int32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  template <bool Check>
  void check_tail(const Cost* row, std::size_t first) {
    if (!Check || !std::is_same<Cost, float>::value) return;
    for (std::size_t j = first; j < m_; ++j) in_range_ &= bits_of(std::abs(static_cast<float>(row[j]))) <= most_bits_;
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

  /// Beyond the limits, and where it is not a number: something beyond the limits.
  std::int32_t to_fixed(Cost cost) const {
    constexpr double limit = 1 << 30;
    return static_cast<std::int32_t>(std::lrint(std::min(limit, std::max(-limit, static_cast<double>(cost) * scale_))));
  }

  /// So near to a row's least cost is a tie of small integers, or (where costs are rounded) mostly rounding.
  std::int32_t coarse_gap() const {
    constexpr double integers = 3, rounding = 256;
    if (!rounds()) return static_cast<std::int32_t>(integers);
    const double whole = integer_scale(cost_, 8 * list_policy(n_).sampling_step(n_), scale_);
    if (!(whole < scale_)) return static_cast<std::int32_t>(rounding);
    return static_cast<std::int32_t>(std::min(integers * scale_ / whole, static_cast<double>(list_fixed_limit)));
  }

  /// Looks at eight rows, before there are start prices.
  bool most_rows_are_coarse() {
    constexpr std::size_t rows = 8;
    const std::int32_t gap = coarse_gap();
    std::size_t coarse = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const int_block group_least = quantise<false>(sampled_row(r, rows, n_));
      coarse += group_least.count_at_most(std::min(group_least.least(), list_far) + gap) >= list_block / 2;
    }
    return coarse > rows / 4;
  }

  void prepare() {
    w_.effort = {};
    const auto m = static_cast<std::ptrdiff_t>(m_);
    for (auto* column : {&w_.start_price, &w_.price, &w_.fixed, &w_.reduced}) column->resize(padded_);
    for (auto* column : {&w_.column_sum, &w_.column_square, &w_.weight}) column->assign(padded_, 0.0f);
    std::fill(w_.price.begin(), w_.price.begin() + m, 0);
    std::fill(w_.price.begin() + m, w_.price.end(), -list_far);  // padding is never anyone's best column
    std::fill(w_.start_price.begin(), w_.start_price.end(), 0);
    std::fill(w_.fixed.begin(), w_.fixed.end(), list_far);
  }

  /// Start prices: column mean less some column deviations, over sampled rows; each row's own mean is taken off first. With
  /// n < m only the deviation of the costs is wanted: there all columns start alike.
  void sample_columns(const list_policy& policy) {
    const std::size_t rows = std::min(policy.sampled_rows, n_);
    float* sum = w_.column_sum.data();
    float* square = w_.column_square.data();
    float* const value = w_.weight.data();
    for (std::size_t r = 0; r < rows; ++r) {
      quantise<false>(sampled_row(r, rows, n_));
      if (r == 0) {  // later rows are taken relative to the first, lest columns of different levels cost digits
        std::copy_n(w_.fixed.begin(), m_, w_.start_price.begin());
        std::fill_n(w_.fixed.begin(), m_, 0);
      }
      const float mean = converted_row(value) / static_cast<float>(m_);
      using tag = hn::ScalableTag<float>;
      const auto shift = hn::Set(tag(), mean);
      std::size_t j = 0;
      const Cost* const next_row = cost_.row(sampled_row(std::min(r + 1, rows - 1), rows, n_));  // to the cache
      for (; j + hn::MaxLanes(tag()) <= m_; j += hn::MaxLanes(tag())) {
        hwy::Prefetch(next_row + j);
        const auto x = hn::Sub(hn::LoadU(tag(), value + j), shift);
        hn::StoreU(hn::Add(hn::LoadU(tag(), sum + j), x), tag(), sum + j);
        hn::StoreU(hn::MulAdd(x, x, hn::LoadU(tag(), square + j)), tag(), square + j);
      }
      for (; j < m_; ++j) {
        const float x = value[j] - mean;
        sum[j] += x;
        square[j] += x * x;
      }
    }
    const auto share = hn::Set(float_tag(), 1.0f / static_cast<float>(rows));
    const auto below = hn::Set(float_tag(), policy.start_below_mean);
    auto variance = hn::Zero(float_tag());
    for (std::size_t j = 0; j < padded_; j += float_lanes) {  // padding: zeros
      const auto mean = hn::Mul(hn::LoadU(float_tag(), sum + j), share);
      const auto mean_square = hn::Mul(hn::LoadU(float_tag(), square + j), share);
      const auto own = hn::Max(hn::Zero(float_tag()), hn::NegMulAdd(mean, mean, mean_square));
      variance = hn::Add(variance, own);
      move_start_prices(j, hn::NegMulAdd(below, hn::Sqrt(own), mean));
    }
    const float total = hn::GetLane(hn::SumOfLanes(float_tag(), variance));
    deviation_ = std::sqrt(static_cast<double>(total) / static_cast<double>(m_));
    if (n_ < m_) std::fill(w_.start_price.begin(), w_.start_price.end(), 0);
  }

  /// Adds `change` to 16 / parts start prices from column j on, and keeps them within half of the fixed point's range.
  void move_start_prices(std::size_t j, hn::Vec<float_tag> change) {
    constexpr float limit = list_fixed_limit / 2.0f;
    std::int32_t* const start = w_.start_price.data() + j;
    const auto price = hn::Add(hn::ConvertTo(float_tag(), hn::LoadU(int_block::tag(), start)), change);
    const auto within = hn::Min(hn::Max(price, hn::Set(float_tag(), -limit)), hn::Set(float_tag(), limit));
    hn::StoreU(hn::NearestInt(within), int_block::tag(), start);
  }

  /// values = fixed, as floats; returns their sum.
  float converted_row(float* values) const {
    const std::size_t whole = m_ / list_block * list_block;
    auto sum = hn::Zero(float_tag());
    for (std::size_t j = 0; j < whole; j += float_lanes) {
      const auto q = hn::ConvertTo(float_tag(), hn::LoadU(int_block::tag(), w_.fixed.data() + j));
      hn::StoreU(q, float_tag(), values + j);
      sum = hn::Add(sum, q);
    }
    float total = hn::GetLane(hn::SumOfLanes(float_tag(), sum));
    for (std::size_t j = whole; j < m_; ++j) total += values[j] = static_cast<float>(w_.fixed[j]);
    return total;
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
    using tag = hn::ScalableTag<float>;
    const hn::RebindToSigned<tag> bits;
    const std::size_t lanes = hn::MaxLanes(tag());
    const std::size_t rows = std::min(policy.sinkhorn_rows, n_);
    const double temperature = static_cast<double>(policy.sinkhorn_temperature) * deviation_;
    // 2^x to 3 %, by 7 bits of mantissa: the upper half of a float's bits is nearly the logarithm of its value. A float of
    // 1.5 2^23 + x, for |x| < 2^22, has x, rounded to an integer, in its lowest bits.
    constexpr float steps = 128, one = 127 * steps, middle = -5.5f, integer_above = 12582912.0f;
    const auto none = hn::Set(tag(), integer_above), top = hn::Set(tag(), integer_above + one + middle);
    const auto slope = hn::Set(tag(), steps * 1.4426950408889634f / static_cast<float>(temperature));
    const std::int32_t* const fixed = w_.fixed.data();
    float* demand = w_.column_sum.data();
    float* weight = w_.weight.data();
    std::fill(w_.column_sum.begin(), w_.column_sum.end(), 0.0f);
    for (std::size_t r = 0; r < rows; ++r) {
      const int_block group_least = quantise<false>(sampled_row(r, rows, n_));
      const auto base = hn::Set(bits, group_least.least());
      auto sum = hn::Zero(tag());
      const Cost* const next_row = cost_.row(sampled_row(std::min(r + 1, rows - 1), rows, n_));  // to the cache
      for (std::size_t j = 0; j < padded_; j += lanes) {
        hwy::Prefetch(next_row + j);
        const auto above = hn::ConvertTo(tag(), hn::Sub(hn::LoadU(bits, fixed + j), base));
        const auto exponent = hn::Max(none, hn::NegMulAdd(above, slope, top));
        const auto share = hn::BitCast(tag(), hn::ShiftLeft<16>(hn::BitCast(bits, exponent)));
        hn::StoreU(share, tag(), weight + j);
        sum = hn::Add(sum, share);
      }
      const auto normal = hn::Set(tag(), 1.0f / hn::GetLane(hn::SumOfLanes(tag(), sum)));
      for (std::size_t j = 0; j < padded_; j += lanes) {
        hn::StoreU(hn::MulAdd(hn::LoadU(tag(), weight + j), normal, hn::LoadU(tag(), demand + j)), tag(), demand + j);
      }
    }
    const auto scale_up = hn::Set(float_tag(), static_cast<float>(n_) / static_cast<float>(rows));
    const auto fall = hn::Set(float_tag(), static_cast<float>(-0.6931471805599453 * temperature));
    for (std::size_t j = 0; j < padded_; j += float_lanes) {
      const auto wanted = hn::Max(hn::Mul(hn::LoadU(float_tag(), demand + j), scale_up), hn::Set(float_tag(), 1e-6f));
      move_start_prices(j, hn::Mul(fall, rough_log2(wanted)));
    }
    std::fill(w_.start_price.begin() + static_cast<std::ptrdiff_t>(m_), w_.start_price.end(), 0);
  }

  const batch<Cost>& cost_;
  list_workspace& w_;
  const std::size_t n_, m_, padded_;
  const double scale_;
  const std::int32_t most_bits_;  // of a float within the limits
  double deviation_ = 0;
  bool in_range_ = true, is_coarse_ = false;
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

// Costs as rows of int16, and the start prices: the first part of the row solver. Legend in row_solver.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
namespace detail {
namespace HWY_NAMESPACE {

using row_float_tag = hn::CappedTag<float, row_block / 2>;
using row_float = hn::Vec<row_float_tag>;
using row_int_tag = hn::RebindToSigned<row_float_tag>;
constexpr std::size_t row_float_lanes = hn::MaxLanes(row_float_tag());

template <class Cost>
class row_costs {
 public:
  explicit row_costs(const row_problem<Cost>& problem)
      : cost_(problem.cost),
        w_(problem.work),
        n_(problem.cost.rows()),
        whole_(n_ / row_float_lanes * row_float_lanes),
        padded_((n_ + row_block - 1) / row_block * row_block) {
    w_.cost.resize(n_ * padded_);
    w_.offset.resize(n_);
    w_.price.resize(padded_);
    for (auto* column : {&w_.start_price, &w_.centred, &w_.share}) column->resize(padded_);
    for (auto* column : {&w_.mean, &w_.square, &w_.demand}) column->assign(padded_, 0.0f);
  }

  /// Chooses start prices and scale, and converts all costs.
  ///
  /// @return  false: they do not suit 16 bits, or (unless `coarse_too`) are mostly ties, which the dense solver does faster
  bool prepare(const row_policy& policy, bool coarse_too) {
    sample_columns(std::min(policy.sampled_rows, n_));
    if (!choose_scale(policy.start_below_mean) || (!coarse_too && most_rows_are_coarse())) return false;
    w_.effort.rows_read += n_;
    const float temperature = policy.sinkhorn_temperature * static_cast<float>(deviation_);
    for (std::size_t i = 0; i < n_; ++i) {
      if (i % policy.sinkhorn_step == 0) {
        convert<true>(i, temperature);
      } else {
        convert<false>(i, temperature);
      }
    }
    if (!(largest() < row_cost_limit / scale_)) return false;
    move_prices_by_demand(temperature, static_cast<float>(policy.sinkhorn_step));
    return true;
  }

  std::size_t padded() const { return padded_; }  // columns, rounded up to blocks
  double scale() const { return scale_; }
  double deviation() const { return deviation_; }  // of the centred costs, in units
  /// max |c|, as a float; NaN if one is none
  double largest() const {
    const row_int_tag bits;
    float largest;
    const std::int32_t most = hn::GetLane(hn::MaxOfLanes(bits, hn::Load(bits, largest_bits_)));
    std::memcpy(&largest, &most, sizeof largest);
    return static_cast<double>(largest);
  }

  const std::int16_t* row(std::size_t i) const { return w_.cost.data() + i * padded_; }

  std::int32_t units(double deviations) const {
    return static_cast<std::int32_t>(std::min(std::max(deviations * deviation_, 1.0), 32767.0));
  }

 private:
  /// use(costs, j) for each vector of floats of row i, from column j on; zeros behind the last column.
  template <class Use>
  HWY_INLINE void each_vector(std::size_t i, const Use& use) {
    const row_float_tag tag;
    const Cost* const costs = cost_.row(i);
#pragma GCC unroll 2
    for (std::size_t j = 0; j < whole_; j += row_float_lanes) use(floats(costs + j), j);
    if (whole_ == padded_) return;
    alignas(64) float rest[row_block] = {};
    for (std::size_t j = whole_; j < n_; ++j) rest[j - whole_] = static_cast<float>(costs[j]);
    for (std::size_t j = whole_; j < padded_; j += row_float_lanes) use(hn::Load(tag, rest + (j - whole_)), j);
  }

  static HWY_INLINE row_float floats(const float* costs) { return hn::LoadU(row_float_tag(), costs); }
  static HWY_INLINE row_float floats(const double* costs) {
    const hn::Half<row_float_tag> half;
    const hn::Rebind<double, decltype(half)> wide;
    const auto low = hn::DemoteTo(half, hn::LoadU(wide, costs));
    const auto high = hn::DemoteTo(half, hn::LoadU(wide, costs + row_float_lanes / 2));
    return hn::Combine(row_float_tag(), high, low);
  }

  /// Sums and squares of sampled rows' costs; each relative to the first row, lest columns of different levels cost digits, and
  /// less the row's own mean.
  void sample_columns(std::size_t rows) {
    const row_float_tag tag;
    float* const first = w_.start_price.data();
    float* const value = w_.centred.data();
    float* const mean = w_.mean.data();
    float* const square = w_.square.data();
    each_vector(0, [&](row_float c, std::size_t j) HWY_ATTR { hn::Store(c, tag, first + j); });
    for (std::size_t r = 1; r < rows; ++r) {
      auto total = hn::Zero(tag);
      each_vector(sampled_row(r, rows, n_), [&](row_float c, std::size_t j) HWY_ATTR {
        const auto x = hn::Sub(c, hn::Load(tag, first + j));
        hn::Store(x, tag, value + j);
        total = hn::Add(total, x);
      });
      const auto own = hn::Set(tag, hn::GetLane(hn::SumOfLanes(tag, total)) / static_cast<float>(n_));
      const Cost* const later_row = cost_.row(sampled_row(std::min(r + ahead, rows - 1), rows, n_));
      for (std::size_t j = 0; j < padded_; j += row_float_lanes) {
        hwy::Prefetch(later_row + j);
        const auto x = hn::Sub(hn::Load(tag, value + j), own);
        hn::Store(hn::Add(hn::Load(tag, mean + j), x), tag, mean + j);
        hn::Store(hn::MulAdd(x, x, hn::Load(tag, square + j)), tag, square + j);
      }
    }
    const auto share = hn::Set(tag, 1.0f / static_cast<float>(rows));
    for (std::size_t j = 0; j < padded_; j += row_float_lanes) {
      const auto average = hn::Mul(hn::Load(tag, mean + j), share);
      const auto of_squares = hn::Mul(hn::Load(tag, square + j), share);
      hn::Store(average, tag, mean + j);
      hn::Store(hn::Max(hn::Zero(tag), hn::NegMulAdd(average, average, of_squares)), tag, square + j);
    }
  }

  /// Scale and start prices: column means less some column deviations. @return false: no scale suits
  bool choose_scale(float below_mean) {
    double variance = 0;
    for (std::size_t j = 0; j < n_; ++j) variance += static_cast<double>(w_.square[j]);
    const double deviation = std::sqrt(variance / static_cast<double>(n_));
    if (!(deviation > 1e-30 && deviation < 1e30)) return false;
    scale_ = std::ldexp(1.0, 12 - std::ilogb(deviation));
    deviation_ = deviation * scale_;
    bool suits = true;
    for (std::size_t j = 0; j < n_; ++j) {
      const float level = w_.start_price[j] + w_.mean[j] - below_mean * std::sqrt(w_.square[j]);
      const float price = std::nearbyint(static_cast<float>(scale_) * level);
      suits &= std::abs(price) < row_cost_limit;
      w_.start_price[j] = price;
    }
    std::fill(w_.start_price.begin() + static_cast<std::ptrdiff_t>(n_), w_.start_price.end(), -1e9f);  // padding is far
    return suits;
  }

  /// True if most of eight rows have many columns as near as the nearest, give or take what rounding blurs.
  bool most_rows_are_coarse() const {
    constexpr std::size_t rows = 8, many = 4;
    const row_float_tag tag;
    std::size_t coarse = 0;
    const std::size_t columns = n_ - n_ % (row_block / 2);  // the same ones, whatever the width of a vector
    for (std::size_t r = 0; r < rows; ++r) {
      const Cost* const costs = cost_.row(sampled_row(r, rows, n_));
      auto least = hn::Set(tag, std::numeric_limits<float>::max());
      for (std::size_t j = 0; j < columns; j += row_float_lanes) least = hn::Min(least, floats(costs + j));
      const auto near = hn::Add(hn::MinOfLanes(tag, least), hn::Set(tag, static_cast<float>(3 / scale_)));
      std::size_t ties = 0;
      for (std::size_t j = 0; j < columns; j += row_float_lanes) {
        ties += hn::CountTrue(tag, hn::Le(floats(costs + j), near));
      }
      coarse += ties > many;
    }
    return coarse > rows / 4;
  }

  static constexpr std::size_t ahead = 2;  // rows: what a row takes to come, where costs have just been made

  // A float of 1.5 2^23 + x, for |x| < 2^22, has x, rounded to an integer, in its lowest bits.
  static constexpr float integer_above = 12582912.0f;
  static constexpr std::int32_t integer_bits = 0x4b400000;

  /// q of row i; `WithDemand` also its share of the demand for each column, by Sinkhorn's rule: exp(-c / temperature), over their
  /// sum.
  template <bool WithDemand>
  void convert(std::size_t i, float temperature) {
    const row_float_tag tag;
    const row_int_tag bits;
    const hn::Rebind<std::int16_t, row_float_tag> narrow;
    const auto scale = hn::Set(tag, static_cast<float>(scale_));
    const float* const start = w_.start_price.data();  // pointers at hand: a store of a vector might change those in w_
    float* const centred = w_.centred.data();
    float* const share = w_.share.data();
    float* const demand = w_.demand.data();
    auto least_lanes = hn::Set(tag, 1e30f);
    auto largest = hn::Load(bits, largest_bits_);
    each_vector(i, [&](row_float c, std::size_t j) HWY_ATTR {
      largest = hn::Max(largest, hn::BitCast(bits, hn::Abs(c)));
      const auto x = hn::MulSub(c, scale, hn::Load(tag, start + j));
      hn::Store(x, tag, centred + j);
      least_lanes = hn::Min(least_lanes, x);
    });
    hn::Store(largest, bits, largest_bits_);
    const float least = hn::GetLane(hn::MinOfLanes(tag, least_lanes));
    const float offset = std::abs(least) < 2 * row_cost_limit ? std::nearbyint(least) - row_least : 0.0f;
    w_.offset[i] = static_cast<std::int32_t>(offset);

    // 2^x to 3 %, by 7 bits of mantissa: the upper half of a float's bits is nearly the logarithm of its value.
    constexpr float steps = 128, one = 127 * steps,
                    middle = -5.5f;  // linear between powers of two lies 0 to 6 % too high
    const float sharpness = steps * 1.4426950408889634f / temperature;
    const auto slope = hn::Set(tag, sharpness), top = hn::Set(tag, sharpness * least + (integer_above + one + middle));
    const auto none = hn::Set(tag, integer_above), shift = hn::Set(tag, integer_above - offset);
    std::int16_t* const q = w_.cost.data() + i * padded_;
    auto sum = hn::Zero(tag);
    const std::size_t later = std::min(i + ahead, n_ - 1);
    const Cost* const later_row = cost_.row(later);  // on its way to the cache, as is the place for its q
    const std::int16_t* const later_q = row(later);
    for (std::size_t j = 0; j < padded_; j += row_float_lanes) {
      hwy::Prefetch(later_row + j);
      hwy::Prefetch(later_q + j);
      const auto x = hn::Load(tag, centred + j);
      const auto fixed = hn::Sub(hn::BitCast(bits, hn::Add(x, shift)), hn::Set(bits, integer_bits));
      hn::Store(hn::DemoteTo(narrow, fixed), narrow, q + j);  // saturates
      if (!WithDemand) continue;
      const auto exponent = hn::Max(none, hn::NegMulAdd(x, slope, top));
      const auto wish = hn::BitCast(tag, hn::ShiftLeft<16>(hn::BitCast(bits, exponent)));
      hn::Store(wish, tag, share + j);
      sum = hn::Add(sum, wish);
    }
    if (!WithDemand) return;
    const auto normal = hn::Set(tag, 1.0f / hn::GetLane(hn::SumOfLanes(tag, sum)));
#pragma GCC unroll 2
    for (std::size_t j = 0; j < padded_; j += row_float_lanes) {
      hn::Store(hn::MulAdd(hn::Load(tag, share + j), normal, hn::Load(tag, demand + j)), tag, demand + j);
    }
  }

  /// v: where many rows would like a column, its price falls beforehand. A guess, never trusted.
  void move_prices_by_demand(float temperature, float rows_for_each) {
    constexpr float most = 8000, least = -16000;  // leaves r above -32,768, and room to fall
    for (std::size_t j = 0; j < n_; ++j) {
      const float change = -temperature * std::log(std::max(rows_for_each * w_.demand[j], 1e-6f));
      w_.price[j] = static_cast<std::int16_t>(std::lrint(std::min(most, std::max(least, change))));
    }
    std::fill(w_.price.begin() + static_cast<std::ptrdiff_t>(n_), w_.price.end(), std::int16_t(0));
  }

  const batch<Cost>& cost_;
  row_workspace& w_;
  const std::size_t n_, whole_, padded_;
  double scale_ = 1, deviation_ = 0;
  // |c| as integers, which are in the same order; infinity and NaN above all
  alignas(64) std::int32_t largest_bits_[row_block / 2] = {};
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

// Costs as rows of int16, and the start prices: the first part of the row solver. Legend in row_solver.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

using row_int_tag = hn::RebindToSigned<float_tag>;
static_assert(row_block == 2 * float_block, "padding suits both");

template <class Cost>
class row_costs {
 public:
  explicit row_costs(const row_problem<Cost>& problem)
      : cost_(problem.cost),
        w_(problem.work),
        n_(problem.cost.rows()),
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
    sample_columns(cost_, std::min(policy.sampled_rows, n_), 1.0f, padded_, w_.start_price.data(), w_.centred.data(),
                   w_.mean.data(), w_.square.data(), ahead);
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
    const float_tag tag;
    std::size_t coarse = 0;
    const std::size_t columns = n_ - n_ % (float_block);  // the same ones, whatever the width of a vector
    for (std::size_t r = 0; r < rows; ++r) {
      const Cost* const costs = cost_.row(sampled_row(r, rows, n_));
      auto least = hn::Set(tag, std::numeric_limits<float>::max());
      for (std::size_t j = 0; j < columns; j += float_lanes) least = hn::Min(least, floats(costs + j));
      const auto near = hn::Add(hn::MinOfLanes(tag, least), hn::Set(tag, static_cast<float>(3 / scale_)));
      std::size_t ties = 0;
      for (std::size_t j = 0; j < columns; j += float_lanes) {
        ties += hn::CountTrue(tag, hn::Le(floats(costs + j), near));
      }
      coarse += ties > many;
    }
    return coarse > rows / 4;
  }

  static constexpr std::size_t ahead = 2;  // rows: what a row takes to come, where costs have just been made

  /// q of row i; `WithDemand` also its share of the demand for each column, by Sinkhorn's rule: exp(-c / temperature), over their
  /// sum.
  template <bool WithDemand>
  void convert(std::size_t i, float temperature) {
    const float_tag tag;
    const row_int_tag bits;
    const hn::Rebind<std::int16_t, float_tag> narrow;
    const auto scale = hn::Set(tag, static_cast<float>(scale_));
    const float* const start = w_.start_price.data();  // pointers at hand: a store of a vector might change those in w_
    float* const centred = w_.centred.data();
    float* const share = w_.share.data();
    float* const demand = w_.demand.data();
    auto least_lanes = hn::Set(tag, 1e30f);
    auto largest = hn::Load(bits, largest_bits_);
    each_float_vector(cost_.row(i), n_, padded_, [&](float_vector c, std::size_t j) HWY_ATTR {
      largest = hn::Max(largest, hn::BitCast(bits, hn::Abs(c)));
      const auto x = hn::MulSub(c, scale, hn::Load(tag, start + j));
      hn::Store(x, tag, centred + j);
      least_lanes = hn::Min(least_lanes, x);
    });
    hn::Store(largest, bits, largest_bits_);
    const float least = hn::GetLane(hn::MinOfLanes(tag, least_lanes));
    const float offset = std::abs(least) < 2 * row_cost_limit ? std::nearbyint(least) - row_least : 0.0f;
    w_.offset[i] = static_cast<std::int32_t>(offset);

    const rough_exponential exponential(temperature, least);
    const auto shift = hn::Set(tag, float_with_integer - offset);
    std::int16_t* const q = w_.cost.data() + i * padded_;
    auto sum = hn::Zero(tag);
    const std::size_t later = std::min(i + ahead, n_ - 1);
    const Cost* const later_row = cost_.row(later);  // on its way to the cache, as is the place for its q
    const std::int16_t* const later_q = row(later);
    for (std::size_t j = 0; j < padded_; j += float_lanes) {
      hwy::Prefetch(later_row + j);
      hwy::Prefetch(later_q + j);
      const auto x = hn::Load(tag, centred + j);
      const auto fixed = hn::Sub(hn::BitCast(bits, hn::Add(x, shift)), hn::Set(bits, integer_bits));
      hn::Store(hn::DemoteTo(narrow, fixed), narrow, q + j);  // saturates
      if (!WithDemand) continue;
      const auto wish = exponential(x);
      hn::Store(wish, tag, share + j);
      sum = hn::Add(sum, wish);
    }
    if (WithDemand) add_demand(share, hn::GetLane(hn::SumOfLanes(tag, sum)), padded_, demand);
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
  const std::size_t n_, padded_;
  double scale_ = 1, deviation_ = 0;
  // |c| as integers, which are in the same order; infinity and NaN above all
  alignas(64) std::int32_t largest_bits_[float_block] = {};
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

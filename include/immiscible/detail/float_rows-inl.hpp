// Rows of costs as floats. Compiled once for each instruction set; float_rows.hpp says what for.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using float_tag = hn::CappedTag<float, float_block>;
using float_vector = hn::Vec<float_tag>;
constexpr std::size_t float_lanes = hn::MaxLanes(float_tag());

static HWY_INLINE float_vector floats(const float* costs) { return hn::LoadU(float_tag(), costs); }
static HWY_INLINE HWY_MAYBE_UNUSED float_vector floats(const double* costs) {
  const hn::Half<float_tag> half;
  const hn::Rebind<double, decltype(half)> wide;
  const auto low = hn::DemoteTo(half, hn::LoadU(wide, costs));
  const auto high = hn::DemoteTo(half, hn::LoadU(wide, costs + float_lanes / 2));
  return hn::Combine(float_tag(), high, low);
}
static HWY_INLINE HWY_MAYBE_UNUSED float_vector floats(const std::int32_t* costs) {
  return hn::ConvertTo(float_tag(), hn::LoadU(hn::RebindToSigned<float_tag>(), costs));
}
static HWY_INLINE HWY_MAYBE_UNUSED float_vector floats(const std::int16_t* costs) {
  const auto narrow = hn::LoadU(hn::Rebind<std::int16_t, float_tag>(), costs);
  return hn::ConvertTo(float_tag(), hn::PromoteTo(hn::RebindToSigned<float_tag>(), narrow));
}

/// use(costs, j) for each vector of a row of m costs, from column j on; zeros behind the last column, `padded` values in all, fewer
/// than 32 of them behind.
template <class Cost, class Use>
static HWY_INLINE void each_float_vector(const Cost* costs, std::size_t m, std::size_t padded, const Use& use) {
  const std::size_t whole = m / float_lanes * float_lanes;
#pragma GCC unroll 2
  for (std::size_t j = 0; j < whole; j += float_lanes) use(floats(costs + j), j);
  if (whole == padded) return;
  alignas(64) float rest[3 * float_block] = {};
  for (std::size_t j = whole; j < m; ++j) rest[j - whole] = static_cast<float>(costs[j]);
  for (std::size_t j = whole; j < padded; j += float_lanes) use(hn::Load(float_tag(), rest + (j - whole)), j);
}

/// Means and variances of the columns of `scale` times the costs, over `rows` sampled rows, each less its own mean. All relative to
/// the costs of row 0, `first`, lest columns of different levels cost digits. Columns behind the last have zeros.
///
/// @param  first, value, mean, square  [padded], mean and square zeros before; value: room for one row
/// @param  ahead  rows: as many before it is looked at a row is fetched to the cache
template <class Cost>
static void sample_columns(const batch<Cost>& cost, std::size_t rows, float scale, std::size_t padded, float* first,
                           float* value, float* mean, float* square, std::size_t ahead) {
  const float_tag tag;
  const std::size_t n = cost.rows(), m = cost.columns();
  const auto unit = hn::Set(tag, scale);
  each_float_vector(cost.row(0), m, padded,
                    [&](float_vector c, std::size_t j) HWY_ATTR { hn::Store(hn::Mul(c, unit), tag, first + j); });
  for (std::size_t r = 1; r < rows; ++r) {
    auto total = hn::Zero(tag);
    each_float_vector(cost.row(sampled_row(r, rows, n)), m, padded, [&](float_vector c, std::size_t j) HWY_ATTR {
      const auto x = hn::MulSub(c, unit, hn::Load(tag, first + j));
      hn::Store(x, tag, value + j);
      total = hn::Add(total, x);
    });
    const auto own = hn::Set(tag, hn::GetLane(hn::SumOfLanes(tag, total)) / static_cast<float>(m));
    const Cost* const later_row = cost.row(sampled_row(std::min(r + ahead, rows - 1), rows, n));
    for (std::size_t j = 0; j < padded; j += float_lanes) {
      hwy::Prefetch(later_row + j);
      const auto x = hn::Sub(hn::Load(tag, value + j), own);
      hn::Store(hn::Add(hn::Load(tag, mean + j), x), tag, mean + j);
      hn::Store(hn::MulAdd(x, x, hn::Load(tag, square + j)), tag, square + j);
    }
  }
  const auto share = hn::Set(tag, 1.0f / static_cast<float>(rows));
  for (std::size_t j = 0; j < padded; j += float_lanes) {
    const auto average = hn::Mul(hn::Load(tag, mean + j), share);
    const auto of_squares = hn::Mul(hn::Load(tag, square + j), share);
    hn::Store(average, tag, mean + j);
    hn::Store(hn::Max(hn::Zero(tag), hn::NegMulAdd(average, average, of_squares)), tag, square + j);
  }
  for (float* column : {mean, square}) std::fill(column + m, column + padded, 0.0f);
}

/// exp(-(x - least) / temperature) to 3 %, for x >= least and |least| < 20,000 temperatures.
///
/// 2^x by 7 bits of mantissa: the upper half of a float's bits is nearly the logarithm of its value.
struct rough_exponential {
  float_vector slope, top, none;

  HWY_INLINE explicit rough_exponential(float temperature, float least = 0) {
    constexpr float steps = 128, one = 127 * steps;
    constexpr float middle = -5.5f;  // linear between powers of two lies 0 to 6 % too high
    const float sharpness = steps * 1.4426950408889634f / temperature;
    slope = hn::Set(float_tag(), sharpness);
    top = hn::Set(float_tag(), sharpness * least + (float_with_integer + one + middle));
    none = hn::Set(float_tag(), float_with_integer);
  }

  HWY_INLINE float_vector operator()(float_vector x) const {
    const auto exponent = hn::Max(none, hn::NegMulAdd(x, slope, top));
    return hn::BitCast(float_tag(), hn::ShiftLeft<16>(hn::BitCast(hn::RebindToSigned<float_tag>(), exponent)));
  }
};

/// Adds to `demand` a row's share in each column, by Sinkhorn's rule, if `value` has its exponentials and `sum` their sum.
static HWY_INLINE HWY_MAYBE_UNUSED void add_demand(const float* value, float sum, std::size_t padded, float* demand) {
  const float_tag tag;
  const auto normal = hn::Set(tag, 1.0f / sum);
#pragma GCC unroll 2
  for (std::size_t j = 0; j < padded; j += float_lanes) {
    hn::Store(hn::MulAdd(hn::Load(tag, value + j), normal, hn::Load(tag, demand + j)), tag, demand + j);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

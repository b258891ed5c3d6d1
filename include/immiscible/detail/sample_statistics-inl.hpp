// statistics_of_row_portable of sample_statistics.hpp on vectors. Compiled once for each instruction set; see simd_dispatch.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// See statistics_of_row_portable.
static HWY_MAYBE_UNUSED row_statistics statistics_of_row(const float* row, std::size_t d) {
  namespace hn = hwy::HWY_NAMESPACE;
  using double_tag = hn::CappedTag<double, statistics_lanes>;
  using half_tag = hn::Rebind<float, double_tag>;  // as many floats as doubles
  constexpr std::size_t lanes = hn::MaxLanes(double_tag()), parts = statistics_lanes / lanes;
  hn::Vec<double_tag> sum[parts];
  hn::Vec<half_tag> least[parts], most[parts];
#pragma GCC unroll 8  // or the sums stay in memory at -O2
  for (std::size_t k = 0; k < parts; ++k) {
    sum[k] = hn::Zero(double_tag());
    least[k] = most[k] = hn::Set(half_tag(), row[0]);
  }
  std::size_t j = 0;
  for (; j + statistics_lanes <= d; j += statistics_lanes) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < parts; ++k) {
      const auto x = hn::LoadU(half_tag(), row + j + k * lanes);
      const auto wide = hn::PromoteTo(double_tag(), x);
      sum[k] = hn::MulAdd(wide, wide, sum[k]);
      least[k] = hn::Min(least[k], x);
      most[k] = hn::Max(most[k], x);
    }
  }
  double lane[statistics_lanes];
  row_statistics out{0, row[0], row[0]};
#pragma GCC unroll 8
  for (std::size_t k = 0; k < parts; ++k) {
    float low[lanes], high[lanes];
    hn::StoreU(sum[k], double_tag(), lane + k * lanes);
    hn::StoreU(least[k], half_tag(), low);
    hn::StoreU(most[k], half_tag(), high);
    out.least = std::min(out.least, *std::min_element(low, low + lanes));
    out.most = std::max(out.most, *std::max_element(high, high + lanes));
  }
  finish_statistics(row + j, d - j, lane, out);
  return out;
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

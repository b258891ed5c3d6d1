// What float_rows-inl.hpp makes of some costs, compiled once for each instruction set (simd_foreach.hpp): for float_rows.cpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

template <class Cost>
static tests::column_samples sampled_columns_simd(const batch<Cost>& cost, std::size_t rows, float scale,
                                                  std::size_t padded) {
  tests::column_samples s(padded);
  sample_columns(cost, rows, scale, padded, s.first.data(), s.value.data(), s.mean.data(), s.square.data(), 2);
  return s;
}

static void rough_exponentials_simd(const std::vector<float>& x, float temperature, float least, float* out) {
  const rough_exponential exponential(temperature, least);
  alignas(64) float lanes[float_block];
  for (std::size_t k = 0; k < x.size(); ++k) {
    std::fill(lanes, lanes + float_block, x[k]);
    hn::Store(exponential(hn::Load(float_tag(), lanes)), float_tag(), lanes);
    out[k] = lanes[0];
  }
}

static void demand_simd(const float* value, float sum, std::size_t padded, float* demand) {
  add_demand(value, sum, padded, demand);
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();

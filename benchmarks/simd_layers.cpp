// Which layer for portable SIMD? One row scan, the least reduced cost and its column, written on three of them and plainly.
// Needs xsimd (Debian: libxsimd-dev) for one of the four; compiled for this machine's processor.
#include <benchmark/benchmark.h>
#define HWY_WANT_AVX3_DL  // without it Highway 1.0.3 does not compile for -march=native on Sapphire Rapids and Zen 5
#include <hwy/highway.h>

#include <cstdint>
#include <cstdio>
#include <experimental/simd>
#include <limits>
#include <random>
#include <vector>

#if __has_include(<xsimd/xsimd.hpp>)
#include <xsimd/xsimd.hpp>
#define HAVE_XSIMD 1
#endif

namespace {

struct found {
  float least;
  std::int32_t column;
};

found plain(const float* cost, const float* price, std::int32_t n) {
  found f{std::numeric_limits<float>::infinity(), -1};
  for (std::int32_t j = 0; j < n; ++j) {
    const float reduced = cost[j] - price[j];
    if (reduced < f.least) f = {reduced, j};
  }
  return f;
}

/// The least of the lanes, and the first column that has it.
template <class Lanes>
found least_lane(const float* least, const std::int32_t* block, Lanes lanes) {
  found f{std::numeric_limits<float>::infinity(), std::numeric_limits<std::int32_t>::max()};
  for (std::int32_t k = 0; k < static_cast<std::int32_t>(lanes); ++k) {
    if (least[k] < f.least || (least[k] == f.least && block[k] + k < f.column)) f = {least[k], block[k] + k};
  }
  return f;
}

found highway(const float* cost, const float* price, std::int32_t n) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> tag;
  const hn::RebindToSigned<decltype(tag)> whole;
  constexpr auto lanes = static_cast<std::int32_t>(hn::MaxLanes(tag));
  auto least = hn::Set(tag, std::numeric_limits<float>::infinity());
  auto block = hn::Zero(whole);
  for (std::int32_t j = 0; j < n; j += lanes) {
    const auto reduced = hn::Sub(hn::LoadU(tag, cost + j), hn::LoadU(tag, price + j));
    const auto less = hn::Lt(reduced, least);
    least = hn::Min(reduced, least);
    block = hn::IfThenElse(hn::RebindMask(whole, less), hn::Set(whole, j), block);
  }
  float values[lanes];
  std::int32_t blocks[lanes];
  hn::StoreU(least, tag, values);
  hn::StoreU(block, whole, blocks);
  return least_lane(values, blocks, lanes);
}

found standard(const float* cost, const float* price, std::int32_t n) {
  namespace stdx = std::experimental;
  using floats = stdx::native_simd<float>;
  using ints = stdx::rebind_simd_t<std::int32_t, floats>;
  floats least = std::numeric_limits<float>::infinity();
  ints block = 0;
  for (std::int32_t j = 0; j < n; j += static_cast<std::int32_t>(floats::size())) {
    const floats reduced = floats(cost + j, stdx::element_aligned) - floats(price + j, stdx::element_aligned);
    const auto less = reduced < least;
    stdx::where(less, least) = reduced;
    stdx::where(stdx::__proposed::static_simd_cast<ints::mask_type>(less), block) = j;
  }
  float values[floats::size()];
  std::int32_t blocks[floats::size()];
  least.copy_to(values, stdx::element_aligned);
  block.copy_to(blocks, stdx::element_aligned);
  return least_lane(values, blocks, floats::size());
}

#ifdef HAVE_XSIMD
found with_xsimd(const float* cost, const float* price, std::int32_t n) {
  using floats = xsimd::batch<float>;
  using ints = xsimd::batch<std::int32_t>;
  floats least(std::numeric_limits<float>::infinity());
  ints block(0);
  for (std::int32_t j = 0; j < n; j += static_cast<std::int32_t>(floats::size)) {
    const floats reduced = floats::load_unaligned(cost + j) - floats::load_unaligned(price + j);
    const auto less = reduced < least;
    least = xsimd::min(reduced, least);
    block = xsimd::select(xsimd::bool_cast(less), ints(j), block);
  }
  float values[floats::size];
  std::int32_t blocks[floats::size];
  least.store_unaligned(values);
  block.store_unaligned(blocks);
  return least_lane(values, blocks, floats::size);
}
#endif

template <found scan(const float*, const float*, std::int32_t)>
void row_scan(benchmark::State& state) {
  const auto n = static_cast<std::int32_t>(state.range(0));
  std::mt19937 engine(1);
  std::vector<float> cost(static_cast<std::size_t>(n)), price(cost.size());
  for (float& c : cost) c = static_cast<float>(engine() >> 8);
  for (float& p : price) p = static_cast<float>(engine() >> 10);
  const found expected = plain(cost.data(), price.data(), n);
  for (auto _ : state) {
    const found f = scan(cost.data(), price.data(), n);
    benchmark::DoNotOptimize(f);
    if (f.column != expected.column) state.SkipWithError("another column");
  }
}
BENCHMARK(row_scan<plain>)->Arg(1024);
BENCHMARK(row_scan<highway>)->Arg(1024);
BENCHMARK(row_scan<standard>)->Arg(1024);
#ifdef HAVE_XSIMD
BENCHMARK(row_scan<with_xsimd>)->Arg(1024);
#endif

}  // namespace

BENCHMARK_MAIN();

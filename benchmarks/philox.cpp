// How long a value of noise takes: each instruction set, rows of several lengths, one thread; beside the standard library's
// own normal distribution. Compiled without -march=native, so that it shows what a consumer's plain build gets.
#include <immiscible/philox.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

namespace {

namespace detail = immiscible::detail;
constexpr std::size_t values = std::size_t{1} << 18;  // 1 MiB: stays in the cache, as a batch does that is used at once

void count(benchmark::State& state, std::size_t drawn, const std::vector<float>& noise) {
  double squares = 0;
  for (const float x : noise) squares += double{x} * x;
  const double expected = static_cast<double>(noise.size());
  if (!(std::abs(squares / expected - 1) < 0.02)) state.SkipWithError("the noise has not variance 1");
  state.counters["per_value"] = benchmark::Counter(
      static_cast<double>(drawn), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void normal_rows(benchmark::State& state, detail::simd_target target) {
  const auto d = static_cast<std::size_t>(state.range(0)), n = values / d;
  detail::normal_row_function* const normal_row = detail::normal_row_for(target);
  std::vector<float> noise(n * d);
  std::uint64_t step = 0;
  for (auto _ : state) {
    for (std::size_t r = 0; r < n; ++r) normal_row(42, step, r, d, noise.data() + r * d);
    ++step;
    benchmark::ClobberMemory();
  }
  count(state, n * d, noise);
}

void standard_library(benchmark::State& state) {
  std::mt19937 engine(42);
  std::normal_distribution<float> normal;
  std::vector<float> noise(values);
  for (auto _ : state) {
    for (float& x : noise) x = normal(engine);
    benchmark::ClobberMemory();
  }
  count(state, values, noise);
}

BENCHMARK(standard_library);

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* names[] = {"normal_rows/portable", "normal_rows/unasked", "normal_rows/avx2",
                                   "normal_rows/avx512"};
  for (const detail::simd_target target : {detail::simd_target::portable, detail::simd_target::unasked,
                                           detail::simd_target::avx2, detail::simd_target::avx512}) {
    if (!detail::has_target(target)) continue;  // not compiled here, or not on this machine
    benchmark::RegisterBenchmark(names[static_cast<int>(target)], normal_rows, target)
        ->ArgName("d")
        ->Arg(16)
        ->Arg(784)
        ->Arg(3072);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

// How long the nearest of k takes to draw, beside plain noise and beside brute force (draw k rows for each image, keep
// the nearest), one thread. Compiled without -march=native, so that it shows what a consumer's plain build gets.
//
//   bench_drawn_nearest --benchmark_enable_random_interleaving --benchmark_repetitions=9
#include <immiscible/drawn_nearest.hpp>
#include <immiscible/nearest_noise.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

constexpr std::size_t n = 32;  // images in a batch

struct samples {
  std::vector<float> images, noise;
  std::size_t d;
  explicit samples(std::size_t d_) : images(n * d_), noise(n * d_), d(d_) {
    immiscible::normal_rows(1, 0, 0, out(images));
    for (float& x : images) x *= 0.5f;
  }
  immiscible::matrix_view<float> out(std::vector<float>& rows) const { return {rows.data(), n, d}; }
  immiscible::batch<float> batch() const { return {images.data(), n, d}; }
};

/// Time of a row, and |n|^2 / d, which tells whether the answer is right: see docs/nearest-of-k.md.
void report(benchmark::State& state, const samples& s) {
  double squares = 0;
  for (const float e : s.noise) squares += double{e} * e;
  state.counters["square_per_value"] = squares / static_cast<double>(s.noise.size());
  if (!(std::abs(squares / static_cast<double>(s.noise.size()) - 0.94) < 0.1)) state.SkipWithError("not such noise");
  state.counters["per_row"] = benchmark::Counter(
      static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void plain(benchmark::State& state) {
  samples s(static_cast<std::size_t>(state.range(0)));
  std::uint64_t step = 0;
  for (auto _ : state) {
    immiscible::normal_rows(42, ++step, 0, s.out(s.noise));
    benchmark::ClobberMemory();
  }
  report(state, s);
}

void drawn(benchmark::State& state, immiscible::cost_function function) {
  samples s(static_cast<std::size_t>(state.range(0)));
  const auto k = static_cast<double>(state.range(1));
  std::uint64_t step = 0;
  for (auto _ : state) {
    immiscible::nearest_normal_rows(42, ++step, 0, s.batch(), k, s.out(s.noise), function);
    benchmark::ClobberMemory();
  }
  report(state, s);
}

void brute_force(benchmark::State& state) {
  samples s(static_cast<std::size_t>(state.range(0)));
  const auto k = static_cast<std::size_t>(state.range(1));
  std::vector<float> candidates(n * k * s.d);
  std::uint64_t step = 0;
  for (auto _ : state) {
    immiscible::normal_rows(42, ++step, 0, {candidates.data(), n * k, s.d});
    const auto chosen =
        immiscible::nearest_noise(s.batch(), immiscible::batch<float>(candidates.data(), n * k, s.d), k);
    for (std::size_t i = 0; i < n; ++i) {
      std::copy_n(candidates.data() + static_cast<std::size_t>(chosen.noise_of_image[i]) * s.d, s.d,
                  s.noise.data() + i * s.d);
    }
    benchmark::ClobberMemory();
  }
  report(state, s);
}

void settings(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"d", "k"});
  for (const std::int64_t d : {784, 3072}) {
    for (const std::int64_t k : {4, 64, 1024}) bench->Args({d, k});
  }
}

BENCHMARK(plain)->ArgName("d")->Arg(784)->Arg(3072);
BENCHMARK_CAPTURE(drawn, by_distance, immiscible::cost_function::squared_l2)->Apply(settings);
BENCHMARK_CAPTURE(drawn, by_inner_product, immiscible::cost_function::inner_product)->Apply(settings);
BENCHMARK(brute_force)->ArgNames({"d", "k"})->Args({784, 64})->Args({3072, 4})->Args({3072, 64});

}  // namespace

BENCHMARK_MAIN();

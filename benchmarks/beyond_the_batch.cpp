// What windows and groups cost: milliseconds for a batch of 64 by size of the window, and 1,024 images in one group or in ten.
#include "instances.hpp"

#include <chrono>

namespace {

using benchmarks::instance;

constexpr std::size_t batch_size = 64, largest = 4096;

const instance& all_images() {
  static const instance made = benchmarks::make_instance(benchmarks::fashion_mnist, largest);
  return made;
}

/// Draws and pairs the noise of a window; the time is that of one batch of it.
void window(benchmark::State& state) {
  const instance& all = all_images();
  const auto n = static_cast<std::size_t>(state.range(0));
  immiscible::noise_matcher match;
  std::vector<float> noise(n * all.d);
  std::uint64_t step = 0;
  double seconds = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    match.match_into({all.images.data(), n, all.d}, step++, {noise.data(), n, all.d});
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  const double batches = static_cast<double>(state.iterations()) * static_cast<double>(n / batch_size);
  state.counters["ms_a_batch"] = 1e3 * seconds / batches;
}
BENCHMARK(window)->ArgName("images")->RangeMultiplier(2)->Range(batch_size, largest)->Unit(benchmark::kMillisecond);

/// 1,024 images in so many groups.
void groups(benchmark::State& state) {
  const instance& all = all_images();
  const std::size_t n = 1024;
  std::vector<std::int64_t> label(n);
  for (std::size_t i = 0; i < n; ++i) label[i] = static_cast<std::int64_t>(i * 7919 % 1024) % state.range(0);
  immiscible::assign_options options;
  options.threads = static_cast<std::size_t>(state.range(1));
  immiscible::groups_workspace<float> workspace;
  immiscible::assignment answer;
  const immiscible::batch<float> images(all.images.data(), n, all.d), noise(all.noise.data(), n, all.d);
  for (auto _ : state) {
    immiscible::assign_in_groups(images, noise, label, options, answer, workspace);
    benchmark::DoNotOptimize(answer.noise_of_image.data());
  }
  const double before = immiscible::mean_distance(images, noise);
  state.counters["change"] = immiscible::mean_distance(images, noise, answer.noise_of_image) / before - 1;
}
BENCHMARK(groups)
    ->ArgNames({"groups", "threads"})
    ->ArgsProduct({{1, 10, 100}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

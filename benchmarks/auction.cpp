// What an early end of the auction saves, and what it costs in quality: tolerance in thousandths of a standard deviation.
#include "instances.hpp"

namespace {

void auction(benchmark::State& state) {
  const benchmarks::instance& problem = benchmarks::instance_of(state);
  immiscible::auction_options options;
  options.tolerance = static_cast<double>(state.range(2)) / 1000;
  immiscible::assignment answer;
  immiscible::auction_workspace<float> workspace;
  for (auto _ : state) {
    immiscible::auction(problem.cost_view(), options, answer, workspace);
    benchmark::DoNotOptimize(answer.noise_of_image.data());
  }
  benchmarks::report_quality(state, problem, answer.noise_of_image);
  const double rounding = 1e-9 * problem.best_total;
  if (answer.lower_bound > problem.best_total + rounding || answer.total_cost < problem.best_total - rounding) {
    benchmarks::refuse(state, "the lower bound is none");
  }
}
BENCHMARK(auction)
    ->ArgNames({"family", "n", "thousandths"})
    ->ArgsProduct({{benchmarks::fashion_mnist, benchmarks::uniform}, {128, 512, 2048}, {300, 100, 30, 10}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

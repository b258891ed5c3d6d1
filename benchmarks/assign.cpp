// How long a trainer waits for its pairing, costs included, by method.
#include "instances.hpp"

namespace {

using benchmarks::instance;

/// Pairs with the memory that a trainer keeps between steps.
void assign(benchmark::State& state, immiscible::method method) {
  const instance& problem = benchmarks::instance_of(state);
  immiscible::assign_options options;
  options.method = method;
  immiscible::assignment answer;
  immiscible::assign_workspace<float> workspace;
  for (auto _ : state) {
    immiscible::assign(problem.image_view(), problem.noise_view(), options, answer, workspace);
    benchmark::DoNotOptimize(answer.noise_of_image.data());
  }
  benchmarks::report_quality(state, problem, answer.noise_of_image);
  if (method != immiscible::method::exact) return;
  if (std::abs(answer.total_cost - problem.best_total) > 1e-6 * problem.best_total) {
    benchmarks::refuse(state, "the total is not the least");
  }
}
BENCHMARK_CAPTURE(assign, exact, immiscible::method::exact)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(assign, auction, immiscible::method::auction)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(assign, greedy, immiscible::method::greedy)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(assign, greedy_by_row, immiscible::method::greedy_by_row)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(assign, none, immiscible::method::none)->Apply(benchmarks::images_only);

/// Nearest of k = 4: a batch of n / 4 images chooses among the n noises of the problem.
void assign_nearest_of_4(benchmark::State& state) {
  const instance& problem = benchmarks::instance_of(state);
  const immiscible::batch<float> images(problem.images.data(), problem.n / 4, problem.d);
  immiscible::assign_options options;
  options.method = immiscible::method::nearest;
  options.candidates = 4;
  immiscible::assignment answer;
  immiscible::assign_workspace<float> workspace;
  for (auto _ : state) {
    immiscible::assign(images, problem.noise_view(), options, answer, workspace);
    benchmark::DoNotOptimize(answer.noise_of_image.data());
  }
  std::vector<std::int32_t> first;
  for (std::size_t i = 0; i < images.rows(); ++i) first.push_back(static_cast<std::int32_t>(4 * i));
  state.counters["change"] = immiscible::mean_distance(images, problem.noise_view(), answer.noise_of_image) /
                                 immiscible::mean_distance(images, problem.noise_view(), first) -
                             1;
}
BENCHMARK(assign_nearest_of_4)->Apply(benchmarks::images_only);

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

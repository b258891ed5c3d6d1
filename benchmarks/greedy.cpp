// How long the greedy methods take, and how much they leave on the table (`excess`).
#include "instances.hpp"

namespace {

template <class Method>
void solve(benchmark::State& state, Method method) {
  const benchmarks::instance& problem = benchmarks::instance_of(state);
  immiscible::assignment answer;
  for (auto _ : state) {
    answer = method(problem.cost_view());
    benchmark::DoNotOptimize(answer.noise_of_image.data());
  }
  benchmarks::report_quality(state, problem, answer.noise_of_image);
}

void greedy(benchmark::State& state) {
  solve(state, [](const auto& cost) { return immiscible::greedy(cost); });
}
BENCHMARK(greedy)->Apply(benchmarks::both_families);

void greedy_by_row(benchmark::State& state) {
  solve(state, [](const auto& cost) { return immiscible::greedy_by_row(cost); });
}
BENCHMARK(greedy_by_row)->Apply(benchmarks::both_families);

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

// How long the exact solver takes, by type of cost, and from the simple start that tests compare with.
#include "instances.hpp"

namespace {

using benchmarks::instance;

/// The costs of `problem` as `Cost`; integers hold them scaled to 14 bits.
template <class Cost>
std::vector<Cost> costs_as(const instance& problem) {
  double scale = 1;
  if (std::is_integral<Cost>::value) {
    scale = 16383.0 / static_cast<double>(*std::max_element(problem.cost.begin(), problem.cost.end()));
  }
  std::vector<Cost> costs;
  for (const float c : problem.cost) {
    const double scaled = scale * static_cast<double>(c);
    costs.push_back(static_cast<Cost>(std::is_integral<Cost>::value ? std::round(scaled) : scaled));
  }
  return costs;
}

template <class Cost>
void solve(benchmark::State& state, immiscible::warm_start start) {
  const instance& problem = benchmarks::instance_of(state);
  const std::vector<Cost> costs = costs_as<Cost>(problem);
  const immiscible::batch<Cost> view(costs.data(), problem.n, problem.n);
  immiscible::basic_assignment<immiscible::price_of<Cost>> answer;
  immiscible::jonker_volgenant_workspace<Cost> workspace;
  for (auto _ : state) {
    immiscible::jonker_volgenant(view, answer, workspace, start);
    benchmark::DoNotOptimize(answer.noise_of_image.data());
  }
  benchmarks::report_quality(state, problem, answer.noise_of_image);
  if (!immiscible::is_optimal(view, answer)) benchmarks::refuse(state, "the prices do not prove the answer");
}

template <class Cost>
void exact(benchmark::State& state) {
  solve<Cost>(state, immiscible::warm_start::automatic);
}
BENCHMARK(exact<float>)->Apply(benchmarks::both_families);
BENCHMARK(exact<double>)->Apply(benchmarks::images_only);
BENCHMARK(exact<std::int16_t>)->Apply(benchmarks::images_only);
BENCHMARK(exact<std::int32_t>)->Apply(benchmarks::images_only);

void exact_from_column_minima(benchmark::State& state) { solve<float>(state, immiscible::warm_start::column_minima); }
BENCHMARK(exact_from_column_minima)->Apply(benchmarks::images_only);

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

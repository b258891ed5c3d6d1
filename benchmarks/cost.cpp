// How long the matrix of costs takes, by cost function, and how near it comes to the machine's peak (multiply-adds count 2).
#include "instances.hpp"

namespace {

void pairwise_cost(benchmark::State& state, immiscible::cost_function function) {
  const benchmarks::instance& problem = benchmarks::instance_of(state);
  std::vector<float> memory(problem.n * problem.n);
  const immiscible::matrix_view<float> cost(memory.data(), problem.n, problem.n);
  for (auto _ : state) {
    immiscible::pairwise_cost(problem.image_view(), problem.noise_view(), function, cost);
    benchmark::ClobberMemory();
  }
  const double operations = 2.0 * static_cast<double>(problem.n * problem.n * problem.d);
  state.counters["operations"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
  if (function != immiscible::cost_function::squared_l2) return;
  double worst = 0;  // against the definition, on the diagonal
  for (std::size_t i = 0; i < problem.n; ++i) {
    const double exact =
        immiscible::detail::squared_distance(problem.image_view().row(i), problem.noise_view().row(i), problem.d);
    worst = std::max(worst, std::abs(static_cast<double>(cost(i, i)) / exact - 1));
  }
  state.counters["error"] = worst;
  if (worst > 1e-5) benchmarks::refuse(state, "the costs are wrong");
}
BENCHMARK_CAPTURE(pairwise_cost, squared_l2, immiscible::cost_function::squared_l2)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(pairwise_cost, l2, immiscible::cost_function::l2)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(pairwise_cost, inner_product, immiscible::cost_function::inner_product)
    ->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(pairwise_cost, cosine, immiscible::cost_function::cosine)->Apply(benchmarks::images_only);
BENCHMARK_CAPTURE(pairwise_cost, published, immiscible::cost_function::published)
    ->ArgNames({"family", "n"})
    ->ArgsProduct({{benchmarks::fashion_mnist}, {64, 256}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

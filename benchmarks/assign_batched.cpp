// Many small problems at once: groups of 64 images each, beside a loop of `assign` over them, and on two threads.
#include "instances.hpp"

namespace {

using benchmarks::instance;

constexpr std::size_t problems = 32;

/// The first rows of one batch, cut into problems of n images each.
struct groups {
  std::vector<immiscible::batch<float>> images, noise;

  groups(const instance& whole, std::size_t n) {
    for (std::size_t p = 0; p < problems; ++p) {
      images.emplace_back(whole.images.data() + p * n * whole.d, n, whole.d);
      noise.emplace_back(whole.noise.data() + p * n * whole.d, n, whole.d);
    }
  }
};

const instance& whole_batch() {
  static const instance whole = benchmarks::make_instance(benchmarks::fashion_mnist, problems * 128);
  return whole;
}

void assign_batched(benchmark::State& state) {
  const groups all(whole_batch(), static_cast<std::size_t>(state.range(0)));
  immiscible::assign_options options;
  options.threads = static_cast<std::size_t>(state.range(1));
  std::vector<immiscible::assignment> answers;
  immiscible::assign_batched_workspace<float> workspace;
  for (auto _ : state) {
    immiscible::assign_batched(all.images, all.noise, options, answers, workspace);
    benchmark::DoNotOptimize(answers.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(problems));
}
BENCHMARK(assign_batched)->ArgNames({"n", "threads"})->ArgsProduct({{16, 64, 128}, {1, 2}})->UseRealTime();

void loop_of_assign(benchmark::State& state) {
  const groups all(whole_batch(), static_cast<std::size_t>(state.range(0)));
  std::vector<immiscible::assignment> answers(problems);
  immiscible::assign_workspace<float> workspace;
  for (auto _ : state) {
    for (std::size_t p = 0; p < problems; ++p) {
      immiscible::assign(all.images[p], all.noise[p], {}, answers[p], workspace);
    }
    benchmark::DoNotOptimize(answers.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(problems));
}
BENCHMARK(loop_of_assign)->ArgName("n")->Arg(16)->Arg(64)->Arg(128)->UseRealTime();

}  // namespace

int main(int argc, char** argv) { return benchmarks::run(argc, argv); }

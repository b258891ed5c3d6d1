// The problems that the benchmarks solve: batches of real images with Gaussian noise, and uniform costs for reference.
//
// Image-noise costs are what users have, and hard: images resemble each other, so rows are alike and want the same columns.
// Uniform costs are several times easier; never judge a solver on them alone.
#pragma once

#include <immiscible/immiscible.hpp>

#include <benchmark/benchmark.h>
#include <zlib.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace benchmarks {

using immiscible::batch;
using immiscible::matrix_view;

enum family : std::int64_t { fashion_mnist, uniform };

inline std::string name_of(family which) { return which == fashion_mnist ? "fashion_mnist" : "uniform"; }

/// Pixels of the training images of Fashion-MNIST, [60000, 784], 0 ... 255.
///
/// IMMISCIBLE_FASHION_MNIST names another folder than the one of Debian's package dataset-fashion-mnist.
inline std::vector<std::uint8_t> read_fashion_mnist() {
  constexpr std::size_t images = 60000, d = 784, header = 16;
  const char* named = std::getenv("IMMISCIBLE_FASHION_MNIST");
  const std::string folder = named ? named : "/usr/share/datasets/fashion-mnist";
  const std::string path = folder + "/train-images-idx3-ubyte.gz";
  std::vector<std::uint8_t> bytes(header + images * d);
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file ||
      gzread(file.get(), bytes.data(), static_cast<unsigned>(bytes.size())) != static_cast<int>(bytes.size())) {
    throw std::runtime_error("needs " + path + " (Debian package dataset-fashion-mnist)");
  }
  bytes.erase(bytes.begin(), bytes.begin() + header);
  return bytes;
}

/// One batch and its squared distances. Uniform problems have no images; their costs are uniform in [0, 1).
struct instance {
  std::size_t n = 0, d = 0;
  std::vector<float> images, noise;  // [n, d]
  std::vector<float> cost;           // [n, n]
  double best_total = 0;             // of the exact solver, proved

  batch<float> image_view() const { return {images.data(), n, d}; }
  batch<float> noise_view() const { return {noise.data(), n, d}; }
  batch<float> cost_view() const { return {cost.data(), n, n}; }
};

inline instance make_instance(family which, std::size_t n) {
  instance made;
  made.n = n;
  made.cost.resize(n * n);
  std::mt19937_64 engine(n);
  if (which == uniform) {
    for (float& c : made.cost) c = static_cast<float>(engine() >> 40) * 0x1p-24f;
  } else {
    static const std::vector<std::uint8_t> pixels = read_fashion_mnist();
    made.d = 784;
    made.images.resize(n * made.d);
    made.noise.resize(n * made.d);
    std::vector<std::size_t> order(pixels.size() / made.d);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = 0; i < n; ++i) {  // n different images
      std::swap(order[i], order[i + engine() % (order.size() - i)]);
      const std::size_t drawn = order[i];
      for (std::size_t k = 0; k < made.d; ++k) {
        made.images[i * made.d + k] = static_cast<float>(pixels[drawn * made.d + k]) / 127.5f - 1;
      }
    }
    immiscible::normal_rows(n, 0, 0, matrix_view<float>(made.noise.data(), n, made.d));
    immiscible::pairwise_cost(made.image_view(), made.noise_view(), immiscible::cost_function::squared_l2,
                              matrix_view<float>(made.cost.data(), n, n));
  }
  const auto best = immiscible::jonker_volgenant(made.cost_view());
  if (!immiscible::is_optimal(made.cost_view(), best)) throw std::runtime_error("the exact solver's proof fails");
  made.best_total = best.total_cost;
  return made;
}

/// The problem of a benchmark's arguments {family, n}; made once.
inline const instance& instance_of(const benchmark::State& state) {
  static std::map<std::pair<std::int64_t, std::int64_t>, instance> made;
  const std::pair<std::int64_t, std::int64_t> key(state.range(0), state.range(1));
  const auto known = made.find(key);
  if (known != made.end()) return known->second;
  const auto which = static_cast<family>(key.first);
  return made.emplace(key, make_instance(which, static_cast<std::size_t>(key.second))).first->second;
}

/// Both families, n = 64 ... 2048.
inline void both_families(benchmark::internal::Benchmark* program) {
  program->ArgNames({"family", "n"})->Unit(benchmark::kMicrosecond);
  for (const family which : {fashion_mnist, uniform}) {
    for (std::int64_t n = 64; n <= 2048; n *= 2) program->Args({which, n});
  }
}

/// Real images only, n = 64 ... 2048.
inline void images_only(benchmark::internal::Benchmark* program) {
  program->ArgNames({"family", "n"})->Unit(benchmark::kMicrosecond);
  for (std::int64_t n = 64; n <= 2048; n *= 2) program->Args({fashion_mnist, n});
}

/// Google Benchmark says of a benchmark that skips itself only that it did: run() ends with 1 then.
inline bool& an_answer_was_wrong() {
  static bool was_wrong = false;
  return was_wrong;
}

inline void refuse(benchmark::State& state, const char* why) {
  an_answer_was_wrong() = true;
  state.SkipWithError(why);
}

/// Labels the benchmark and puts the quality of a pairing beside its time; fails it if the pairing is none.
///
///   excess  how much more the pairing costs than the best one, relative to what random pairing costs more
///   change  relative change of the mean distance of image and noise (real images)
inline void report_quality(benchmark::State& state, const instance& problem,
                           const std::vector<std::int32_t>& noise_of_image) {
  state.SetLabel(name_of(static_cast<family>(state.range(0))));
  if (!immiscible::detail::is_matching(noise_of_image, problem.n, problem.n)) {
    refuse(state, "the answer is no matching");
    return;
  }
  double total = 0, random_total = 0;
  for (std::size_t i = 0; i < problem.n; ++i) {
    total += static_cast<double>(problem.cost_view()(i, static_cast<std::size_t>(noise_of_image[i])));
    random_total += static_cast<double>(problem.cost_view()(i, i));
  }
  state.counters["excess"] = (total - problem.best_total) / (random_total - problem.best_total);
  if (problem.d == 0) return;
  const double before = immiscible::mean_distance(problem.image_view(), problem.noise_view());
  state.counters["change"] =
      immiscible::mean_distance(problem.image_view(), problem.noise_view(), noise_of_image) / before - 1;
}

/// Runs the benchmarks; exit code 1 after a wrong answer, 2 and one line on standard error where a data set is missing.
inline int run(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return an_answer_was_wrong() ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "benchmark: %s\n", error.what());
    return 2;
  }
}

}  // namespace benchmarks

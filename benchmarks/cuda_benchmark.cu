// The paper's table on a GPU: exact pairing of a batch in device memory, by batch size; then its parts, each alone.
//
//   bench_cuda_benchmark --json results.json        (./run bench cuda_benchmark, where there is nvcc)
//
// Every figure is the time between two events around the replay of a captured graph, after warm-up, with the L2 cache emptied
// before each repetition. Answers are checked outside the timed region: a proof of optimality where the method gives one, and
// a matching always; one that is wrong ends the program with 1. The data are the same on every machine and need no download.
#include <immiscible/assign.cuh>
#include <immiscible/assignment.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/permute_rows.cuh>
#include <immiscible/philox.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using immiscible::batch;
using immiscible::device_assignment;
using immiscible::device_batch;
using immiscible::device_matrix;
using immiscible::device_status;
using immiscible::device_summary;
using immiscible::matrix_view;
using immiscible::detail::check_cuda;

/// Li et al., Immiscible Diffusion, NeurIPS 2024: milliseconds of the linear assignment, on an A6000.
const std::map<std::size_t, double> published_ms = {{128, 5.4}, {256, 6.7}, {512, 8.8}, {1024, 22.8}};

const char* const images_text =
    "smooth random fields: independent octaves of equal variance (a spectrum as that of natural images), 3 channels "
    "that "
    "share most of it where d is 3 times a square; no photographs";

// ------------------------------------------------------------------------------------------------- The command line

struct settings {
  bool smoke = false;
  std::vector<std::size_t> sizes = {128, 256, 512, 1024, 2048, 4096};
  std::size_t d = 3072;
  int repetitions = 50;
  std::string json;
  std::size_t problems = 64, rows_of_problem = 128;
};

// -------------------------------------------------------------------------------------------------- CUDA, with owners

template <class T>
class device_memory {
 public:
  explicit device_memory(std::size_t count) : count_(count) {
    if (count > 0) check_cuda(cudaMalloc(&data_, count * sizeof(T)), "cudaMalloc");
  }
  explicit device_memory(const std::vector<T>& values) : device_memory(values.size()) {
    check_cuda(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
    check_cuda(cudaStreamSynchronize(nullptr),
               "cudaStreamSynchronize");  // the copy may outlast the call, and streams do not wait
  }
  ~device_memory() { cudaFree(data_); }
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;
  T* data() const { return static_cast<T*>(data_); }
  std::vector<T> host() const {
    std::vector<T> values(count_);
    check_cuda(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
  }

 private:
  void* data_ = nullptr;
  std::size_t count_;
};

/// What the emulation of tests/cuda_on_cpu lacks or does otherwise.
#if defined(__CUDACC__)
std::size_t l2_bytes() {
  int bytes = 0;
  check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, 0), "cudaDeviceGetAttribute");
  return static_cast<std::size_t>(bytes);
}

std::size_t kernels_of(cudaGraph_t graph) {
  std::size_t count = 0;
  check_cuda(cudaGraphGetNodes(graph, nullptr, &count), "cudaGraphGetNodes");
  std::vector<cudaGraphNode_t> nodes(count);
  check_cuda(cudaGraphGetNodes(graph, nodes.data(), &count), "cudaGraphGetNodes");
  return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [](cudaGraphNode_t node) {
    cudaGraphNodeType type{};
    check_cuda(cudaGraphNodeGetType(node, &type), "cudaGraphNodeGetType");
    return type == cudaGraphNodeTypeKernel;
  }));
}
constexpr bool is_emulation = false;
constexpr int cuda_version = CUDART_VERSION;
#else
std::size_t l2_bytes() { return 1 << 16; }
std::size_t kernels_of(cudaGraph_t) { return 0; }  // counted when they run
constexpr bool is_emulation = true;
constexpr int cuda_version = 0;
#endif

std::size_t kernels_started() {
#if defined(__CUDACC__)
  return 0;
#else
  return static_cast<std::size_t>(cuda_on_cpu::counters().launches);
#endif
}

struct timing {
  std::vector<double> ms;  // sorted
  std::size_t launches = 0;

  double least() const { return ms.front(); }
  double most() const { return ms.back(); }
  double median() const { return 0.5 * (ms[ms.size() / 2] + ms[(ms.size() - 1) / 2]); }
};

/// Times what is enqueued on its stream.
class stopwatch {
 public:
  explicit stopwatch(int repetitions)
      : repetitions_(repetitions), flushed_(3 * l2_bytes()), flush_bytes_(3 * l2_bytes()) {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    check_cuda(cudaEventCreate(&start_), "cudaEventCreate");
    check_cuda(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~stopwatch() {
    cudaEventDestroy(start_);
    cudaEventDestroy(end_);
    cudaStreamDestroy(stream_);
  }
  stopwatch(const stopwatch&) = delete;
  stopwatch& operator=(const stopwatch&) = delete;

  cudaStream_t stream() const { return stream_; }
  void wait() const { check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

  /// The replay of `enqueue()` as a graph.
  template <class Enqueue>
  timing replayed(Enqueue enqueue) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t program = nullptr;
    check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    enqueue();
    check_cuda(cudaStreamEndCapture(stream_, &graph), "cudaStreamEndCapture");
    check_cuda(cudaGraphInstantiate(&program, graph, 0), "cudaGraphInstantiate");
    timing result = enqueued([&] { check_cuda(cudaGraphLaunch(program, stream_), "cudaGraphLaunch"); });
    if (!is_emulation) result.launches = kernels_of(graph);
    check_cuda(cudaGraphExecDestroy(program), "cudaGraphExecDestroy");
    check_cuda(cudaGraphDestroy(graph), "cudaGraphDestroy");
    return result;
  }

  /// The work of `enqueue()`, launch by launch: the host's part counts as far as the device waits for it.
  template <class Enqueue>
  timing enqueued(Enqueue enqueue) {
    timing result;
    const int warm_up = repetitions_ > 1 ? 3 : 0;
    for (int r = -warm_up; r < repetitions_; ++r) {
      check_cuda(cudaMemsetAsync(flushed_.data(), r, flush_bytes_, stream_), "cudaMemsetAsync");
      wait();
      const std::size_t before = kernels_started();
      check_cuda(cudaEventRecord(start_, stream_), "cudaEventRecord");
      enqueue();
      check_cuda(cudaEventRecord(end_, stream_), "cudaEventRecord");
      wait();
      result.launches = kernels_started() - before;
      float ms = 0;
      check_cuda(cudaEventElapsedTime(&ms, start_, end_), "cudaEventElapsedTime");
      if (r >= 0) result.ms.push_back(static_cast<double>(ms));
    }
    std::sort(result.ms.begin(), result.ms.end());
    return result;
  }

 private:
  int repetitions_;
  device_memory<unsigned char> flushed_;
  std::size_t flush_bytes_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr, end_ = nullptr;
};

// ---------------------------------------------------------------------------------------------------------- Problems

/// Image `index` of d values in (-1, 1).
void draw_image(std::uint64_t seed, std::size_t index, std::size_t d, float* out) {
  auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(d) / 3)));
  const std::size_t channels = 3 * side * side == d ? 3 : 1;
  if (channels == 1) side = static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(d))));
  std::vector<double> sum(d, 0.0);
  std::vector<float> grid;
  std::uint64_t step = 0;
  for (std::size_t cells = 1; cells <= std::max<std::size_t>(side / 2, 1); cells *= 2) {
    for (std::size_t channel = 0; channel <= channels; ++channel, ++step) {  // the last one is what all of them share
      const std::size_t across = cells + 2;
      grid.resize(across * across);
      immiscible::normal_rows(seed, step, index, matrix_view<float>(grid.data(), 1, grid.size()));
      const bool is_shared = channel == channels;
      for (std::size_t k = 0; k < d; ++k) {
        if (!is_shared && k / (side * side) != channel) continue;
        const std::size_t pixel = k % (side * side);
        const double x =
            (static_cast<double>(pixel % side) + 0.5) * static_cast<double>(cells) / static_cast<double>(side);
        const double y =
            (static_cast<double>(pixel / side) + 0.5) * static_cast<double>(cells) / static_cast<double>(side);
        const auto left = static_cast<std::size_t>(x), top = static_cast<std::size_t>(y);
        const double right_part = x - static_cast<double>(left), low_part = y - static_cast<double>(top);
        const float* const corner = grid.data() + top * across + left;
        const double upper = corner[0] + right_part * (static_cast<double>(corner[1]) - corner[0]);
        const double lower = corner[across] + right_part * (static_cast<double>(corner[across + 1]) - corner[across]);
        sum[k] += (is_shared ? 0.4 : 0.15) * (upper + low_part * (lower - upper));
      }
    }
  }
  for (std::size_t k = 0; k < d; ++k) out[k] = static_cast<float>(std::tanh(sum[k]));
}

/// Images and noise [n, d], here and on the device.
struct problem {
  std::size_t n, d;
  std::vector<float> images, noise;

  problem(std::uint64_t seed, std::size_t n_, std::size_t d_) : n(n_), d(d_), images(n * d), noise(n * d) {
    for (std::size_t i = 0; i < n; ++i) draw_image(seed, i, d, images.data() + i * d);
    immiscible::normal_rows(seed + 1'000'000, 0, 0, matrix_view<float>(noise.data(), n, d));
  }
  batch<float> image_view() const { return {images.data(), n, d}; }
  batch<float> noise_view() const { return {noise.data(), n, d}; }
  double change_percent(const std::vector<std::int32_t>& noise_of_image) const {
    return 100 * (immiscible::mean_distance(image_view(), noise_view(), noise_of_image) /
                      immiscible::mean_distance(image_view(), noise_view()) -
                  1);
  }
};

/// Enqueues the rounded costs that exact pairing works on.
void enqueue_rounded_costs(const device_batch<float>& images, const device_batch<float>& noise, float* cost,
                           std::int16_t* rounded, void* workspace, cudaStream_t stream) {
  namespace detail = immiscible::detail;
  const std::size_t n = images.rows();
  const detail::cost_workspace work = detail::cost_workspace_at(workspace, n, images.columns());
  const detail::cost_form form = detail::reduced_form_of(immiscible::cost_function::squared_l2, true);
  const device_matrix<float> costs(cost, n, n);
  detail::enqueue_costs(images, noise, form, costs, work, stream);
  detail::enqueue_rounding(costs, work.range, rounded, stream);
}

// ----------------------------------------------------------------------------------------------------------- Results

struct result {
  std::string program;
  std::size_t n;
  timing time;
  device_summary summary;
  double change_percent;  // NaN: does not apply
};

/// Memory of an answer.
struct answer_memory {
  device_memory<std::int32_t> noise_of_image, image_price, noise_price;
  device_memory<device_summary> summary;

  answer_memory(std::size_t problems, std::size_t n)
      : noise_of_image(problems * n), image_price(problems * n), noise_price(problems * n), summary(problems) {}
  device_assignment view() const {
    return {noise_of_image.data(), image_price.data(), noise_price.data(), summary.data()};
  }
};

struct wrong_answer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool is_right, const std::string& program, std::size_t n, const char* what) {
  if (!is_right) throw wrong_answer(program + ", n = " + std::to_string(n) + ": " + what);
}

/// The result of a method, its answer checked.
result checked(const std::string& program, const problem& given, const timing& time, const answer_memory& answer,
               bool must_be_optimal) {
  const device_summary summary = answer.summary.host().front();
  const std::vector<std::int32_t> noise_of_image = answer.noise_of_image.host();
  require(immiscible::detail::is_matching(noise_of_image, given.n, given.n), program, given.n, "not a matching");
  require(summary.status == device_status::optimal || (!must_be_optimal && summary.status == device_status::feasible),
          program, given.n, "not the status that the method promises");
  return {program, given.n, time, summary, given.change_percent(noise_of_image)};
}

/// All programs on one batch of n images; the first result is that of `assign`.
std::vector<result> run_size(std::size_t n, std::size_t d, stopwatch& watch) {
  const problem given(n, n, d);
  const device_memory<float> images(given.images), noise(given.noise), cost(n * n);
  const device_memory<std::int16_t> rounded(n * n);
  const device_batch<float> image_rows(images.data(), n, d), noise_rows(noise.data(), n, d);
  const device_batch<std::int16_t> costs(rounded.data(), n, n);
  const std::size_t bytes =
      std::max({immiscible::assign_workspace_bytes(n, n, d), immiscible::jonker_volgenant_workspace_bytes(n, n),
                immiscible::auction_workspace_bytes(n, n), immiscible::greedy_workspace_bytes(n, n),
                immiscible::permute_rows_workspace_bytes(n)});
  const device_memory<unsigned char> memory(bytes);
  void* const workspace = memory.data();
  const cudaStream_t stream = watch.stream();
  std::vector<result> results;
  const auto run = [&](const char* program, bool must_be_optimal, auto enqueue) {
    const answer_memory answer(1, n);
    const timing time = watch.replayed([&] { enqueue(answer.view()); });
    results.push_back(checked(program, given, time, answer, must_be_optimal));
  };
  const auto assign = [&](const device_assignment& out) {
    immiscible::assign(image_rows, noise_rows, out, workspace, stream);
  };
  run("assign", true, assign);
  {
    const answer_memory answer(1, n);
    const timing time = watch.enqueued([&] { assign(answer.view()); });
    results.push_back(checked("assign without a graph", given, time, answer, true));
    results.back().time.launches = results.front().time.launches;
  }
  const timing rounding = watch.replayed(
      [&] { enqueue_rounded_costs(image_rows, noise_rows, cost.data(), rounded.data(), workspace, stream); });
  results.push_back({"rounded costs", n, rounding, {}, NAN});
  run("jonker_volgenant", true,
      [&](const device_assignment& out) { immiscible::jonker_volgenant(costs, out, workspace, stream); });
  run("auction", false, [&](const device_assignment& out) { immiscible::auction(costs, 0.1, out, workspace, stream); });
  run("greedy", false, [&](const device_assignment& out) { immiscible::greedy(costs, out, workspace, stream); });

  // Rows move in place, so the first time is checked, and the others move what that left.
  const answer_memory pairing(1, n);
  const device_memory<device_status> moved(1);
  const auto permute = [&] {
    immiscible::permute_rows(device_matrix<float>(noise.data(), n, d), pairing.noise_of_image.data(), moved.data(),
                             workspace, stream);
  };
  assign(pairing.view());
  permute();
  watch.wait();
  std::vector<float> wanted = given.noise;
  immiscible::permute_rows(matrix_view<float>(wanted.data(), n, d), pairing.noise_of_image.host());
  require(noise.host() == wanted && moved.host().front() == device_status::optimal, "permute_rows", n, "wrong rows");
  const timing moving = watch.replayed(permute);
  results.push_back({"permute_rows", n, moving, {}, NAN});
  return results;
}

/// Many problems at once, each of n images.
result run_batched(std::size_t problems, std::size_t n, std::size_t d, stopwatch& watch) {
  const std::string program = "batched, " + std::to_string(problems) + " problems";
  const device_memory<float> cost(n * n);
  const device_memory<std::int16_t> rounded(problems * n * n);
  const device_memory<unsigned char> cost_workspace(immiscible::pairwise_cost_workspace_bytes(n, n, d));
  for (std::size_t p = 0; p < problems; ++p) {
    const problem given(p, n, d);
    const device_memory<float> images(given.images), noise(given.noise);
    enqueue_rounded_costs(device_batch<float>(images.data(), n, d), device_batch<float>(noise.data(), n, d),
                          cost.data(), rounded.data() + p * n * n, cost_workspace.data(), watch.stream());
    watch.wait();
  }
  const answer_memory answer(problems, n);
  const device_memory<unsigned char> workspace(immiscible::jonker_volgenant_batched_workspace_bytes(problems, n, n));
  const timing time = watch.replayed([&] {
    immiscible::jonker_volgenant_batched(rounded.data(), problems, n, n, answer.view(), workspace.data(),
                                         watch.stream());
  });
  const std::vector<std::int32_t> indices = answer.noise_of_image.host();
  device_summary all = {};
  std::size_t p = 0;
  for (const device_summary& summary : answer.summary.host()) {
    const auto first = indices.begin() + static_cast<std::ptrdiff_t>(p++ * n);
    const std::vector<std::int32_t> own(first, first + static_cast<std::ptrdiff_t>(n));
    require(immiscible::detail::is_matching(own, n, n), program, n, "not a matching");
    require(summary.status == device_status::optimal, program, n, "not optimal");
    all.free_rows += summary.free_rows;
    all.row_scans += summary.row_scans;
  }
  return {program, n, time, all, NAN};
}

// ------------------------------------------------------------------------------------------------------------ Report

std::string text_of(double value, const char* format) {
  char text[40] = "-";
  if (!std::isnan(value)) std::snprintf(text, sizeof text, format, value);
  return text;
}

void print_table(const std::vector<result>& results) {
  std::printf("\nassign, exact: costs, rounding, solver and summary\n");
  std::printf("%6s %10s %23s %10s %9s %11s %10s  %s\n", "n", "median ms", "[least, most]", "change %", "launches",
              "row scans", "free rows", "published (A6000)");
  for (const result& r : results) {
    if (r.program != "assign") continue;
    const auto published = published_ms.find(r.n);
    const std::string range = "[" + text_of(r.time.least(), "%.3f") + ", " + text_of(r.time.most(), "%.3f") + "]";
    std::printf("%6zu %10.3f %23s %+10.2f %9zu %11d %10d  %s\n", r.n, r.time.median(), range.c_str(), r.change_percent,
                r.time.launches, r.summary.row_scans, r.summary.free_rows,
                published == published_ms.end() ? "-" : text_of(published->second, "%.1f ms").c_str());
  }
  std::printf("\nits parts and the other methods, each alone\n");
  std::printf("%6s %-26s %10s %23s %10s %9s %7s\n", "n", "program", "median ms", "[least, most]", "change %",
              "launches", "rounds");
  for (const result& r : results) {
    if (r.program == "assign") continue;
    const std::string range = "[" + text_of(r.time.least(), "%.3f") + ", " + text_of(r.time.most(), "%.3f") + "]";
    std::printf("%6zu %-26s %10.3f %23s %10s %9zu %7d\n", r.n, r.program.c_str(), r.time.median(), range.c_str(),
                text_of(r.change_percent, "%+.2f").c_str(), r.time.launches, r.summary.rounds);
  }
}

void write_json(const settings& chosen, const cudaDeviceProp& device, const std::vector<result>& results,
                std::ofstream& file) {
  nlohmann::json all = {{"device", device.name},
                        {"processors", device.multiProcessorCount},
                        {"cuda", cuda_version},
                        {"is_emulation", is_emulation},
                        {"images", images_text},
                        {"d", chosen.d},
                        {"l2_bytes", l2_bytes()},
                        {"repetitions", chosen.repetitions},
                        {"results", nlohmann::json::array()}};
  for (const result& r : results) {
    nlohmann::json one = {{"program", r.program},
                          {"n", r.n},
                          {"median_ms", r.time.median()},
                          {"least_ms", r.time.least()},
                          {"most_ms", r.time.most()},
                          {"ms_sorted", r.time.ms},
                          {"launches", r.time.launches},
                          {"row_scans", r.summary.row_scans},
                          {"free_rows", r.summary.free_rows},
                          {"rounds", r.summary.rounds}};
    if (!std::isnan(r.change_percent)) one["change_percent"] = r.change_percent;
    if (r.program == "assign" && published_ms.count(r.n) > 0) one["published_a6000_ms"] = published_ms.at(r.n);
    all["results"].push_back(one);
  }
  file << all.dump(2) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + chosen.json);
}

void run_all(const settings& chosen) {
  std::ofstream file;
  if (!chosen.json.empty()) file.open(chosen.json);  // now, rather than after the work
  if (!file) throw std::runtime_error("cannot write " + chosen.json);
  cudaDeviceProp device = {};
  check_cuda(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
  std::printf("%s, %d processors, compute capability %d.%d, CUDA %d\n", device.name, device.multiProcessorCount,
              device.major, device.minor, cuda_version);
  if (is_emulation) std::printf("THE TIMES ARE THOSE OF AN EMULATION ON THE HOST AND MEAN NOTHING.\n");
  std::printf("d = %zu; %d repetitions; images: %s\n", chosen.d, chosen.repetitions, images_text);
  stopwatch watch(chosen.repetitions);
  std::vector<result> results;
  for (const std::size_t n : chosen.sizes) {
    const std::vector<result> some = run_size(n, chosen.d, watch);
    results.insert(results.end(), some.begin(), some.end());
  }
  results.push_back(run_batched(chosen.problems, chosen.rows_of_problem, chosen.d, watch));
  print_table(results);
  if (!chosen.json.empty()) write_json(chosen, device, results, file);
}

}  // namespace

int main(int argc, char** argv) {
  settings chosen;
  CLI::App app("The paper's table on a GPU: exact pairing in device memory, its parts and the other methods.");
  app.add_flag("--smoke", chosen.smoke, "tiny sizes, one repetition: does it run at all?");
  app.add_option("--sizes", chosen.sizes, "batch sizes n")->check(CLI::Range(1, 4096));
  app.add_option("--d", chosen.d, "values per sample")->check(CLI::Range(1, 1 << 20));
  app.add_option("--repetitions", chosen.repetitions, "timed repetitions")->check(CLI::Range(1, 100000));
  app.add_option("--json", chosen.json, "also write all times to this file");
  CLI11_PARSE(app, argc, argv);
  if (chosen.smoke) {
    if (app.count("--sizes") == 0) chosen.sizes = {16, 260};  // by one block, and by a cooperative grid
    if (app.count("--d") == 0) chosen.d = 48;
    if (app.count("--repetitions") == 0) chosen.repetitions = 1;
    chosen.problems = 4;
    chosen.rows_of_problem = 16;
  }
  try {
    run_all(chosen);
    return 0;
  } catch (const wrong_answer& error) {
    std::fprintf(stderr, "cuda_benchmark: wrong answer: %s\n", error.what());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_benchmark: %s\n", error.what());
    return 2;
  }
}

// The verb on device memory: the CPU's answers, nothing hidden, and a status for what a stream cannot throw.
#include "cuda/device_solver.hpp"
#include "support/laws.hpp"

#include <immiscible/assign.cuh>
#include <immiscible/assign.hpp>
#include <immiscible/groups.hpp>
#include <immiscible/permute_rows.cuh>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace assign_tests {

using immiscible::cost_function;
using immiscible::device_assign_options;
using immiscible::device_batch;
using immiscible::device_status;
using immiscible::method;
using tests::device_array;
using tests::matrix;

namespace {

constexpr cost_function costs[] = {cost_function::squared_l2, cost_function::l2, cost_function::inner_product,
                                   cost_function::cosine};

/// Images and noise in device memory, rows `between` values apart with NaN in between, and everything `assign` needs.
struct device_problem {
  device_problem(const matrix<float>& images_, const matrix<float>& noise_, std::size_t groups = 0,
                 std::size_t between = 0)
      : n(images_.rows),
        m(noise_.rows),
        d(images_.columns),
        stride(d + between),
        x(tests::padded<float>(images_, 0, between, tests::not_a_number<float>).memory),
        e(tests::padded<float>(noise_, 0, between, tests::not_a_number<float>).memory),
        out(n, m),
        workspace(immiscible::assign_workspace_bytes(n, m, d, groups)) {}

  device_batch<float> images() const { return {x.data(), n, d, stride}; }
  device_batch<float> noise() const { return {e.data(), m, d, stride}; }
  tests::device_answer solve(const device_assign_options& options = {}) const {
    const tests::stream stream;
    immiscible::assign(images(), noise(), out.view(), workspace.data(), stream, options);
    stream.wait();
    return out.host();
  }

  std::size_t n, m, d, stride;
  device_array<float> x, e;
  tests::answer_memory out;
  device_array<unsigned char> workspace;
};

std::vector<std::int32_t> identity(std::size_t n) {
  std::vector<std::int32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

double size_of(double total) { return std::abs(total) + 1; }

}  // namespace

TEST_CASE("exact pairing costs what the CPU's costs, to the rounding that the bound allows for") {
  for (const std::size_t n : {1u, 2u, 31u, 33u, 65u}) {
    for (const std::size_t more : {0u, 6u}) {
      for (const std::size_t d : {1u, 3u, 64u}) {
        const auto images = tests::bell_samples<float>(n, d, n + d, 0.5),
                   noise = tests::bell_samples<float>(n + more, d, d);
        const device_problem problem(images, noise, 0, d % 2 * 3);
        for (const cost_function cost : costs) {
          CAPTURE(n, more, d, static_cast<int>(cost));
          device_assign_options options;
          options.cost = cost;
          const auto answer = problem.solve(options);
          immiscible::assign_options on_cpu;
          on_cpu.cost = cost;
          const auto expected = immiscible::assign(images, noise, on_cpu);
          REQUIRE(tests::is_matching(answer.assignment.noise_of_image, n, n + more));
          CHECK(answer.summary.status == device_status::optimal);
          // The CPU's distances come from float products: where they are short, that costs digits.
          const double slack = (cost == cost_function::l2 ? 2e-5 : 2e-6) * size_of(expected.total_cost);
          CHECK(answer.summary.total_cost >= expected.total_cost - slack);
          CHECK(answer.summary.total_cost <=
                expected.total_cost + static_cast<double>(n) * double{answer.summary.unit} + slack);
          CHECK(answer.summary.lower_bound <= expected.total_cost + slack);
        }
      }
    }
  }
}

TEST_CASE("the whole device on one problem gives the CPU's total, too") {
  const auto images = tests::bell_samples<float>(258, 20, 1, 0.5), noise = tests::bell_samples<float>(258, 20, 2);
  const auto answer = device_problem(images, noise).solve();
  const double expected = immiscible::assign(images, noise).total_cost;
  CHECK(answer.summary.status == device_status::optimal);
  CHECK(std::abs(answer.summary.total_cost - expected) <= 258 * double{answer.summary.unit});
}

TEST_CASE("greedy methods and none pair as the CPU does where costs are far enough apart") {
  const auto images = tests::bell_samples<float>(40, 3, 1), noise = tests::bell_samples<float>(45, 3, 2);
  const device_problem problem(images, noise);
  for (const method way : {method::greedy, method::greedy_by_row, method::none}) {
    CAPTURE(static_cast<int>(way));
    device_assign_options options;
    options.method = way;
    immiscible::assign_options on_cpu;
    on_cpu.method = way;
    const auto answer = problem.solve(options);
    const auto expected = immiscible::assign(images, noise, on_cpu);
    CHECK(answer.assignment.noise_of_image == expected.noise_of_image);
    CHECK(answer.summary.total_cost == Approx(expected.total_cost).epsilon(1e-6));
    CHECK(answer.summary.status == device_status::feasible);
    if (way == method::none) {
      CHECK(std::isinf(answer.summary.lower_bound));
    } else {
      CHECK(answer.summary.lower_bound <= expected.lower_bound + 1e-5 * size_of(expected.lower_bound));
      CHECK(answer.summary.lower_bound >= expected.lower_bound - 81 * double{answer.summary.unit});
    }
  }
}

TEST_CASE("the auction's total lies between the optimum and its own gap") {
  const auto images = tests::bell_samples<float>(60, 30, 1, 0.5), noise = tests::bell_samples<float>(60, 30, 2);
  device_assign_options options;
  options.method = method::auction;
  const auto answer = device_problem(images, noise).solve(options);
  const double least = immiscible::assign(images, noise).total_cost;
  CHECK(answer.summary.total_cost >= least * (1 - 1e-6));
  CHECK(answer.summary.lower_bound <= least * (1 + 1e-6));
  CHECK(answer.summary.total_cost <= 1.03 * least);
}

TEST_CASE("after assign and permute_rows, noise row i belongs to image i") {
  const auto images = tests::bell_samples<float>(50, 7, 1), noise = tests::bell_samples<float>(50, 7, 2);
  const device_problem problem(images, noise);
  const device_array<unsigned char> memory(immiscible::permute_rows_workspace_bytes(50));
  const device_array<device_status> moved(1);
  const tests::stream stream;
  immiscible::assign(problem.images(), problem.noise(), problem.out.view(), problem.workspace.data(), stream);
  immiscible::permute_rows({problem.e.data(), 50, 7}, problem.out.noise_of_image.data(), moved.data(), memory.data(),
                           stream);
  stream.wait();
  const auto source = problem.out.host().assignment.noise_of_image;
  const auto rows = problem.e.host();
  CHECK(moved.host()[0] == device_status::optimal);
  for (std::size_t i = 0; i < 50; ++i) {
    for (std::size_t k = 0; k < 7; ++k) CHECK(rows[i * 7 + k] == noise(static_cast<std::size_t>(source[i]), k));
  }
}

TEST_CASE("noise is exchanged only within a group, and each group is paired at the least cost") {
  const std::size_t n = 60, groups = 5;
  const auto images = tests::bell_samples<float>(n, 12, 1, 0.5), noise = tests::bell_samples<float>(n, 12, 2);
  std::vector<std::int32_t> labels(n);
  for (std::size_t i = 0; i < n; ++i) labels[i] = static_cast<std::int32_t>(i * i % 7 % 4);  // group 4 stays empty
  const device_problem problem(images, noise, groups);
  const device_array<std::int32_t> on_device(labels);
  const tests::stream stream;
  immiscible::assign_in_groups(problem.images(), problem.noise(), on_device.data(), groups, problem.out.view(),
                               problem.workspace.data(), stream);
  stream.wait();
  const auto answer = problem.out.host();
  const auto expected =
      immiscible::assign_in_groups(images, noise, std::vector<std::int64_t>(labels.begin(), labels.end()));
  REQUIRE(tests::is_matching(answer.assignment.noise_of_image, n, n));
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(labels[static_cast<std::size_t>(answer.assignment.noise_of_image[i])] == labels[i]);
  }
  CHECK(answer.summary.status == device_status::optimal);
  CHECK(answer.summary.total_cost == Approx(expected.total_cost).epsilon(1e-5));
}

TEST_CASE("a label out of range ends in a status, and nobody's noise moves") {
  const auto images = tests::bell_samples<float>(9, 4, 1), noise = tests::bell_samples<float>(9, 4, 2);
  for (const std::int32_t bad : {-1, 2, 1000}) {
    std::vector<std::int32_t> labels(9, 1);
    labels[5] = bad;
    const device_problem problem(images, noise, 2);
    const device_array<std::int32_t> on_device(labels);
    immiscible::assign_in_groups(problem.images(), problem.noise(), on_device.data(), 2, problem.out.view(),
                                 problem.workspace.data(), nullptr);
    const auto answer = problem.out.host();
    CHECK(answer.summary.status == device_status::bad_label);
    CHECK(answer.assignment.noise_of_image == identity(9));
  }
}

TEST_CASE("a sample that is not finite ends in a status, never in a hang, and nobody's noise moves") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38f}) {
    for (const bool in_noise : {false, true}) {
      for (const method way : {method::exact, method::auction, method::greedy, method::greedy_by_row}) {
        auto images = tests::bell_samples<float>(20, 5, 1), noise = tests::bell_samples<float>(23, 5, 2);
        (in_noise ? noise : images)(4, 3) = bad;
        (in_noise ? noise : images)(5, 3) = -bad;
        CAPTURE(bad, in_noise, static_cast<int>(way));
        device_assign_options options;
        options.method = way;
        const auto answer = device_problem(images, noise).solve(options);
        CHECK(answer.summary.status == device_status::not_finite);
        REQUIRE(tests::is_matching(answer.assignment.noise_of_image, 20, 23));
        CHECK(answer.assignment.noise_of_image == identity(20));
      }
    }
  }
}

TEST_CASE("no cost hides a sample that is not a number") {
  for (const cost_function cost : costs) {
    auto images = tests::bell_samples<float>(20, 5, 1);
    const auto noise = tests::bell_samples<float>(20, 5, 2);
    images(7, 2) = tests::not_a_number<float>;
    CAPTURE(static_cast<int>(cost));
    device_assign_options options;
    options.cost = cost;
    const auto answer = device_problem(images, noise).solve(options);
    CHECK(answer.summary.status == device_status::not_finite);
    CHECK(answer.assignment.noise_of_image == identity(20));
  }
}

TEST_CASE("nor does it beside samples of zeros") {
  const tests::matrix<float> zeros(20, 5);
  for (const cost_function cost : costs) {
    for (const float bad : {tests::not_a_number<float>, std::numeric_limits<float>::infinity()}) {
      auto samples = tests::bell_samples<float>(20, 5, 1);
      samples(7, 2) = bad;
      CAPTURE(static_cast<int>(cost), bad);
      device_assign_options options;
      options.cost = cost;
      CHECK(device_problem(samples, zeros).solve(options).summary.status == device_status::not_finite);
      CHECK(device_problem(zeros, samples).solve(options).summary.status == device_status::not_finite);
      options.method = method::none;
      CHECK(device_problem(zeros, samples).solve(options).summary.status == device_status::not_finite);
    }
  }
}

TEST_CASE("images that are all equal, and duplicates, are paired like any others") {
  const auto noise = tests::bell_samples<float>(40, 6, 2);
  const auto equal =
      tests::make_matrix<float>(40, 6, [](std::size_t, std::size_t k) { return 0.1 * static_cast<double>(k); });
  const auto twice = tests::make_matrix<float>(40, 6, [&](std::size_t i, std::size_t k) { return noise(i / 2, k); });
  for (const auto& images : {equal, twice}) {
    const auto answer = device_problem(images, noise).solve();
    CHECK(answer.summary.status == device_status::optimal);
    CHECK(answer.summary.total_cost == Approx(immiscible::assign(images, noise).total_cost).epsilon(1e-4));
  }
}

TEST_CASE("the call can be captured in a graph and replayed on new data") {
  const auto images = tests::bell_samples<float>(30, 8, 1, 0.5), noise = tests::bell_samples<float>(30, 8, 2);
  const auto other = tests::bell_samples<float>(30, 8, 3);
  const device_problem problem(images, noise), expected(images, other);
  const tests::stream stream;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t program = nullptr;
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
  immiscible::assign(problem.images(), problem.noise(), problem.out.view(), problem.workspace.data(), stream);
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  REQUIRE(cudaGraphInstantiate(&program, graph, 0) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(program, stream) == cudaSuccess);
  stream.wait();
  CHECK(problem.out.host().assignment.noise_of_image ==
        device_problem(images, noise).solve().assignment.noise_of_image);
  REQUIRE(cudaMemcpy(problem.e.data(), other.values.data(), other.values.size() * sizeof(float),
                     cudaMemcpyHostToDevice) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(program, stream) == cudaSuccess);
  stream.wait();
  CHECK(problem.out.host().assignment.noise_of_image == expected.solve().assignment.noise_of_image);
  CHECK(cudaGraphExecDestroy(program) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
}

TEST_CASE("the overload that owns its workspace gives the same answer") {
  const auto images = tests::bell_samples<float>(30, 8, 1, 0.5), noise = tests::bell_samples<float>(33, 8, 2);
  const device_problem problem(images, noise);
  const tests::answer_memory out(30, 33);
  const tests::stream stream;
  immiscible::assign(problem.images(), problem.noise(), out.view(), stream);
  stream.wait();
  CHECK(tests::are_identical(out.host().assignment, problem.solve().assignment));
}

TEST_CASE("no images enqueue nothing, and mistakes are refused before any work") {
  const device_array<float> memory(64);
  const tests::answer_memory out(2, 2);
  float* const at = memory.data();
  CHECK(immiscible::assign_workspace_bytes(0, 5, 3) == 0);
  CHECK_NOTHROW(immiscible::assign({at, 0, 3}, {at, 2, 3}, out.view(), nullptr, nullptr));
  const auto refuses = [&](const device_batch<float>& images, const device_batch<float>& noise,
                           const immiscible::device_assignment& to, void* workspace,
                           const device_assign_options& options) {
    CHECK_THROWS_AS(immiscible::assign(images, noise, to, workspace, nullptr, options), std::invalid_argument);
  };
  const auto with = [](method way, cost_function cost, double tolerance) {
    device_assign_options options;
    options.method = way;
    options.cost = cost;
    options.auction_tolerance = tolerance;
    return options;
  };
  const device_batch<float> two(at, 2, 3), three(at, 3, 3), narrow(at, 2, 2);
  refuses(two, narrow, out.view(), at, {});
  refuses(three, two, out.view(), at, {});
  refuses(two, two, {}, at, {});
  refuses(two, two, out.view(), nullptr, {});
  refuses(two, two, out.view(), at, with(method::nearest, cost_function::l2, 0.1));
  refuses(two, two, out.view(), at, with(method::drawn_nearest, cost_function::l2, 0.1));
  refuses(two, two, out.view(), at, with(method::exact, cost_function::published, 0.1));
  refuses(two, two, out.view(), at, with(method::auction, cost_function::l2, 0));
  refuses({at, 2, 0}, {at, 2, 0}, out.view(), at, {});
  CHECK_THROWS_AS(immiscible::assign_in_groups(two, three, nullptr, 1, out.view(), at, nullptr), std::invalid_argument);
  CHECK_THROWS_AS(immiscible::assign_in_groups(two, two, nullptr, 1, out.view(), at, nullptr), std::invalid_argument);
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK_THROWS_AS(immiscible::assign_workspace_bytes(most / 2, 9, 1), std::invalid_argument);
  CHECK_THROWS_AS(immiscible::assign_workspace_bytes(1, most / 16, 1), std::invalid_argument);

  const device_batch<float> too_many(at, 2'000'000, 3);  // their costs would not fit any memory
  CHECK_THROWS_AS(immiscible::assign(too_many, too_many, out.view(), nullptr), std::invalid_argument);
}

}  // namespace assign_tests

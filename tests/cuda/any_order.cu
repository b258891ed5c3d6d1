// The same input gives the same answer, whatever the order in which threads and blocks run: on the host in the orders that the
// emulation can take, on a GPU in those that it happens to take.
#include "cuda/device_solver.hpp"
#include "support/laws.hpp"

#include <immiscible/assign.cuh>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace any_order_tests {

using immiscible::method;
using tests::device_answer;

namespace {

#if defined(__CUDACC__)
constexpr int orders = 5;
void take_order(int) {}
#else
constexpr int orders = 3;
void take_order(int order) { cuda_on_cpu::chosen_order().kind = static_cast<cuda_on_cpu::order>(order); }
#endif

/// Answers to the same call, one for each order.
std::vector<device_answer> answers(std::size_t n, std::size_t m, const immiscible::device_assign_options& options,
                                   const std::vector<std::int32_t>& labels = {}) {
  const std::size_t d = 9, groups = labels.empty() ? 0 : 4;
  const tests::device_array<float> x(tests::bell_samples<float>(n, d, 1, 0.5).values),
      e(tests::bell_samples<float>(m, d, 2).values);
  const tests::device_array<std::int32_t> label(labels);
  const tests::device_array<unsigned char> workspace(immiscible::assign_workspace_bytes(n, m, d, groups));
  std::vector<device_answer> all;
  for (int order = 0; order < orders; ++order) {
    take_order(order);
    const tests::answer_memory out(n, m);
    const immiscible::device_batch<float> images(x.data(), n, d), noise(e.data(), m, d);
    if (labels.empty()) {
      immiscible::assign(images, noise, out.view(), workspace.data(), nullptr, options);
    } else {
      immiscible::assign_in_groups(images, noise, label.data(), groups, out.view(), workspace.data(), nullptr, options);
    }
    all.push_back(out.host());
  }
  return all;
}

void are_all_the_same(const std::vector<device_answer>& all) {
  for (const device_answer& other : all) {
    CHECK(tests::are_identical(other.assignment, all[0].assignment));
    CHECK(other.summary.row_scans == all[0].summary.row_scans);
    CHECK(other.summary.rounds == all[0].summary.rounds);
  }
}

}  // namespace

TEST_CASE("an answer does not depend on the order of threads and blocks") {
  for (const method way : {method::exact, method::auction, method::greedy, method::greedy_by_row}) {
    CAPTURE(static_cast<int>(way));
    immiscible::device_assign_options options;
    options.method = way;
    are_all_the_same(answers(50, 57, options));
    if (way != method::greedy_by_row) are_all_the_same(answers(258, 258, options));  // blocks work together
  }
  std::vector<std::int32_t> labels;
  for (std::int32_t i = 0; i < 60; ++i) labels.push_back(i % 7 % 4);
  are_all_the_same(answers(60, 60, {}, labels));
}

}  // namespace any_order_tests

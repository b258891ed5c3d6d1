// Many problems in one launch: each answer is that of its problem alone.
#include "cuda/device_solver.hpp"
#include "support/families.hpp"
#include "support/laws.hpp"

#include <immiscible/jonker_volgenant_batched.cuh>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace jonker_volgenant_batched_tests {

TEST_CASE("each problem of a batch gets the answer that it gets alone") {
  for (const auto& shape : {std::vector<std::size_t>{7, 33, 33}, {9, 12, 20}, {40, 3, 3}, {2, 130, 131}}) {
    const std::size_t problems = shape[0], n = shape[1], m = shape[2];
    CAPTURE(problems, n, m);
    std::vector<tests::matrix<std::int16_t>> costs;
    std::vector<std::int16_t> values;
    for (std::size_t p = 0; p < problems; ++p) {
      costs.push_back(tests::converted<std::int16_t>(tests::families()[p % 12].make(n, m, p)));
      values.insert(values.end(), costs[p].values.begin(), costs[p].values.end());
    }
    const tests::device_array<std::int16_t> memory(values);
    const tests::answer_memory out(n, m, problems);
    const tests::device_array<unsigned char> workspace(
        immiscible::jonker_volgenant_batched_workspace_bytes(problems, n, m));
    const tests::stream stream;
    immiscible::jonker_volgenant_batched(memory.data(), problems, n, m, out.view(), workspace.data(), stream);
    stream.wait();
    const auto answers = out.answers(problems);
    for (std::size_t p = 0; p < problems; ++p) {
      CAPTURE(p, tests::families()[p % 12].name);
      CHECK(tests::is_proved(tests::converted<std::int32_t>(costs[p]), answers[p].assignment));
      if (p % 3 != 0) continue;
      const auto alone = tests::solve_on_device(costs[p], tests::device_solver(immiscible::jonker_volgenant));
      CHECK(tests::are_identical(answers[p].assignment, alone.assignment));
    }
  }
}

TEST_CASE("no problems, or problems of no rows, enqueue nothing, and mistakes are refused before any work") {
  const tests::device_array<std::int16_t> cost(6);
  const tests::answer_memory out(2, 3);
  CHECK_NOTHROW(immiscible::jonker_volgenant_batched(nullptr, 0, 2, 3, out.view(), nullptr, nullptr));
  CHECK_NOTHROW(immiscible::jonker_volgenant_batched(nullptr, 0, 2, 3, {}, nullptr, nullptr));
  CHECK_NOTHROW(immiscible::jonker_volgenant_batched(nullptr, 5, 0, 3, out.view(), nullptr, nullptr));
  const auto refuses = [&](const std::int16_t* costs, std::size_t n, std::size_t m, void* workspace) {
    CHECK_THROWS_AS(immiscible::jonker_volgenant_batched(costs, 1, n, m, out.view(), workspace, nullptr),
                    std::invalid_argument);
  };
  refuses(nullptr, 2, 3, cost.data());
  refuses(cost.data(), 3, 2, cost.data());
  refuses(cost.data(), 2, 3, nullptr);
  refuses(cost.data(), 2, 5000, cost.data());
}

}  // namespace jonker_volgenant_batched_tests

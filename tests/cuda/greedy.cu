// Greedy choices on the device: index for index those of the CPU, because the order of pairs is total.
#include "cuda/device_solver.hpp"
#include "support/families.hpp"
#include "support/laws.hpp"

#include <immiscible/greedy.cuh>
#include <immiscible/greedy.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace greedy_tests {

namespace {

void agrees_with_the_cpu(const tests::matrix<std::int16_t>& cost) {
  const auto wide = tests::converted<std::int32_t>(cost);
  const auto here = tests::solve_on_device(cost, tests::device_solver(immiscible::greedy)),
             there = tests::solve_on_device(cost, tests::device_solver(immiscible::greedy_by_row));
  const auto expected = immiscible::greedy(wide), expected_by_row = immiscible::greedy_by_row(wide);
  CHECK(here.assignment.noise_of_image == expected.noise_of_image);
  CHECK(here.assignment.total_cost == expected.total_cost);
  CHECK(there.assignment.noise_of_image == expected_by_row.noise_of_image);
  CHECK(there.assignment.total_cost == expected_by_row.total_cost);
  CHECK(here.summary.status == immiscible::device_status::feasible);
  CHECK(here.summary.lower_bound == expected.lower_bound);
  CHECK(there.summary.lower_bound == expected.lower_bound);
  CHECK(here.summary.rounds <= static_cast<std::int32_t>(cost.rows));
}

}  // namespace

TEST_CASE("both greedy methods choose what the CPU chooses, ties included") {
  for (const tests::family& family : tests::families()) {
    for (const std::size_t n : {1u, 2u, 31u, 32u, 33u, 65u}) {
      for (const std::size_t more : {0u, 7u}) {
        if (n < 3 && family.make == tests::one_huge_row) continue;
        CAPTURE(family.name, n, more);
        agrees_with_the_cpu(tests::converted<std::int16_t>(family.make(n, n + more, n)));
      }
    }
  }
}

TEST_CASE("so they do where the whole device works on one problem") {
  agrees_with_the_cpu(tests::converted<std::int16_t>(tests::whole_range_16(257, 257, 1)));
  agrees_with_the_cpu(tests::converted<std::int16_t>(tests::few_values(250, 270, 1)));
}

TEST_CASE("greedy methods enqueue nothing for an empty problem and refuse mistakes before any work") {
  using immiscible::device_batch;
  const tests::device_array<std::int16_t> cost(6);
  const tests::answer_memory out(2, 3);
  CHECK_NOTHROW(immiscible::greedy(device_batch<std::int16_t>(), out.view(), nullptr, nullptr));
  CHECK_NOTHROW(immiscible::greedy_by_row(device_batch<std::int16_t>(), out.view(), nullptr, nullptr));
  for (const auto solver :
       {tests::device_solver(immiscible::greedy), tests::device_solver(immiscible::greedy_by_row)}) {
    CHECK_THROWS_AS(solver(device_batch<std::int16_t>(cost.data(), 3, 2), out.view(), cost.data(), nullptr),
                    std::invalid_argument);
    CHECK_THROWS_AS(solver(device_batch<std::int16_t>(cost.data(), 2, 3), out.view(), nullptr, nullptr),
                    std::invalid_argument);
  }
}

}  // namespace greedy_tests

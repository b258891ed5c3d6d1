// The exact solver on the device: every answer proves itself with its own prices, and costs what the CPU's answer costs.
#include "cuda/device_solver.hpp"
#include "support/families.hpp"
#include "support/laws.hpp"

#include <immiscible/jonker_volgenant.cuh>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace jonker_volgenant_tests {

using tests::device_answer;
using tests::matrix;

namespace {

device_answer exact_on_device(const matrix<std::int16_t>& cost, std::size_t between = 0) {
  return tests::solve_on_device(cost, tests::device_solver(immiscible::jonker_volgenant), between);
}

/// Law: proved by its own prices, and exactly as cheap as the CPU's.
bool is_as_good_as_the_cpu(const matrix<std::int16_t>& cost, const device_answer& answer) {
  const auto wide = tests::converted<std::int32_t>(cost);
  if (!tests::is_proved(wide, answer.assignment)) return false;
  return answer.assignment.total_cost == immiscible::jonker_volgenant(wide).total_cost ||
         tests::broken("another total than the CPU's");
}

/// True if only one matching is optimal: no cycle of tight pairs alternates with the pairs of `answer`. (Square problems.)
bool is_unique(const matrix<std::int16_t>& cost, const immiscible::basic_assignment<std::int64_t>& answer) {
  const std::size_t n = cost.rows;
  std::vector<std::vector<std::size_t>> next(n);  // row i -> the row whose column i could take instead, at no cost
  std::vector<std::size_t> incoming(n, 0), row_of_column(n);
  for (std::size_t i = 0; i < n; ++i) row_of_column[static_cast<std::size_t>(answer.noise_of_image[i])] = i;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (row_of_column[j] == i || cost(i, j) != answer.image_price[i] + answer.noise_price[j]) continue;
      next[i].push_back(row_of_column[j]);
      ++incoming[row_of_column[j]];
    }
  }
  std::vector<std::size_t> without;  // rows taken off one after the other; what stays lies on a cycle or behind one
  for (std::size_t i = 0; i < n; ++i) {
    if (incoming[i] == 0) without.push_back(i);
  }
  for (std::size_t done = 0; done < without.size(); ++done) {
    for (const std::size_t other : next[without[done]]) {
      if (--incoming[other] == 0) without.push_back(other);
    }
  }
  return without.size() == n;
}

}  // namespace

TEST_CASE("every family of costs is solved exactly, with a proof") {
  for (const tests::family& family : tests::families()) {
    for (const std::size_t n : {1u, 2u, 31u, 32u, 33u, 64u}) {
      for (const std::size_t more : {0u, 1u, 9u}) {
        if (n < 3 && family.make == tests::one_huge_row) continue;
        CAPTURE(family.name, n, more);
        const auto cost = tests::converted<std::int16_t>(family.make(n, n + more, n));
        CHECK(is_as_good_as_the_cpu(cost, exact_on_device(cost)));
      }
    }
  }
}

void check_rows_alike(std::size_t n) {
  CAPTURE(n);
  const auto alike = tests::converted<std::int16_t>(tests::rows_alike(n, n, n));
  CHECK(is_as_good_as_the_cpu(alike, exact_on_device(alike)));
}

TEST_CASE("sizes around those of warps and blocks are solved exactly, with a proof") {
  for (const std::size_t n : {127u, 129u, 257u}) check_rows_alike(n);
  const auto wider = tests::converted<std::int16_t>(tests::rows_alike(200, 300, 1));
  CHECK(is_as_good_as_the_cpu(wider, exact_on_device(wider)));
  const auto much_wider = tests::converted<std::int16_t>(tests::whole_range_16(20, 270, 1));
  CHECK(is_as_good_as_the_cpu(much_wider, exact_on_device(much_wider)));
  const auto ties = tests::converted<std::int16_t>(tests::few_values(260, 260, 1));
  CHECK(is_as_good_as_the_cpu(ties, exact_on_device(ties)));
}

TEST_CASE("so are those that fill them", "[slow]") {
  for (const std::size_t n : {128u, 255u, 256u}) check_rows_alike(n);
}

TEST_CASE("where only one matching is optimal the device finds the CPU's pairs") {
  int unique = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const auto cost = tests::converted<std::int16_t>(tests::random_integers(40, 40, seed, 30000));
    const device_answer answer = exact_on_device(cost);
    if (!is_unique(cost, answer.assignment)) continue;
    ++unique;
    CHECK(answer.assignment.noise_of_image ==
          immiscible::jonker_volgenant(tests::converted<std::int32_t>(cost)).noise_of_image);
  }
  CHECK(unique >= 6);
  const auto ties = tests::converted<std::int16_t>(tests::constant(5, 5, 1));
  CHECK_FALSE(is_unique(ties, exact_on_device(ties).assignment));
}

TEST_CASE("a constant cost leaves every image its own noise") {
  for (const std::size_t n : {1u, 5u, 33u, 260u}) {
    const auto cost = tests::converted<std::int16_t>(tests::constant(n, n + 3, 1));
    std::vector<std::int32_t> identity(n);
    std::iota(identity.begin(), identity.end(), 0);
    CHECK(exact_on_device(cost).assignment.noise_of_image == identity);
  }
}

TEST_CASE("rows may lie apart in memory") {
  const auto cost = tests::converted<std::int16_t>(tests::rows_alike(37, 45, 3));
  CHECK(tests::are_identical(exact_on_device(cost, 11).assignment, exact_on_device(cost).assignment));
}

TEST_CASE("the same input gives the same answer, and most rows are matched before any search", "[slow]") {
  const auto cost = tests::converted<std::int16_t>(tests::rows_alike(264, 264, 7));
  const device_answer first = exact_on_device(cost), second = exact_on_device(cost);
  CHECK(tests::are_identical(first.assignment, second.assignment));
  CHECK(first.summary.row_scans == second.summary.row_scans);
  CHECK(first.summary.free_rows <= 40);
  CHECK(first.summary.row_scans <= 800);  // plain searches read about 5,000
}

TEST_CASE("an empty problem enqueues nothing, and mistakes are refused before any work") {
  using immiscible::device_batch;
  const tests::device_array<std::int16_t> cost(6);
  const tests::answer_memory out(2, 3);
  CHECK_NOTHROW(immiscible::jonker_volgenant(device_batch<std::int16_t>(), out.view(), nullptr, nullptr));
  const auto refuses = [&](std::size_t n, std::size_t m, const immiscible::device_assignment& to, void* workspace) {
    CHECK_THROWS_AS(immiscible::jonker_volgenant(device_batch<std::int16_t>(cost.data(), n, m), to, workspace, nullptr),
                    std::invalid_argument);
  };
  refuses(3, 2, out.view(), cost.data());
  refuses(2, 3, {}, cost.data());
  refuses(2, 3, out.view(), nullptr);
  refuses(2, 4097, out.view(), cost.data());
}

}  // namespace jonker_volgenant_tests

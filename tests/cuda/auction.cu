// The auction on the device: within its tolerance of the optimum, and the gap it tells is true.
#include "cuda/device_solver.hpp"
#include "support/families.hpp"
#include "support/laws.hpp"

#include <immiscible/auction.cuh>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace auction_tests {

namespace {

tests::device_answer auction_on_device(const tests::matrix<std::int16_t>& cost, double tolerance) {
  return tests::solve_on_device(
      cost,
      [&](const immiscible::device_batch<std::int16_t>& costs, const immiscible::device_assignment& out,
          void* workspace, cudaStream_t stream) { immiscible::auction(costs, tolerance, out, workspace, stream); });
}

}  // namespace

TEST_CASE("an auction gives a matching, true prices, and a bound that the optimum respects") {
  for (const tests::family& family : tests::families()) {
    for (const std::size_t n : {1u, 2u, 18u}) {
      for (const std::size_t more : {0u, 5u}) {
        if (n < 3 && family.make == tests::one_huge_row) continue;
        CAPTURE(family.name, n, more);
        const auto cost = tests::converted<std::int16_t>(family.make(n, n + more, n));
        const auto wide = tests::converted<std::int32_t>(cost);
        const auto answer = auction_on_device(cost, 0.1);
        CHECK(tests::total_is_true(wide, answer.assignment));
        CHECK(tests::prices_are_feasible(wide, answer.assignment));
        const double least = immiscible::jonker_volgenant(wide).total_cost;
        CHECK(answer.summary.lower_bound <= least);
        CHECK(answer.summary.total_cost >= least);
        CHECK((answer.summary.status == immiscible::device_status::optimal) ==
              (answer.summary.total_cost == answer.summary.lower_bound));
      }
    }
  }
}

TEST_CASE("a finer tolerance brings the auction nearer to the optimum") {
  const auto cost = tests::converted<std::int16_t>(tests::rows_alike(100, 100, 5));
  const double least = immiscible::jonker_volgenant(tests::converted<std::int32_t>(cost)).total_cost;
  const auto coarse = auction_on_device(cost, 0.5), fine = auction_on_device(cost, 0.01);
  CHECK(fine.summary.total_cost - least < 0.1 * (coarse.summary.total_cost - least) + 1);
  CHECK(immiscible::gap(fine.assignment) < immiscible::gap(coarse.assignment));
}

TEST_CASE("an auction whose rounds are used up is no worse than its phase before") {
  const auto cost = tests::converted<std::int16_t>(tests::rows_alike(40, 44, 5));
  const auto wide = tests::converted<std::int32_t>(cost);
  const auto with_rounds = [&](std::int32_t most, double tolerance) {
    return tests::solve_on_device(
        cost, [&](const immiscible::device_batch<std::int16_t>& costs, const immiscible::device_assignment& out,
                  void* workspace, cudaStream_t stream) {
          immiscible::detail::enqueue_auction(costs, tolerance, most, out, workspace, stream);
        });
  };
  const auto first_phase = with_rounds(8192, immiscible::detail::auction_policy::first_epsilon);
  const auto whole = with_rounds(8192, 0.001);
  REQUIRE(first_phase.summary.rounds < whole.summary.rounds);
  for (std::int32_t most = first_phase.summary.rounds; most < whole.summary.rounds; most += most / 8 + 1) {
    CAPTURE(most);
    const auto cut = with_rounds(most, 0.001);
    CHECK(cut.summary.rounds == most);
    CHECK(tests::total_is_true(wide, cut.assignment));
    CHECK(tests::prices_are_feasible(wide, cut.assignment));
    CHECK(cut.summary.total_cost <= first_phase.summary.total_cost);
    CHECK(cut.summary.lower_bound <= whole.summary.total_cost);
  }
}

TEST_CASE("an auction by the whole device is as good as one by a block", "[slow]") {
  const auto cost = tests::converted<std::int16_t>(tests::rows_alike(260, 260, 5));
  const auto wide = tests::converted<std::int32_t>(cost);
  const auto answer = auction_on_device(cost, 0.1);
  CHECK(tests::total_is_true(wide, answer.assignment));
  CHECK(tests::prices_are_feasible(wide, answer.assignment));
  CHECK(answer.summary.lower_bound <= immiscible::jonker_volgenant(wide).total_cost);
}

TEST_CASE("the auction refuses mistakes before any work") {
  const tests::device_array<std::int16_t> cost(6);
  const tests::answer_memory out(2, 3);
  const immiscible::device_batch<std::int16_t> costs(cost.data(), 2, 3);
  CHECK_THROWS_AS(immiscible::auction(costs, 0, out.view(), cost.data(), nullptr), std::invalid_argument);
  CHECK_THROWS_AS(immiscible::auction(costs, -1, out.view(), cost.data(), nullptr), std::invalid_argument);
  CHECK_THROWS_AS(immiscible::auction(costs, 0.1, out.view(), nullptr, nullptr), std::invalid_argument);
  CHECK_THROWS_AS(immiscible::auction({cost.data(), 3, 2}, 0.1, out.view(), cost.data(), nullptr),
                  std::invalid_argument);
  CHECK_NOTHROW(immiscible::auction({}, 0.1, out.view(), nullptr, nullptr));
}

}  // namespace auction_tests

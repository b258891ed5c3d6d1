// The exact solver on the device at the sizes of large batches: the proof, the CPU's total, and how little is left to searches.
#include "cuda/device_solver.hpp"
#include "support/families.hpp"
#include "support/laws.hpp"

#include <immiscible/jonker_volgenant.cuh>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>

namespace jonker_volgenant_large_tests {

TEST_CASE("large problems are solved exactly, with a proof, and most of the work is done in parallel") {
  for (const std::size_t n : {512u, 1000u}) {
    CAPTURE(n);
    const auto cost = tests::converted<std::int16_t>(tests::rows_alike(n, n, n));
    const auto wide = tests::converted<std::int32_t>(cost);
    const auto answer = tests::solve_on_device(cost, tests::device_solver(immiscible::jonker_volgenant));
    CHECK(tests::is_proved(wide, answer.assignment));
    CHECK(answer.assignment.total_cost == immiscible::jonker_volgenant(wide).total_cost);
    CHECK(answer.summary.free_rows <= static_cast<std::int32_t>(n / 8));
    CHECK(answer.summary.row_scans <= static_cast<std::int32_t>(5 * n));  // plain searches: 20 to 60 n on images
  }
}

}  // namespace jonker_volgenant_large_tests

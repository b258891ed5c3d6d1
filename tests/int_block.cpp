// The SIMD pieces of the list solver (detail/int_block-inl.hpp) beside plain loops, instruction set by instruction set. The
// solver's answers would stay right with some of them wrong: it would only take longer.
#include "support/matrix.hpp"

#include <immiscible/detail/list_solver.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace tests {

struct int_block_values {
  std::int32_t a[16], b[16], index[16], table[40], bound;
};

struct int_block_results {
  std::int32_t plus[16], minus[16], less[16], all[16], looked_up[16], compressed[32];
  std::int32_t least, sum, best, second;
  std::size_t kept;
};

}  // namespace tests

#if IMMISCIBLE_SIMD
#define IMMISCIBLE_SIMD_INCLUDE "support/int_block_results-inl.hpp"
#include <immiscible/detail/simd_foreach.hpp>
#endif

namespace int_block_tests {

namespace {

using immiscible::detail::simd_target;

tests::int_block_results int_block_results_portable(const tests::int_block_values& v) {
  tests::int_block_results r{};
  for (std::size_t k = 0; k < 16; ++k) {
    r.plus[k] = v.a[k] + v.b[k];
    r.minus[k] = v.a[k] - v.b[k];
    r.less[k] = std::min(v.a[k], v.b[k]);
    r.all[k] = v.bound;
    r.looked_up[k] = v.table[v.index[k]];
    if (v.a[k] <= v.bound) r.compressed[r.kept++] = v.b[k];
  }
  std::vector<std::int32_t> sorted(v.a, v.a + 16);
  std::sort(sorted.begin(), sorted.end());
  r.least = r.best = sorted[0];
  r.second = sorted[1];
  r.sum = std::accumulate(sorted.begin(), sorted.end(), 0);
  return r;
}

tests::int_block_results int_block_results(simd_target target, const tests::int_block_values& v) {
  using namespace immiscible::detail;
  return IMMISCIBLE_SIMD_CHOOSE(target, int_block_results_simd, int_block_results_portable)(v);
}

void check_equal(const std::int32_t* here, const std::int32_t* there, std::size_t count) {
  CHECK(std::vector<std::int32_t>(here, here + count) == std::vector<std::int32_t>(there, there + count));
}

}  // namespace

TEST_CASE("sixteen integers at a time come to what plain loops make of them, on every instruction set") {
  for (const simd_target target : {simd_target::unasked, simd_target::avx2, simd_target::avx512}) {
    if (!immiscible::detail::has_target(target)) continue;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      tests::random_source random(seed);
      const std::int32_t range = seed % 3 == 0 ? 4 : seed % 3 == 1 ? 40 : 100'000'000;  // many ties, few, none
      const auto draw = [&] {
        return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(range))) - range / 2;
      };
      tests::int_block_values v;
      for (auto* values : {v.a, v.b}) std::generate_n(values, 16, draw);
      std::generate_n(v.table, 40, draw);
      std::generate_n(v.index, 16, [&] { return static_cast<std::int32_t>(random.below(40)); });
      v.bound = draw();
      const tests::int_block_results here = int_block_results(target, v), plain = int_block_results_portable(v);
      INFO("seed " << seed << ", target " << static_cast<int>(target));
      check_equal(here.plus, plain.plus, 16);
      check_equal(here.minus, plain.minus, 16);
      check_equal(here.less, plain.less, 16);
      check_equal(here.all, plain.all, 16);
      check_equal(here.looked_up, plain.looked_up, 16);
      CHECK(here.kept == plain.kept);
      check_equal(here.compressed, plain.compressed, plain.kept);  // behind those anything may stand
      CHECK(here.least == plain.least);
      CHECK(here.sum == plain.sum);
      CHECK(here.best == plain.best);
      CHECK(here.second == plain.second);
    }
  }
}

}  // namespace int_block_tests

// Files of different flags in one program: each keeps its own code, whichever the linker saw first (CMakeLists.txt: in two orders).
#include "mixed_flags/built_here.hpp"

#include <immiscible/detail/simd_dispatch.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mixed_flags_tests {

std::vector<tests::build_report> reports() {
  return {tests::report_of_plain(), tests::report_of_native(), tests::report_of_without_simd(),
          tests::report_of_fast_math()};
}

int portable() { return 0; }
int unasked() { return 1; }
int avx2() { return 2; }

TEST_CASE("where a file has no version for an instruction set, the best one below it serves") {
  using immiscible::detail::simd_target;
  using immiscible::detail::version_for;
  CHECK(version_for(simd_target::avx512, &portable, &unasked, &avx2, nullptr) == &avx2);
  CHECK(version_for(simd_target::avx512, &portable, &unasked, nullptr, nullptr) == &unasked);
  CHECK(version_for(simd_target::avx2, &portable, nullptr, nullptr, nullptr) == &portable);
  CHECK(version_for(simd_target::portable, &portable, &unasked, &avx2, nullptr) == &portable);
}

bool has_word(const std::string& build, const std::string& word) { return build.find(word) != std::string::npos; }

TEST_CASE("files of different flags share no function, and each runs what it was compiled for") {
  const std::vector<tests::build_report> all = reports();
  for (std::size_t a = 0; a < all.size(); ++a) {
    INFO(all[a].build);
    if (has_word(all[a].build, "without_simd")) CHECK(all[a].target == 0);
    for (std::size_t b = 0; b < a; ++b) {
      INFO("beside " << all[b].build);
      if (all[a].build == all[b].build) continue;  // -march=native of a machine that allows no more
      REQUIRE(all[a].places.size() == all[b].places.size());
      for (std::size_t f = 0; f < all[a].places.size(); ++f) {
        INFO("function " << f);
        CHECK(all[a].places[f] != all[b].places[f]);
      }
    }
  }
  CHECK(has_word(all[2].build, "without_simd"));
  CHECK(has_word(all[3].build, "finite_math"));
  CHECK(all[0].target == all[3].target);  // -ffast-math takes no instruction set away
}

TEST_CASE("files of different flags find the same optimum, and each proves the answers of the others") {
  const std::vector<float> values = tests::mixed_flags_costs();
  const immiscible::batch<float> cost(values.data(), tests::mixed_flags_size, tests::mixed_flags_size);
  for (const tests::build_report& r : reports()) {
    INFO(r.build);
    CHECK(r.answer.status == immiscible::status::optimal);
    CHECK(immiscible::is_optimal(cost, r.answer));
  }
}

TEST_CASE("a file that may assume finite numbers takes no other file's check for NaN away") {
  for (const tests::build_report& r : reports()) {
    if (has_word(r.build, "finite_math")) continue;
    INFO(r.build);
    CHECK(r.refuses_nan);
  }
}

}  // namespace mixed_flags_tests

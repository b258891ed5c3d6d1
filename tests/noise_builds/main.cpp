// Draws the golden rows with every version compiled here that this machine runs; built with many compilers and flags.
#include "noise_builds/golden.hpp"

#include <cstdio>

int main() {
  namespace detail = immiscible::detail;
  int wrong = 0;
  const auto expect = [&](const char* what, std::uint64_t got, std::uint64_t needed) {
    if (got == needed) return;
    std::printf("%s: needs checksum %016llx, got %016llx\n", what, static_cast<unsigned long long>(needed),
                static_cast<unsigned long long>(got));
    ++wrong;
  };
  constexpr const char* names[] = {"portable", "unasked", "avx2", "avx512"};
  for (const tests::golden_rows& rows : tests::golden) {
    for (const detail::simd_target target : {detail::simd_target::portable, detail::simd_target::unasked,
                                             detail::simd_target::avx2, detail::simd_target::avx512}) {
      if (!detail::has_target(target)) continue;
      expect(names[static_cast<int>(target)], checksum_of_rows(rows, detail::normal_row_for(target)), rows.checksum);
    }
    std::vector<float> values(rows.n * rows.d);
    immiscible::normal_rows(rows.seed, rows.step, rows.first_index, {values.data(), rows.n, rows.d});
    expect("normal_rows", tests::checksum_of(values), rows.checksum);
  }
  return wrong != 0;
}

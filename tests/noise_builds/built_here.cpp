// normal_rows as one file of a test program sees it (philox.cpp); compiled twice, with other flags and another name.
#include <immiscible/philox.hpp>

namespace tests {

void IMMISCIBLE_TEST_NAME(std::uint64_t seed, std::uint64_t step, std::uint64_t first_index,
                          const immiscible::matrix_view<float>& out) {
  immiscible::normal_rows(seed, step, first_index, out);
}

}  // namespace tests

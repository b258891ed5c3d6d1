// Rows of noise as they were when their format was frozen. If these change, every user's noise changes: do not update them.
#pragma once

#include <immiscible/philox.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace tests {

/// The bits of rows first_index ... first_index + n - 1, as one number (FNV-1a of the 32-bit words, row by row).
struct golden_rows {
  std::uint64_t seed, step, first_index;
  std::size_t n, d;
  std::uint64_t checksum;
};

constexpr golden_rows golden[] = {
    {42, 7, 5, 64, 3072, 0xaee81a9a1a8938c2u},
    {0, 0, 0, 128, 784, 0xe362e2eb2bd31eabu},
    {0xfedcba9876543210u, 0xffffffffffffu, 0x123456789abcu, 16, 65, 0xb2ef22b18e85ae83u},
};

/// The first values of row (seed 42, step 7, index 5).
constexpr float golden_values[] = {-0x1.0d23f6p+1f, -0x1.193a26p-2f, -0x1.3ed31ap-5f, -0x1.5c3478p-2f,
                                   0x1.bf7f82p-1f,  0x1.1e59bcp-1f,  -0x1.6c1098p-1f, 0x1.ac422cp-1f};

inline std::uint64_t checksum_of(const std::vector<float>& values) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const float x : values) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    sum = (sum ^ bits) * 0x100000001b3u;
  }
  return sum;
}

/// The checksum of those rows, each drawn by `draw_row(seed, step, index, d, out)`.
template <class DrawRow>
std::uint64_t checksum_of_rows(const golden_rows& rows, const DrawRow& draw_row) {
  std::vector<float> values(rows.n * rows.d);
  for (std::size_t r = 0; r < rows.n; ++r) {
    draw_row(rows.seed, rows.step, rows.first_index + r, rows.d, values.data() + r * rows.d);
  }
  return checksum_of(values);
}

}  // namespace tests

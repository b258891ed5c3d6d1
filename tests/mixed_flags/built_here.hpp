// What a file tells of itself that is built with flags of its own (built_here.cpp).
#pragma once

#include <immiscible/assignment.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tests {

struct build_report {
  std::string build;                   ///< IMMISCIBLE_BUILD
  int target;                          ///< the simd_target on which the solvers of this file run
  std::vector<std::uintptr_t> places;  ///< of functions that users call, the same ones in every file
  immiscible::assignment answer;       ///< to mixed_flags_costs()
  bool refuses_nan;
};

build_report report_of_plain();
build_report report_of_native();
build_report report_of_without_simd();
build_report report_of_fast_math();

constexpr std::size_t mixed_flags_size = 200;

/// [n, n] costs in [0, 1).
inline std::vector<float> mixed_flags_costs() {
  std::vector<float> cost(mixed_flags_size * mixed_flags_size);
  std::uint32_t x = 12345;
  for (float& c : cost) {
    x = x * 1664525u + 1013904223u;
    c = static_cast<float>(x >> 8) * 0x1p-24f;
  }
  return cost;
}

}  // namespace tests

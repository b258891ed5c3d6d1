// The body of tests/fuzz.cpp under libFuzzer, which looks for bytes that reach new code. Built with clang++ and
// -D IMMISCIBLE_FUZZ=ON; then
//
//   build/.../bin/libfuzzer -max_total_time=600 corpus/
#define CATCH_CONFIG_RUNNER  // Catch itself, without its main
#include <catch2/catch.hpp>

#include "support/fuzz.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (!tests::laws_hold(data, size)) std::abort();
  return 0;
}

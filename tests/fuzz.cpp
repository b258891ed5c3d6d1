// Random problems of every kind through every solver: 10,000 here, as many as IMMISCIBLE_FUZZ_PROBLEMS says otherwise.
#include "support/fuzz.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <vector>

namespace fuzz_tests {

TEST_CASE("random problems: all solvers agree, and prove it") {
  const char* const wanted = std::getenv("IMMISCIBLE_FUZZ_PROBLEMS");
  const char* const first = std::getenv("IMMISCIBLE_FUZZ_FIRST");
  const std::uint64_t begin = first ? std::strtoull(first, nullptr, 10) : 0;
  const std::uint64_t count = wanted ? std::strtoull(wanted, nullptr, 10) : 10000;
  for (std::uint64_t problem = begin; problem < begin + count; ++problem) {
    tests::random_source random(problem);
    std::vector<std::uint8_t> bytes(24);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
    if (!tests::laws_hold(bytes.data(), bytes.size())) FAIL_CHECK("problem " << problem);
  }
  CHECK(count > 0);
}

}  // namespace fuzz_tests

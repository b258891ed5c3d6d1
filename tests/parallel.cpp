// Rows shared out among threads (detail/parallel.hpp).
#include <immiscible/detail/parallel.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

namespace parallel_tests {

using immiscible::detail::for_row_blocks;

TEST_CASE("every row is done once, for any number of rows and threads, in blocks that begin at multiples of 32") {
  for (const std::size_t rows : {0u, 1u, 31u, 32u, 33u, 64u, 95u, 96u, 200u, 1000u}) {
    for (const std::size_t threads : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{31},
                                      std::numeric_limits<std::size_t>::max()}) {
      INFO("rows " << rows << ", threads " << threads);
      std::vector<std::atomic<int>> done(rows);
      std::atomic<std::size_t> blocks{0};
      std::atomic<bool> aligned{true};
      for_row_blocks(rows, threads, [&](std::size_t first, std::size_t last) {
        ++blocks;
        if (first % 32 != 0) aligned = false;
        for (std::size_t i = first; i < last; ++i) ++done[i];
      });
      bool once = true;
      for (const auto& count : done) once = once && count == 1;
      CHECK(once);
      CHECK(aligned);
      CHECK(blocks <= (threads < 2 ? 1 : threads));
      if (threads == 3 && rows >= 96) CHECK(blocks == 3);
    }
  }
}

TEST_CASE("an exception of any block comes out once all blocks have ended") {
  for (const std::size_t failing : {0u, 32u, 96u}) {
    std::atomic<int> ended{0};
    const auto work = [&](std::size_t first, std::size_t) {
      ++ended;
      if (first == failing) throw std::runtime_error("block");
    };
    CHECK_THROWS_WITH(for_row_blocks(128, 4, work), "block");
    CHECK(ended == 4);
  }
}

}  // namespace parallel_tests

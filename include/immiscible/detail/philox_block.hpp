// Philox4x32-10: 128 random bits from a 128-bit counter and a 64-bit key, and how the library fills the counter.
//
// Ten rounds of 32 x 32 -> 64 bit products; every counter gives an independent block, so any part of any stream can be drawn
// alone, in any order. The library's counter (frozen: changing it changes everybody's noise) names one block of one row:
//
//   word 0   block within the row (28 bits), stream (4 bits, the highest)
//   word 1   index of the row, bits 0 ... 31
//   word 2   step, bits 0 ... 31
//   word 3   index, bits 32 ... 47 (low half); step, bits 32 ... 47 (high half)
//   key      seed, low word first
//
// No two (seed, stream, step, index, block) within the limits below share a counter and key, so none share their bits.
//
// Reference: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3 and table 2.
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>

#include <cstdint>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

constexpr std::uint32_t philox_multiplier_0 = 0xD2511F53u;
constexpr std::uint32_t philox_multiplier_1 = 0xCD9E8D57u;
constexpr std::uint32_t philox_weyl_0 = 0x9E3779B9u;  // golden ratio
constexpr std::uint32_t philox_weyl_1 = 0xBB67AE85u;  // sqrt(3) - 1
constexpr int philox_rounds = 10;

constexpr int philox_block_bits = 28;  ///< blocks of four words in a row: fewer than 2^28
constexpr int philox_index_bits = 48;  ///< indices and steps: below 2^48

/// Uses of the counter that never meet. 5 ... 15 are kept for draws other than these.
enum class philox_stream : std::uint32_t {
  rows = 0,          ///< the values of a row
  candidates = 1,    ///< drawn_nearest.hpp; block: number of the candidate (24 bits), attempt (4 bits, the highest)
  choices = 2,       ///< nearest_noise.hpp, which of the cheapest candidates; block 0
  paired_steps = 3,  ///< noise_matcher.hpp, whether a step is paired; index and block 0
  row_seeds = 4      ///< the seed of a candidate that is drawn as a whole row; block: its number
};

/// The four words of a counter, or of the block drawn from it.
struct philox_words {
  std::uint32_t word[4];
};

/// The block of `counter` under the key (key_0, key_1).
IMMISCIBLE_HOST_DEVICE inline philox_words philox_block(philox_words counter, std::uint32_t key_0,
                                                        std::uint32_t key_1) {
  for (int round = 0; round < philox_rounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{philox_multiplier_0} * counter.word[0];
    const std::uint64_t p1 = std::uint64_t{philox_multiplier_1} * counter.word[2];
    const philox_words next = {
        {static_cast<std::uint32_t>(p1 >> 32) ^ counter.word[1] ^ key_0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ counter.word[3] ^ key_1, static_cast<std::uint32_t>(p0)}};
    counter = next;
    key_0 += philox_weyl_0;
    key_1 += philox_weyl_1;
  }
  return counter;
}

/// The counter of block `block` of row (step, index) in `stream`; the table above.
IMMISCIBLE_HOST_DEVICE inline philox_words philox_counter(philox_stream stream, std::uint64_t step, std::uint64_t index,
                                                          std::uint32_t block) {
  return {{block | static_cast<std::uint32_t>(stream) << philox_block_bits, static_cast<std::uint32_t>(index),
           static_cast<std::uint32_t>(step),
           static_cast<std::uint32_t>(index >> 32) | static_cast<std::uint32_t>(step >> 32) << 16}};
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible

// What a kernel found out: one word in device memory, because a stream cannot throw.
#pragma once

#include <cstdint>

namespace immiscible {

/// The outcome of work that was enqueued; read it after the stream has done it.
enum class device_status : std::int32_t {
  optimal = 0,            ///< done; of assignments: proved by its prices
  feasible = 1,           ///< an assignment; its lower bound says how far from the optimum it can be at most
  not_finite = 2,         ///< a sample or a cost was NaN or infinite: every image keeps the noise of its own number
  not_a_permutation = 3,  ///< the rows to move were not a permutation: nothing was moved
  bad_label = 4           ///< a group label was outside the range: every image keeps the noise of its own number
};

}  // namespace immiscible

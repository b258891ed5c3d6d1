// What the address and the thread sanitizer must be told about fibers; nothing in a build without them.
//
// To the thread sanitizer each CUDA thread is a thread of its own, and a switch between two of them orders nothing.
// Only `release` and `acquire` on a common address do: they stand where CUDA promises an order, so that a race is
// reported although everything runs in one thread of the operating system.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#if defined(__has_feature)
#define CUDA_ON_CPU_HAS(feature) __has_feature(feature)
#else
#define CUDA_ON_CPU_HAS(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || CUDA_ON_CPU_HAS(address_sanitizer)
#define CUDA_ON_CPU_ASAN 1
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || CUDA_ON_CPU_HAS(thread_sanitizer)
#define CUDA_ON_CPU_TSAN 1
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

#define CUDA_ON_CPU_UNSANITIZED __attribute__((noinline, no_sanitize("address"), no_sanitize("thread")))

namespace cuda_on_cpu {

#if defined(CUDA_ON_CPU_TSAN)
constexpr bool under_thread_sanitizer = true;
#else
constexpr bool under_thread_sanitizer = false;
#endif

/// What the sanitizers know of one stack.
struct sanitized_stack {
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  void* fake = nullptr;   // the address sanitizer's own frames
  void* fiber = nullptr;  // the thread sanitizer's name for it
};

/// While one lives, the thread sanitizer looks away: the emulation's own books are no part of the kernel.
class unwatched {
 public:
#if defined(CUDA_ON_CPU_TSAN)
  unwatched() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~unwatched() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  unwatched() {}
  ~unwatched() {}
#endif
  unwatched(const unwatched&) = delete;
  unwatched& operator=(const unwatched&) = delete;
};

/// All that this thread did so far comes before what another one does after its acquire(tag).
inline void release([[maybe_unused]] void* tag) {
#if defined(CUDA_ON_CPU_TSAN)
  __tsan_release(tag);
#endif
}

inline void acquire([[maybe_unused]] void* tag) {
#if defined(CUDA_ON_CPU_TSAN)
  __tsan_acquire(tag);
#endif
}

inline void name_own_stack([[maybe_unused]] sanitized_stack& own) {
#if defined(CUDA_ON_CPU_TSAN)
  own.fiber = __tsan_get_current_fiber();
#endif
}

/// The thread sanitizer's fibers. They take long to make and are used again, the oldest first: what ran long ago in the
/// same fiber counts as ordered, but blocks of one launch that follow each other closely do not.
class sanitizer_fibers {
 public:
  /// Before so many calls of next() for threads that run together.
  void reserve([[maybe_unused]] std::size_t threads) {
#if defined(CUDA_ON_CPU_TSAN)
    const std::size_t wanted = std::max(2 * threads, std::min<std::size_t>(8 * threads, 256));
    if (fibers_.size() >= wanted) return;
    next_ = fibers_.size();
    while (fibers_.size() < wanted) fibers_.push_back(__tsan_create_fiber(0));
#endif
  }
  void* next() {
    if (fibers_.empty()) return nullptr;
    if (next_ == fibers_.size()) next_ = 0;
    return fibers_[next_++];
  }

 private:
  std::vector<void*> fibers_;
  std::size_t next_ = 0;
};

/// Just before a jump from one stack to another; `for_good` when nothing ever jumps back.
__attribute__((always_inline)) inline void before_jump([[maybe_unused]] sanitized_stack& from,
                                                       [[maybe_unused]] const sanitized_stack& to,
                                                       [[maybe_unused]] bool for_good = false) {
#if defined(CUDA_ON_CPU_ASAN)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake, to.bottom, to.bytes);
#endif
#if defined(CUDA_ON_CPU_TSAN)
  __tsan_switch_to_fiber(to.fiber, __tsan_switch_to_fiber_no_sync);
#endif
}

/// Just after the jump, on the new stack.
inline void after_jump([[maybe_unused]] sanitized_stack& from, [[maybe_unused]] const sanitized_stack& to) {
#if defined(CUDA_ON_CPU_ASAN)
  __sanitizer_finish_switch_fiber(to.fake, &from.bottom, &from.bytes);
#endif
}

}  // namespace cuda_on_cpu

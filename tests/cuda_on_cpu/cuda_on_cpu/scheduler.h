// Threads of CUDA as fibers of one thread of the operating system: who runs, who waits, and mistakes.
//
// A thread runs until it has to wait for others; then the next one of the queue goes on, without a detour. A barrier is
// completed by the last thread that comes: it puts all of them back into the queue, in the order that CUDA_ON_CPU_ORDER
// asks for (0 by number, 1 reversed, 2 random from CUDA_ON_CPU_SEED). An empty queue is a deadlock.
#pragma once

#include "sanitizers.h"
#include "types.h"

#include <boost/context/detail/fcontext.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Of the thread that runs now, as in CUDA.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace cuda_on_cpu {

constexpr unsigned warp_lanes = 32;
constexpr unsigned char poison = 0xFB;  ///< what memory holds before anyone has written: -2.6e36, -67372037

/// Work since the last reset.
struct work_counters {
  std::uint64_t launches = 0, blocks = 0;
  std::uint64_t block_barriers = 0;    ///< each counts once for its block
  std::uint64_t grid_barriers = 0;     ///< each counts once for its grid
  std::uint64_t warp_collectives = 0;  ///< each counts once for its group of lanes
};
inline work_counters& counters() {
  static work_counters all;
  return all;
}
inline void reset_counters() { counters() = {}; }

/// Where in the source a thread waits; as a default argument, the line of the call.
struct site {
  const char* file;
  int line;
  site(const char* file_ = __builtin_FILE(), int line_ = __builtin_LINE()) : file(file_), line(line_) {}
  bool operator==(const site& other) const { return line == other.line && std::strcmp(file, other.file) == 0; }
};

// ------------------------------------------------------------------------------------------- Threads, warps and blocks

struct warp;
struct block;
struct grid;

struct fiber {
  boost::context::detail::fcontext_t context = nullptr;
  sanitized_stack stack;
};

struct thread : fiber {
  uint3 index = {};
  unsigned number = 0, lane = 0;  // in the block, in the warp
  cuda_on_cpu::warp* warp = nullptr;
  cuda_on_cpu::block* block = nullptr;
  const char* waits_in = nullptr;  // the name of a function, or null
  site where;
  bool exited = false;
};

struct warp {
  using finish_function = void (*)(warp&, unsigned lanes);

  unsigned waiting = 0;  // lanes in a collective
  unsigned exited = 0;   // lanes that are no more, or never were
  thread* lanes[warp_lanes] = {};
  // Of each waiting lane: which collective, with whom, what it gave; of each lane that goes on: what it got.
  finish_function finish[warp_lanes] = {};
  unsigned mask[warp_lanes] = {};
  std::uint64_t given[warp_lanes] = {}, got[warp_lanes] = {};
  unsigned source[warp_lanes] = {};
  // Memory order of __syncwarp: lanes release `arrival`, the last one joins them all into its own `departure`.
  char arrival[warp_lanes] = {}, departure[warp_lanes] = {};
  char* departure_of[warp_lanes] = {};
};

struct freed {
  void operator()(void* memory) const { std::free(memory); }
};

struct block {
  uint3 index = {};
  cuda_on_cpu::grid* grid = nullptr;
  std::vector<thread> threads;
  std::vector<warp> warps;
  std::unique_ptr<void, freed> shared;
  unsigned exited = 0, arrived = 0;
  int votes = 0, last_votes = 0;  // of the barrier that goes on, and of the last one
  std::uint64_t barriers = 0;
  site where;    // of the first thread that arrived
  char tags[2];  // memory order of barriers, in turns
};

struct launch_request {
  const void* kernel = nullptr;
  dim3 blocks, threads;
  std::size_t shared_bytes = 0;
  bool cooperative = false;
  std::function<void()> body;
};

struct grid {
  const launch_request* request = nullptr;
  std::vector<block> live;  // one block, or all blocks of a cooperative launch
  unsigned threads = 0, exited = 0, arrived = 0;
  std::uint64_t barriers = 0;
  char tags[2], start, end;
};

inline grid* current_grid = nullptr;
inline thread* running = nullptr;

// --------------------------------------------------------------------------------------------------------------- Orders

enum class order { by_number, reversed, random };

class order_of_threads {
 public:
  order_of_threads() {
    if (const char* text = std::getenv("CUDA_ON_CPU_ORDER")) kind = static_cast<order>(std::atoi(text));
    if (const char* text = std::getenv("CUDA_ON_CPU_SEED"))
      state_ += std::strtoull(text, nullptr, 10) * 2685821657736338717u;
    if (state_ == 0) state_ = 1;
  }

  std::size_t below(std::size_t count) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::size_t>((state_ >> 11) % count);
  }

  order kind = order::by_number;

 private:
  std::uint64_t state_ = 88172645463325252u;
};

inline order_of_threads& chosen_order() {
  static order_of_threads chosen;
  return chosen;
}

/// Threads that can go on; each at most once.
class ready_queue {
 public:
  void resize(std::size_t threads) {
    std::size_t size = 1;
    while (size < threads) size *= 2;
    ring_.resize(size);
    first_ = count_ = 0;
  }
  bool empty() const { return count_ == 0; }
  void push(thread* next) { at(count_++) = next; }
  thread* pop() {
    if (chosen_order().kind == order::random) std::swap(at(0), at(chosen_order().below(count_)));
    --count_;
    return ring_[first_++ & (ring_.size() - 1)];
  }

 private:
  thread*& at(std::size_t place) { return ring_[(first_ + place) & (ring_.size() - 1)]; }

  std::vector<thread*> ring_;
  std::size_t first_ = 0, count_ = 0;
};
inline ready_queue ready;

/// Calls visit(0 .. count - 1), in the order of threads.
template <class Visit>
void in_order(unsigned count, Visit visit) {
  if (chosen_order().kind == order::reversed) {
    for (unsigned i = count; i-- > 0;) visit(i);
  } else {
    for (unsigned i = 0; i < count; ++i) visit(i);
  }
}

// ------------------------------------------------------------------------------------------------------------- Mistakes

/// Its name where the program exports it (-rdynamic), else its address.
inline std::string name_of_kernel(const void* kernel) {
  Dl_info found;
  if (dladdr(kernel, &found) && found.dli_sname && found.dli_saddr == kernel) {
    int status = 0;
    std::unique_ptr<char, freed> readable(abi::__cxa_demangle(found.dli_sname, nullptr, nullptr, &status));
    return status == 0 ? readable.get() : found.dli_sname;
  }
  char text[32];
  std::snprintf(text, sizeof text, "at %p", kernel);
  return text;
}

inline std::string text_of(const site& where) { return std::string(where.file) + ":" + std::to_string(where.line); }

/// What a thread does now.
inline std::string description(const thread& t) {
  if (t.exited) return "exited";
  if (!t.waits_in) return "not waiting";
  std::string text = std::string("in ") + t.waits_in + ", " + text_of(t.where);
  char mask[32];
  std::snprintf(mask, sizeof mask, ", mask %08x", t.warp->mask[t.lane]);
  return t.warp->waiting >> t.lane & 1u ? text + mask : text;
}

/// What the threads of a block do: "threads 0-4 6: exited", a line for all that do the same.
inline void describe(const block& b) {
  std::map<std::string, std::string> threads_that;
  for (std::size_t i = 0, end = 0; i < b.threads.size(); i = end) {
    const std::string doing = description(b.threads[i]);
    for (end = i + 1; end < b.threads.size() && description(b.threads[end]) == doing;) ++end;
    std::string& threads = threads_that[doing];
    if (threads.size() < 60) {
      threads += " " + std::to_string(i) + (end > i + 1 ? "-" + std::to_string(end - 1) : "");
    } else if (threads.back() != '.') {
      threads += " ...";
    }
  }
  for (const auto& entry : threads_that) {
    std::fprintf(stderr, "  block (%u,%u,%u), threads%s: %s\n", b.index.x, b.index.y, b.index.z, entry.second.c_str(),
                 entry.first.c_str());
  }
}

/// Says what the running thread did wrong, where all threads are, and ends the program.
[[noreturn]] inline void mistake(const std::string& what) {
  std::fflush(stdout);
  std::fprintf(stderr, "cuda_on_cpu: %s\n  kernel %s", what.c_str(),
               name_of_kernel(current_grid->request->kernel).c_str());
  if (running) {
    const uint3 b = running->block->index, t = running->index;
    std::fprintf(stderr, ", block (%u,%u,%u), thread (%u,%u,%u)", b.x, b.y, b.z, t.x, t.y, t.z);
  }
  std::fprintf(stderr, "\n");
  for (const block& b : current_grid->live) describe(b);
  std::fflush(stderr);
  std::abort();
}

// --------------------------------------------------------------------------------------------------------------- Jumping

inline fiber host;  // the thread that started the kernel

/// On a new stack, or back on an old one: remembers where the previous fiber stopped.
inline void arrived_from(boost::context::detail::transfer_t transfer, const fiber& here) {
  fiber& previous = *static_cast<fiber*>(transfer.data);
  previous.context = transfer.fctx;
  after_jump(previous.stack, here.stack);
}

inline void make_running(thread* next) {
  running = next;
  if (next) {
    threadIdx = next->index;
    blockIdx = next->block->index;
  }
}

inline void jump(fiber& from, fiber& to) {
  const auto context = to.context;  // read before the thread sanitizer takes this for the other one's doing
  before_jump(from.stack, to.stack);
  arrived_from(boost::context::detail::jump_fcontext(context, &from), from);
}

/// Lets the next thread go on; comes back when this one is taken from the queue.
inline void let_others_run() {
  thread& self = *running;
  if (ready.empty()) mistake("deadlock: every thread waits");
  thread* next = ready.pop();
  if (next == &self) return;
  make_running(next);
  jump(self, *next);
}

/// The running thread waits in `function` until someone puts it into the queue.
inline void wait_in(const char* function, site where) {
  thread& self = *running;
  self.waits_in = function;
  self.where = where;
  let_others_run();
}

inline void wake(thread& waiting) {
  waiting.waits_in = nullptr;
  ready.push(&waiting);
}

inline void note_exit(thread& self) {
  block& b = *self.block;
  if (b.arrived) mistake("a thread exited while others of its block wait in a barrier, at " + text_of(b.where));
  for (unsigned lane = 0; lane < warp_lanes; ++lane) {
    if ((self.warp->waiting >> lane & 1u) && (self.warp->mask[lane] >> self.lane & 1u)) {
      mistake("a thread exited while lane " + std::to_string(lane) + " waits for it in a warp collective");
    }
  }
  self.exited = true;
  self.warp->exited |= 1u << self.lane;
  ++b.exited;
  ++current_grid->exited;
}

/// Chooses who goes on after a thread that has ended: another one, or after the last one the host.
inline fiber& after_exit(thread& self) {
  const unwatched books;
  note_exit(self);
  if (current_grid->exited == current_grid->threads) {
    make_running(nullptr);
    return host;
  }
  if (ready.empty()) mistake("deadlock: the last thread that could run has exited, the others wait");
  thread* next = ready.pop();
  make_running(next);
  return *next;
}

/// The life of a thread. Without sanitizers, because its frame never ends.
[[noreturn]] CUDA_ON_CPU_UNSANITIZED inline void thread_main(boost::context::detail::transfer_t transfer) {
  thread& self = *running;
  {
    const unwatched books;
    arrived_from(transfer, self);
  }
  acquire(&current_grid->start);
  current_grid->request->body();
  release(&current_grid->end);
  fiber& next = after_exit(self);
  const auto context = next.context;
  before_jump(self.stack, next.stack, true);
  boost::context::detail::jump_fcontext(context, static_cast<fiber*>(&self));
  std::abort();  // nobody comes back here
}

// -------------------------------------------------------------------------------------------------------------- Barriers

/// Returns for how many threads of the block `vote` held.
inline int block_barrier(const char* function, bool vote, site where) {
  const unwatched books;
  block& b = *running->block;
  if (b.exited) mistake(std::string(function) + " at " + text_of(where) + " in a block of which threads have exited");
  if (b.arrived == 0) {
    b.where = where;
  } else if (!(b.where == where)) {
    mistake("divergent " + std::string(function) + ": at " + text_of(b.where) + " and at " + text_of(where));
  }
  char* tag = &b.tags[b.barriers % 2];
  release(tag);
  b.votes += vote;
  if (++b.arrived == b.threads.size()) {
    b.last_votes = std::exchange(b.votes, 0);
    b.arrived = 0;
    ++b.barriers;
    ++counters().block_barriers;
    in_order(static_cast<unsigned>(b.threads.size()), [&](unsigned i) { wake(b.threads[i]); });
    let_others_run();
  } else {
    wait_in(function, where);
  }
  acquire(tag);
  return b.last_votes;
}

inline void grid_barrier(site where) {
  const unwatched books;
  grid& g = *current_grid;
  if (!g.request->cooperative) mistake("grid.sync() at " + text_of(where) + " in a launch that is not cooperative");
  if (g.exited) mistake("grid.sync() at " + text_of(where) + " in a grid of which threads have exited");
  char* tag = &g.tags[g.barriers % 2];
  release(tag);
  if (++g.arrived == g.threads) {
    g.arrived = 0;
    ++g.barriers;
    ++counters().grid_barriers;
    in_order(static_cast<unsigned>(g.live.size()), [&](unsigned i) {
      block& b = g.live[i];
      in_order(static_cast<unsigned>(b.threads.size()), [&](unsigned j) { wake(b.threads[j]); });
    });
    let_others_run();
  } else {
    wait_in("grid.sync()", where);
  }
  acquire(tag);
}

/// Lets others run first.
inline void yield() {
  const unwatched books;
  ready.push(running);
  let_others_run();
}

/// The dynamic shared memory of the running block.
inline void* shared_memory() {
  const unwatched books;
  return running->block->shared.get();
}

// --------------------------------------------------------------------------------------------------------------- Running

/// Memory for stacks, kept from launch to launch. Their tops lie at odd places, so that they share the cache.
class stack_memory {
 public:
  static constexpr std::size_t stride = 128 * 1024 + 4096 + 192, bytes = 128 * 1024;

  ~stack_memory() { forget(); }
  sanitizer_fibers fibers;

  void reserve(std::size_t stacks) {
    fibers.reserve(stacks);
    if (stacks <= size_ && !under_thread_sanitizer) return;  // which takes a stack used again for a race
    forget();
    void* memory =
        mmap(nullptr, stacks * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("cuda_on_cpu: no memory for stacks");
      std::abort();
    }
    memory_ = static_cast<char*>(memory);
    size_ = stacks;
  }
  char* bottom(std::size_t i) const { return memory_ + i * stride; }

 private:
  void forget() {
    if (memory_) munmap(memory_, size_ * stride);
    memory_ = nullptr;
  }

  char* memory_ = nullptr;
  std::size_t size_ = 0;
};

inline uint3 index_of(std::size_t number, const dim3& size) {
  const auto x = static_cast<unsigned>(number % size.x), rest = static_cast<unsigned>(number / size.x);
  return {x, rest % size.y, rest / size.y};
}

/// Freshly allocated and of the exact size, so that the address sanitizer sees what goes beyond.
inline void* new_shared_memory(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 16, bytes) != 0) std::abort();
  std::memset(memory, poison, bytes);
  return memory;
}

inline void prepare(block& b, grid& g, std::size_t number, stack_memory& stacks, std::size_t first_stack) {
  const std::size_t threads = g.threads / g.live.size();
  b.index = index_of(number, g.request->blocks);
  b.grid = &g;
  b.shared.reset(new_shared_memory(g.request->shared_bytes));
  b.exited = b.arrived = 0;
  b.votes = 0;
  b.threads.resize(threads);
  b.warps.resize((threads + warp_lanes - 1) / warp_lanes);
  for (warp& w : b.warps) {
    w.waiting = 0;
    w.exited = ~0u;
  }
  for (std::size_t i = 0; i < threads; ++i) {
    thread& t = b.threads[i];
    char* bottom = stacks.bottom(first_stack + i);
    t.context = boost::context::detail::make_fcontext(bottom + stack_memory::bytes, stack_memory::bytes, thread_main);
    t.stack = {bottom, stack_memory::bytes, nullptr, stacks.fibers.next()};
    t.index = index_of(i, g.request->threads);
    t.number = static_cast<unsigned>(i);
    t.lane = t.number % warp_lanes;
    t.block = &b;
    t.warp = &b.warps[i / warp_lanes];
    t.warp->lanes[t.lane] = &t;
    t.warp->exited &= ~(1u << t.lane);
    t.waits_in = nullptr;
    t.exited = false;
  }
}

/// Runs blocks `first`, `first + 1`, ... of the grid together, as many as live.
inline void run_together(grid& g, std::size_t first) {
  static stack_memory stacks;
  stacks.reserve(g.threads);
  ready.resize(g.threads);
  const std::size_t threads_each = g.threads / g.live.size();
  for (std::size_t i = 0; i < g.live.size(); ++i) prepare(g.live[i], g, first + i, stacks, i * threads_each);
  in_order(static_cast<unsigned>(g.live.size()), [&](unsigned i) {
    block& b = g.live[i];
    in_order(static_cast<unsigned>(b.threads.size()), [&](unsigned j) { ready.push(&b.threads[j]); });
  });
  g.exited = g.arrived = 0;
  counters().blocks += g.live.size();
  thread* next = ready.pop();
  make_running(next);
  jump(host, *next);
}

/// Runs a kernel from its first to its last block.
inline void run(const launch_request& request) {
  static grid g;  // kept for its memory
  release(&g.start);
  {
    const unwatched books;
    ++counters().launches;
    g.request = &request;
    current_grid = &g;
    blockDim = request.threads;
    gridDim = request.blocks;
    name_own_stack(host.stack);
    const std::size_t blocks = std::size_t{request.blocks.x} * request.blocks.y * request.blocks.z;
    const unsigned threads = request.threads.x * request.threads.y * request.threads.z;
    g.live.resize(request.cooperative ? blocks : 1);
    g.threads = static_cast<unsigned>(threads * g.live.size());
    if (request.cooperative) {
      run_together(g, 0);
    } else {
      std::vector<std::size_t> numbers(blocks);
      for (std::size_t i = 0; i < blocks; ++i) numbers[i] = i;
      if (chosen_order().kind == order::reversed) std::reverse(numbers.begin(), numbers.end());
      if (chosen_order().kind == order::random) {
        for (std::size_t i = blocks; i > 1; --i) std::swap(numbers[i - 1], numbers[chosen_order().below(i)]);
      }
      for (std::size_t number : numbers) run_together(g, number);
    }
    current_grid = nullptr;
  }
  acquire(&g.end);
}

}  // namespace cuda_on_cpu

// Streams, events and captured graphs.
//
// A stream is lazy: work waits in its queue until someone synchronises with it, so host code that forgets to reads what
// was there before. What must come first in other streams (an event; the null stream and those that block on it) is run
// just before the work that needs it, and nothing else is.
#pragma once

#include "errors.h"
#include "scheduler.h"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};

struct CUstream_st;

namespace cuda_on_cpu {

using action = std::function<void()>;
struct capture;

/// The first `count` pieces of work of a stream.
struct moment {
  std::shared_ptr<CUstream_st> stream;
  std::uint64_t count = 0;
};

struct work {
  action run;
  std::vector<moment> after;
};

}  // namespace cuda_on_cpu

struct CUstream_st {
  bool blocking = true;    // waits for the null stream, and it for this one
  bool destroyed = false;  // by its owner; what it still has to do goes on
  std::deque<cuda_on_cpu::work> queue;
  std::uint64_t done = 0;
  std::vector<cuda_on_cpu::moment> waits_for;  // before the next work
  std::shared_ptr<cuda_on_cpu::capture> capture;

  std::uint64_t enqueued() const { return done + queue.size(); }
};

struct CUgraph_st {
  std::vector<cuda_on_cpu::action> nodes;  // in the order of their calls
};
struct CUgraphExec_st {
  std::vector<cuda_on_cpu::action> nodes;
};

struct CUevent_st {
  cuda_on_cpu::moment recorded;
  std::shared_ptr<std::chrono::steady_clock::time_point> time =
      std::make_shared<std::chrono::steady_clock::time_point>();
  std::shared_ptr<cuda_on_cpu::capture> capture;  // in which it was recorded, if it was
  CUstream_st* captured_stream = nullptr;
  std::size_t captured_nodes = 0;
};

using cudaStream_t = CUstream_st*;
using cudaEvent_t = CUevent_st*;
using cudaGraph_t = CUgraph_st*;
using cudaGraphExec_t = CUgraphExec_st*;

namespace cuda_on_cpu {

/// A capture that goes on: its graph so far, and how much of each stream's part the first stream has waited for.
struct capture {
  struct part {
    std::size_t last = 0, joined = 0;
  };

  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  CUstream_st* origin = nullptr;
  bool spoiled = false;
  std::vector<action> nodes;
  std::map<CUstream_st*, part> parts;
};

/// Everything that the runtime remembers; whoever uses it holds the lock.
class device {
 public:
  std::recursive_mutex lock;

  device() : null_stream_(std::make_shared<CUstream_st>()) { streams_.push_back(null_stream_); }

  std::shared_ptr<CUstream_st> add_stream(bool blocking) {
    auto added = std::make_shared<CUstream_st>();
    added->blocking = blocking;
    streams_.push_back(added);
    return added;
  }

  /// Null for a handle that is no stream.
  std::shared_ptr<CUstream_st> find(cudaStream_t handle) const {
    if (!handle) return null_stream_;
    for (const auto& stream : streams_) {
      if (stream.get() == handle && !stream->destroyed) return stream;
    }
    return nullptr;
  }

  cudaError_t enqueue(cudaStream_t handle, action run) {
    const auto stream = find(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream->capture) {
      if (stream->capture->spoiled) return cudaErrorStreamCaptureInvalidated;
      stream->capture->nodes.push_back(std::move(run));
      stream->capture->parts[stream.get()].last = stream->capture->nodes.size();
      return cudaSuccess;
    }
    work added{std::move(run), std::exchange(stream->waits_for, {})};
    if (stream == null_stream_) {
      for (const auto& other : streams_) {
        if (other->blocking && other->capture) return spoil(*other->capture, cudaErrorStreamCaptureImplicit);
        if (other->blocking && other != stream) add_moment(added.after, other);
      }
    } else if (stream->blocking) {
      add_moment(added.after, null_stream_);
    }
    stream->queue.push_back(std::move(added));
    return cudaSuccess;
  }

  void run(const moment& until) {
    CUstream_st& stream = *until.stream;
    while (stream.done < until.count) {
      const work next = std::move(stream.queue.front());
      stream.queue.pop_front();
      ++stream.done;
      for (const moment& first : next.after) run(first);
      next.run();
    }
  }

  /// The work of a stream, and for the null stream that of all which block on it.
  void run_all(const std::shared_ptr<CUstream_st>& stream) {
    run({stream, stream->enqueued()});
    for (const moment& first : std::exchange(stream->waits_for, {})) run(first);
    if (stream != null_stream_) return;
    for (const auto& other : std::vector<std::shared_ptr<CUstream_st>>(streams_)) {
      if (other->blocking) run({other, other->enqueued()});
    }
  }

  void run_everything() {
    for (const auto& stream : std::vector<std::shared_ptr<CUstream_st>>(streams_)) run_all(stream);
    streams_.erase(std::remove_if(streams_.begin(), streams_.end(), [](const auto& s) { return s->destroyed; }),
                   streams_.end());
  }

  cudaError_t spoil(capture& victim, cudaError_t error) {
    victim.spoiled = true;
    return error;
  }

  /// For calls that must not be made while any stream captures: an error then, and that capture is spoiled.
  cudaError_t forbid_during_capture() {
    cudaError_t result = cudaSuccess;
    for (const auto& stream : streams_) {
      if (stream->capture && stream->capture->mode != cudaStreamCaptureModeRelaxed) {
        result = spoil(*stream->capture, cudaErrorStreamCaptureUnsupported);
      }
    }
    return result;
  }

  cudaError_t end_capture(CUstream_st& origin, cudaGraph_t* graph) {
    *graph = nullptr;
    const std::shared_ptr<capture> ended = origin.capture;
    if (!ended) return cudaErrorInvalidValue;
    if (ended->origin != &origin) return spoil(*ended, cudaErrorStreamCaptureUnmatched);
    bool joined = true;
    for (const auto& stream : streams_) {
      if (stream->capture != ended) continue;
      stream->capture = nullptr;
      const capture::part& part = ended->parts[stream.get()];
      joined = joined && (stream.get() == &origin || part.joined >= part.last);
    }
    if (ended->spoiled) return cudaErrorStreamCaptureInvalidated;
    if (!joined) return cudaErrorStreamCaptureUnjoined;
    *graph = new CUgraph_st{std::move(ended->nodes)};
    return cudaSuccess;
  }

  // Memory: what cudaMalloc gave, by its first byte.
  std::map<const char*, std::size_t> allocations;
  std::map<const void*, std::size_t> shared_bytes_allowed;  // of kernels that asked for more

  /// Whether all `bytes` from `memory` on lie within one allocation.
  bool holds(const void* memory, std::size_t bytes) const {
    const char* first = static_cast<const char*>(memory);
    auto after = allocations.upper_bound(first);
    if (after == allocations.begin()) return false;
    --after;
    return first + bytes <= after->first + after->second;
  }

 private:
  static void add_moment(std::vector<moment>& moments, const std::shared_ptr<CUstream_st>& stream) {
    if (!stream->queue.empty()) moments.push_back({stream, stream->enqueued()});
    moments.insert(moments.end(), stream->waits_for.begin(), stream->waits_for.end());
  }

  std::shared_ptr<CUstream_st> null_stream_;
  std::vector<std::shared_ptr<CUstream_st>> streams_;
};

inline device& the_device() {
  static device only;
  return only;
}

/// A call of the runtime: one at a time.
class runtime_call {
 public:
  runtime_call() : held_(the_device().lock) {}
  device* operator->() const { return &the_device(); }

 private:
  std::lock_guard<std::recursive_mutex> held_;
};

}  // namespace cuda_on_cpu

// -------------------------------------------------------------------------------------------------------------- Streams

enum { cudaStreamDefault = 0, cudaStreamNonBlocking = 1 };
enum { cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2 };

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const cuda_on_cpu::runtime_call call;
  *stream = call->add_stream(flags != cudaStreamNonBlocking).get();
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

inline cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!handle || !stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  stream->destroyed = true;
  return cudaSuccess;
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  call->run_all(stream);
  return cudaSuccess;
}

/// Does a piece of the work each time, so that whoever asks in a loop comes to an end.
inline cudaError_t cudaStreamQuery(cudaStream_t handle) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  if (stream->queue.empty()) return cudaSuccess;
  call->run({stream, stream->done + 1});
  return cudaErrorNotReady;
}

inline cudaError_t cudaDeviceSynchronize() {
  const cuda_on_cpu::runtime_call call;
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  call->run_everything();
  return cudaSuccess;
}

inline cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void*), void* data) {
  const cuda_on_cpu::runtime_call call;
  return cuda_on_cpu::remembered(call->enqueue(stream, [=] { function(data); }));
}

// --------------------------------------------------------------------------------------------------------------- Events

inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
inline cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle = nullptr) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  event->capture = stream->capture;
  if (stream->capture) {
    if (stream->capture->spoiled) return cuda_on_cpu::remembered(cudaErrorStreamCaptureInvalidated);
    event->captured_stream = stream.get();
    event->captured_nodes = stream->capture->nodes.size();
    return cudaSuccess;
  }
  const auto time = event->time;
  const cudaError_t error = call->enqueue(handle, [time] { *time = std::chrono::steady_clock::now(); });
  if (error == cudaSuccess) event->recorded = {stream, stream->enqueued()};
  return cuda_on_cpu::remembered(error);
}

inline cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned = 0) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  if (event->capture) {  // the stream joins the capture, or the capture's first stream waits for another one's part
    if (stream->capture && stream->capture != event->capture) {
      return cuda_on_cpu::remembered(call->spoil(*stream->capture, cudaErrorCapturedEvent));
    }
    stream->capture = event->capture;
    auto& joined = stream->capture->parts[event->captured_stream].joined;
    if (stream.get() == stream->capture->origin) joined = std::max(joined, event->captured_nodes);
    return cudaSuccess;
  }
  if (stream->capture) {
    return event->recorded.stream ? cuda_on_cpu::remembered(call->spoil(*stream->capture, cudaErrorCapturedEvent))
                                  : cudaSuccess;
  }
  if (event->recorded.stream) stream->waits_for.push_back(event->recorded);
  return cudaSuccess;
}

inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const cuda_on_cpu::runtime_call call;
  if (event->capture) return cuda_on_cpu::remembered(call->spoil(*event->capture, cudaErrorCapturedEvent));
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  if (event->recorded.stream) call->run(event->recorded);
  return cudaSuccess;
}

/// Does a piece of the work each time, like cudaStreamQuery.
inline cudaError_t cudaEventQuery(cudaEvent_t event) {
  const cuda_on_cpu::runtime_call call;
  if (event->capture) return cuda_on_cpu::remembered(call->spoil(*event->capture, cudaErrorCapturedEvent));
  if (const cudaError_t error = call->forbid_during_capture()) return cuda_on_cpu::remembered(error);
  const auto& at = event->recorded;
  if (!at.stream || at.stream->done >= at.count) return cudaSuccess;
  call->run({at.stream, at.stream->done + 1});
  return cudaErrorNotReady;
}

inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const cuda_on_cpu::runtime_call call;
  for (const cudaEvent_t event : {start, end}) {
    if (!event->recorded.stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
    if (event->recorded.stream->done < event->recorded.count) return cuda_on_cpu::remembered(cudaErrorNotReady);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *start->time).count();
  return cudaSuccess;
}

// --------------------------------------------------------------------------------------------------------------- Graphs

inline cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const cuda_on_cpu::runtime_call call;
  if (!handle) return cuda_on_cpu::remembered(cudaErrorStreamCaptureUnsupported);
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  if (stream->capture) return cuda_on_cpu::remembered(cudaErrorInvalidValue);
  stream->capture = std::make_shared<cuda_on_cpu::capture>();
  stream->capture->mode = mode;
  stream->capture->origin = handle;
  return cudaSuccess;
}

inline cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  return cuda_on_cpu::remembered(call->end_capture(*stream, graph));
}

inline cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const cuda_on_cpu::runtime_call call;
  const auto stream = call->find(handle);
  if (!stream) return cuda_on_cpu::remembered(cudaErrorInvalidResourceHandle);
  *status = !stream->capture           ? cudaStreamCaptureStatusNone
            : stream->capture->spoiled ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* program, cudaGraph_t graph, unsigned long long = 0) {
  *program = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}

inline cudaError_t cudaGraphLaunch(cudaGraphExec_t program, cudaStream_t stream) {
  const cuda_on_cpu::runtime_call call;
  for (const auto& node : program->nodes) {
    if (const cudaError_t error = call->enqueue(stream, node)) return cuda_on_cpu::remembered(error);
  }
  return cudaSuccess;
}

inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t program) {
  delete program;
  return cudaSuccess;
}

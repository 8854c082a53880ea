// The calls of the CUDA runtime that the backend makes, on the queues of queues.h.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/cuda_on_cpu/queues.h"

namespace ppplan::cuda_on_cpu {
namespace {

thread_local int device = 0;
thread_local cudaError_t last_error = cudaSuccess;

cudaError_t noted(int error) {
  if (error != cudaSuccess) last_error = static_cast<cudaError_t>(error);
  return static_cast<cudaError_t>(error);
}

/// A call under the machine's lock: its body, unless it is to fail.
template <typename Body>
cudaError_t call(const char* name, Body body) {
  std::unique_lock lock(runtime().mutex);
  int error = runtime().enter(name);
  if (error == 0) error = runtime().sticky;
  return noted(error != 0 ? error : static_cast<int>(body(runtime(), lock)));
}

template <typename Double, typename Handle>
Double* known(const std::set<Double*>& all, Handle handle) {
  auto* const it = reinterpret_cast<Double*>(handle);
  return all.contains(it) ? it : nullptr;
}

bool captures(const Runtime& machine) { return any_capture() && machine.sticky == 0; }

cudaError_t allocate(Runtime& machine, void** out, std::size_t bytes, bool pinned) {
  if (captures(machine)) return cudaErrorStreamCaptureUnsupported;
  if (!pinned && machine.taken(device) + bytes > machine.shape.memory_bytes) return cudaErrorMemoryAllocation;
  constexpr std::size_t kBoundary = 256;
  if (posix_memalign(out, kBoundary, bytes == 0 ? 1 : bytes) != 0) return cudaErrorMemoryAllocation;
  std::memset(*out, 0xff, bytes);
  machine.allocations[*out] = {bytes, pinned, device};
  return cudaSuccess;
}

cudaError_t release(Runtime& machine, std::unique_lock<std::recursive_mutex>& lock, void* memory) {
  if (memory == nullptr) return cudaSuccess;
  const auto known = machine.allocations.find(memory);
  if (known == machine.allocations.end()) return cudaErrorInvalidValue;
  // Of a machine that nobody else brings work to, everything: a copy of another device may read this memory.
  for (int each = 0; each < machine.shape.devices; ++each)
    if (machine.shape.patience_s == 0 || each == known->second.device) machine.finish(lock, each);
  machine.allocations.erase(memory);
  std::free(memory);
  return cudaSuccess;
}

const Allocation* allocation_of(const Runtime& machine, const void* address) {
  auto it = machine.allocations.upper_bound(const_cast<void*>(address));
  if (it == machine.allocations.begin()) return nullptr;
  --it;
  const auto at = static_cast<std::size_t>(static_cast<const char*>(address) - static_cast<char*>(it->first));
  return at < it->second.bytes ? &it->second : nullptr;
}

bool is_device(const Runtime& machine, const void* address) {
  const Allocation* found = allocation_of(machine, address);
  return found != nullptr && !found->pinned;
}
bool is_pageable(const Runtime& machine, const void* address) { return allocation_of(machine, address) == nullptr; }

/// As CUDA has it: from pageable memory the source is read before the call returns; to pageable memory the call returns
/// when the copy has ended.
cudaError_t copy(Runtime& machine, std::unique_lock<std::recursive_mutex>& lock, void* to, const void* from,
                 std::size_t bytes, cudaMemcpyKind kind, StreamDouble* stream) {
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  if (bytes == 0) return cudaSuccess;
  if (is_device(machine, from) != from_device || is_device(machine, to) != to_device) return cudaErrorInvalidValue;
  std::function<void()> task = [=] { std::memcpy(to, from, bytes); };
  if (!from_device && is_pageable(machine, from)) {
    const auto* data = static_cast<const char*>(from);
    task = [to, staged = std::vector<char>(data, data + bytes)] { std::memcpy(to, staged.data(), staged.size()); };
  }
  machine.append(*stream, {std::move(task), {}});
  if (!to_device && is_pageable(machine, to) && !machine.run_until(lock, [stream] { return stream->tasks.empty(); }))
    return cudaErrorLaunchTimeout;
  return static_cast<cudaError_t>(machine.sticky);
}

}  // namespace

int current_device() { return device; }

}  // namespace ppplan::cuda_on_cpu

using namespace ppplan::cuda_on_cpu;

extern "C" {

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    default:
      return "another cudaError";
  }
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaGetDeviceCount(int* count) {
  return call("cudaGetDeviceCount", [&](Runtime& machine, auto&) {
    *count = machine.shape.devices;
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
  });
}
cudaError_t cudaGetDevice(int* out) {
  return call("cudaGetDevice", [&](Runtime&, auto&) {
    *out = device;
    return cudaSuccess;
  });
}
cudaError_t cudaSetDevice(int chosen) {
  return call("cudaSetDevice", [&](Runtime& machine, auto&) {
    if (chosen < 0 || chosen >= machine.shape.devices) return cudaErrorInvalidDevice;
    device = chosen;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  return call("cudaDeviceGetAttribute", [&](Runtime& machine, auto&) {
    constexpr int kClockKilohertz = 1;  // of no meaning
    if (attribute == cudaDevAttrMultiProcessorCount)
      *value = machine.shape.processors;
    else if (attribute == cudaDevAttrClockRate || attribute == cudaDevAttrMemoryClockRate)
      *value = kClockKilohertz;
    else
      return cudaErrorInvalidValue;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return call("cudaDeviceGetStreamPriorityRange", [&](Runtime&, auto&) {
    *least = 0;
    *greatest = -5;
    return cudaSuccess;
  });
}

// Devices of even number reach all others, the rest none.
cudaError_t cudaDeviceCanAccessPeer(int* can, int from, int) {
  return call("cudaDeviceCanAccessPeer", [&](Runtime&, auto&) {
    *can = from % 2 == 0 ? 1 : 0;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
  return call("cudaDeviceEnablePeerAccess", [&](Runtime& machine, auto&) {
    return machine.peers.insert({device, peer}).second ? cudaSuccess : cudaErrorPeerAccessAlreadyEnabled;
  });
}

cudaError_t cudaMalloc(void** out, size_t bytes) {
  return call("cudaMalloc", [&](Runtime& machine, auto&) { return allocate(machine, out, bytes, false); });
}
cudaError_t cudaMallocHost(void** out, size_t bytes) {
  return call("cudaMallocHost", [&](Runtime& machine, auto&) { return allocate(machine, out, bytes, true); });
}
// Freeing works whatever came before.
cudaError_t cudaFree(void* memory) {
  std::unique_lock lock(runtime().mutex);
  runtime().enter("cudaFree");
  return release(runtime(), lock, memory);
}
cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call("cudaMemGetInfo", [&](Runtime& machine, auto&) {
    *total = machine.shape.memory_bytes;
    *free = *total - machine.taken(device);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* out, unsigned, int) {
  return call("cudaStreamCreateWithPriority", [&](Runtime& machine, auto&) {
    *out = reinterpret_cast<cudaStream_t>(machine.make_stream(device, nullptr));
    return cudaSuccess;
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  std::unique_lock lock(runtime().mutex);
  Runtime& machine = runtime();
  machine.enter("cudaStreamDestroy");
  StreamDouble* const it = known(machine.streams, stream);
  if (it == nullptr) return cudaErrorInvalidResourceHandle;
  if (!machine.run_until(lock, [it] { return it->tasks.empty(); }))
    machine.dropped += static_cast<int>(it->tasks.size());
  machine.streams.erase(it);
  delete it;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call("cudaStreamSynchronize", [&](Runtime& machine, auto& lock) {
    StreamDouble* const it = known(machine.streams, stream);
    if (it == nullptr) return cudaErrorInvalidResourceHandle;
    if (it->capture) return cudaErrorStreamCaptureUnsupported;
    if (!machine.run_until(lock, [it] { return it->tasks.empty(); })) return cudaErrorLaunchTimeout;
    return static_cast<cudaError_t>(machine.sticky);
  });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call("cudaStreamWaitEvent", [&](Runtime& machine, auto&) {
    StreamDouble* const it = known(machine.streams, stream);
    const EventDouble* const at = known(machine.events, event);
    if (it == nullptr || at == nullptr) return cudaErrorInvalidResourceHandle;
    if (it->capture) return cudaErrorStreamCaptureUnsupported;
    if (at->latest) machine.append(*it, {{}, [recording = at->latest] { return recording->done; }});
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned) {
  return call("cudaEventCreateWithFlags", [&](Runtime& machine, auto&) {
    auto* const made = new EventDouble{device, {}};
    machine.events.insert(made);
    *out = reinterpret_cast<cudaEvent_t>(made);
    return cudaSuccess;
  });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const MachineLock lock;
  EventDouble* const it = known(runtime().events, event);
  if (it == nullptr) return cudaErrorInvalidResourceHandle;
  runtime().events.erase(it);
  delete it;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call("cudaEventRecord", [&](Runtime& machine, auto&) {
    StreamDouble* const it = known(machine.streams, stream);
    EventDouble* const at = known(machine.events, event);
    if (it == nullptr || at == nullptr || it->device != at->device) return cudaErrorInvalidResourceHandle;
    if (it->capture) return cudaErrorStreamCaptureUnsupported;
    at->latest = std::make_shared<Recording>();
    machine.append(*it, {[&machine, recording = at->latest] {
                           recording->done = true;
                           recording->tick = machine.tick;
                         },
                         {}});
    return cudaSuccess;
  });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call("cudaEventQuery", [&](Runtime& machine, auto&) {
    const EventDouble* const at = known(machine.events, event);
    if (at == nullptr) return cudaErrorInvalidResourceHandle;
    machine.step();
    if (machine.sticky != 0) return static_cast<cudaError_t>(machine.sticky);
    return at->latest && !at->latest->done ? cudaErrorNotReady : cudaSuccess;
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  return call("cudaEventElapsedTime", [&](Runtime& machine, auto&) {
    const EventDouble *const a = known(machine.events, from), *const b = known(machine.events, to);
    if (a == nullptr || b == nullptr || a->device != b->device) return cudaErrorInvalidResourceHandle;
    if (!a->latest || !b->latest) return cudaErrorInvalidResourceHandle;
    if (!a->latest->done || !b->latest->done) return cudaErrorNotReady;
    const double ticks = static_cast<double>(b->latest->tick) - static_cast<double>(a->latest->tick);
    *milliseconds = static_cast<float>(1e3 * machine.shape.tick_s * ticks);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return call("cudaMemcpyAsync", [&](Runtime& machine, auto& lock) {
    StreamDouble* const it = known(machine.streams, stream);
    if (it == nullptr) return cudaErrorInvalidResourceHandle;
    return copy(machine, lock, to, from, bytes, kind, it);
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return call("cudaMemsetAsync", [&](Runtime& machine, auto&) {
    StreamDouble* const it = known(machine.streams, stream);
    if (it == nullptr) return cudaErrorInvalidResourceHandle;
    if (!is_device(machine, to)) return cudaErrorInvalidValue;
    machine.append(*it, {[=] { std::memset(to, value, bytes); }, {}});
    return static_cast<cudaError_t>(machine.sticky);
  });
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes, cudaStream_t stream) {
  return call("cudaMemcpyPeerAsync", [&](Runtime& machine, auto& lock) {
    StreamDouble* const it = known(machine.streams, stream);
    if (it == nullptr) return cudaErrorInvalidResourceHandle;
    return copy(machine, lock, to, from, bytes, cudaMemcpyDeviceToDevice, it);
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return call("cudaStreamBeginCapture", [&](Runtime& machine, auto&) {
    StreamDouble* const it = known(machine.streams, stream);
    if (it == nullptr) return cudaErrorInvalidResourceHandle;
    if (it->capture) return cudaErrorIllegalState;
    it->capture = std::make_unique<GraphDouble>();
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* out) {
  return call("cudaStreamEndCapture", [&](Runtime& machine, auto&) {
    StreamDouble* const it = known(machine.streams, stream);
    if (it == nullptr || !it->capture) return cudaErrorIllegalState;
    machine.graphs.insert(it->capture.get());
    *out = reinterpret_cast<cudaGraph_t>(it->capture.release());
    return cudaSuccess;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long) {
  return call("cudaGraphInstantiate", [&](Runtime& machine, auto&) {
    const GraphDouble* const from = known(machine.graphs, graph);
    if (from == nullptr) return cudaErrorInvalidValue;
    auto* const made = new GraphDouble(*from);
    machine.graphs.insert(made);
    *out = reinterpret_cast<cudaGraphExec_t>(made);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return call("cudaGraphLaunch", [&](Runtime& machine, auto&) {
    const GraphDouble* const it = known(machine.graphs, graph);
    StreamDouble* const queue = known(machine.streams, stream);
    if (it == nullptr || queue == nullptr) return cudaErrorInvalidResourceHandle;
    for (const auto& node : it->nodes) machine.append(*queue, {node, {}});
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const MachineLock lock;
  GraphDouble* const it = known(runtime().graphs, graph);
  if (it == nullptr) return cudaErrorInvalidValue;
  runtime().graphs.erase(it);
  delete it;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  return cudaGraphDestroy(reinterpret_cast<cudaGraph_t>(graph));
}

}  // extern "C"

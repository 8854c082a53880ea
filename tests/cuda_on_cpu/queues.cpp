#include "tests/cuda_on_cpu/queues.h"

#include <driver_types.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "tests/cuda_on_cpu/execution.h"

namespace ppplan::cuda_on_cpu {
namespace {

void take(void* stream, Launch launch) {
  Runtime& machine = runtime();
  const std::lock_guard lock(machine.mutex);
  const int error = machine.enter("kernel launch");
  if (error != 0 || machine.sticky != 0) throw std::runtime_error("kernel launch: cudaErrorLaunchFailure");
  if (device_of(stream) != current_device()) throw std::runtime_error("kernel launch: a stream of another device");
  enqueue(stream, [launch] { runtime().run_kernel(launch); });
}

}  // namespace

// Never destroyed: owners of handles may outlive every other static.
Runtime& runtime() {
  static Runtime* const it = [] {
    take_launches(take);
    return new Runtime;
  }();
  return *it;
}

void Runtime::set(std::uint32_t seed, const MachineShape& new_shape) {
  if (objects() > 0) throw std::logic_error("a new machine while the old one is in use");
  shape = new_shape;
  random_.seed(seed);
  set_thread_order(seed);
  constexpr Pace kPaces[] = {Pace::mixed, Pace::lazy, Pace::eager};
  pace_ = kPaces[draw(3)];
  ranked_ = draw(2) == 0;
  tick = 0;
  streams_made = falls_ = 0;
  cuts = outside_slices = 0;
  sticky = dropped = 0;
  counts.clear();
  peers.clear();
  descriptions.clear();
  injected.clear();
  kernels_to_fault = -1;
}

int Runtime::enter(const std::string& call) {
  ++counts[call];
  if (pace_ == Pace::eager)
    while (step()) {
    }
  if (pace_ == Pace::mixed)
    for (std::size_t left = draw(2) * draw(6); left > 0 && step(); --left) {
    }
  const auto found = injected.find(call);
  if (found == injected.end() || found->second.left-- > 0) return 0;
  const int error = found->second.error;
  injected.erase(found);
  return error;
}

// Uniform, or by ranks of which one now and then falls to the end: the few orders that a fault of given depth needs
// come up sooner that way (Burckhardt et al., A randomized scheduler with probabilistic guarantees of finding bugs,
// 2010).
StreamDouble* Runtime::pick(std::vector<StreamDouble*> ready) {
  // By age, which repeats from run to run where addresses don't.
  std::sort(ready.begin(), ready.end(), [](auto* a, auto* b) { return a->number < b->number; });
  if (!ranked_) return ready[draw(ready.size())];
  StreamDouble* const best =
      *std::max_element(ready.begin(), ready.end(), [](auto* a, auto* b) { return a->rank < b->rank; });
  if (draw(8) == 0) best->rank = -static_cast<double>(++falls_);
  return best;
}

bool Runtime::step() {
  std::vector<StreamDouble*> ready;
  for (StreamDouble* stream : streams)
    if (!stream->tasks.empty() && stream->tasks.front().may_run()) ready.push_back(stream);
  if (ready.empty()) return false;
  StreamDouble* const stream = pick(std::move(ready));
  const Task task = std::move(stream->tasks.front());
  stream->tasks.pop_front();
  ++tick;
  if (sticky == 0 && task.run) task.run();
  changed.notify_all();
  return true;
}

bool Runtime::run_until(std::unique_lock<std::recursive_mutex>& lock, const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(shape.patience_s);
  while (!holds() && sticky == 0) {
    if (step()) continue;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    changed.wait_for(lock, std::chrono::milliseconds(1));
  }
  return true;
}

void Runtime::finish(std::unique_lock<std::recursive_mutex>& lock, int device) {
  const auto own = [&](auto* stream) { return stream->device == device; };
  const auto idle = [&] {
    return std::all_of(streams.begin(), streams.end(), [&](auto* s) { return !own(s) || s->tasks.empty(); });
  };
  if (run_until(lock, idle) && sticky == 0) return;
  for (StreamDouble* stream : streams) {
    if (!own(stream)) continue;
    dropped += static_cast<int>(stream->tasks.size());
    stream->tasks.clear();
  }
}

void Runtime::append(StreamDouble& stream, Task task) {
  if (stream.capture)
    stream.capture->nodes.push_back(std::move(task.run));
  else
    stream.tasks.push_back(std::move(task));
  changed.notify_all();
}

StreamDouble* Runtime::make_stream(int device, SliceDouble* slice) {
  auto* const made = new StreamDouble;
  made->device = device;
  made->slice = slice;
  made->number = streams_made++;
  made->rank = static_cast<double>(draw(1000));
  streams.insert(made);
  return made;
}

void Runtime::run_kernel(const std::function<void()>& kernel) {
  if (kernels_to_fault-- == 0) {
    sticky = cudaErrorLaunchFailure;
    return;
  }
  kernel();
}

std::size_t Runtime::taken(int device) const {
  std::size_t bytes = 0;
  for (const auto& [memory, allocation] : allocations)
    if (allocation.device == device && !allocation.pinned) bytes += allocation.bytes;
  return bytes;
}

void set_machine(std::uint32_t seed, const MachineShape& shape) {
  const MachineLock lock;
  runtime().set(seed, shape);
}
void inject(const std::string& call, int nth, int error) {
  const MachineLock lock;
  runtime().injected[call] = {nth, error};
}
void inject_fault(int nth) {
  const MachineLock lock;
  runtime().kernels_to_fault = nth;
}
int calls(const std::string& name) {
  const MachineLock lock;
  return runtime().counts[name];
}
int objects() {
  const MachineLock lock;
  const Runtime& r = runtime();
  return static_cast<int>(r.streams.size() + r.events.size() + r.graphs.size() + r.allocations.size() +
                          r.slices.size());
}
int outside_slices() {
  const MachineLock lock;
  return runtime().outside_slices;
}
std::size_t taken_bytes(int device) {
  const MachineLock lock;
  return runtime().taken(device);
}
int dropped() {
  const MachineLock lock;
  return runtime().dropped;
}
int enter(const char* call) {
  const MachineLock lock;
  return runtime().enter(call);
}
int enqueue(void* stream, std::function<void()> task, Condition condition) {
  const MachineLock lock;
  auto* const queue = static_cast<StreamDouble*>(stream);
  if (!runtime().streams.contains(queue)) return cudaErrorInvalidResourceHandle;
  if (!runtime().slices.empty() && queue->slice == nullptr) ++runtime().outside_slices;
  runtime().append(*queue, {std::move(task), std::move(condition)});
  return cudaSuccess;
}
bool has_failed() {
  const MachineLock lock;
  return runtime().sticky != 0;
}
bool any_capture() {
  const MachineLock lock;
  const auto& streams = runtime().streams;
  return std::any_of(streams.begin(), streams.end(), [](auto* stream) { return stream->capture != nullptr; });
}
int device_of(void* stream) {
  const MachineLock lock;
  auto* const queue = static_cast<StreamDouble*>(stream);
  return runtime().streams.contains(queue) ? queue->device : -1;
}

MachineLock::MachineLock() { runtime().mutex.lock(); }
MachineLock::~MachineLock() { runtime().mutex.unlock(); }

}  // namespace ppplan::cuda_on_cpu

// Streams as queues, events, and the scheduler: the inside of runtime.h.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::cuda_on_cpu {

struct Task {
  std::function<void()> run;
  Condition condition;
  bool may_run() const { return !condition || condition(); }
};

/// One recording of an event.
struct Recording {
  bool done = false;
  std::uint64_t tick = 0;
};
struct EventDouble {
  int device = 0;
  std::shared_ptr<Recording> latest;
};

struct GraphDouble {
  std::vector<std::function<void()>> nodes;
};

/// Multiprocessors of a device for some streams alone: a green context.
struct SliceDouble {
  int device = 0;
  int processors = 0;
  std::vector<std::pair<int, int>> groups;  // (cut, group)
};

struct StreamDouble {
  int device = 0;
  int number = 0;                // in the order in which streams were made
  SliceDouble* slice = nullptr;  // none: the whole device
  std::deque<Task> tasks;
  double rank = 0;  // where the scheduler prefers one stream over another
  std::unique_ptr<GraphDouble> capture;
};

struct Allocation {
  std::size_t bytes = 0;
  bool pinned = false;
  int device = 0;
};

/// Everything of the machine, used under its mutex.
class Runtime {
 public:
  void set(std::uint32_t seed, const MachineShape& shape);
  /// Counts a call, lets the scheduler have its turn, and returns the error that was injected, 0 for none.
  int enter(const std::string& call);
  /// Runs the head of one stream that may run; false where none may.
  bool step();
  /// Steps until `holds`; false where nothing can run any more and no other thread brings anything within the machine's
  /// patience. `lock` is the only one of this thread.
  bool run_until(std::unique_lock<std::recursive_mutex>& lock, const std::function<bool()>& holds);
  /// Runs all of a device's streams to their ends, and drops what can never run.
  void finish(std::unique_lock<std::recursive_mutex>& lock, int device);
  void append(StreamDouble& stream, Task task);
  StreamDouble* make_stream(int device, SliceDouble* slice);
  void run_kernel(const std::function<void()>& kernel);
  std::size_t taken(int device) const;
  bool idle(const StreamDouble& stream) const { return stream.tasks.empty(); }
  std::size_t draw(std::size_t below) { return random_() % below; }

  std::recursive_mutex mutex;
  std::condition_variable_any changed;
  MachineShape shape;
  std::set<StreamDouble*> streams;
  int streams_made = 0;
  std::set<EventDouble*> events;
  std::set<GraphDouble*> graphs;
  std::map<void*, Allocation> allocations;
  std::set<std::pair<int, int>> peers;  // access that was enabled
  std::set<SliceDouble*> slices;
  std::set<std::pair<int, std::pair<int, int>>> sliced_groups;  // (device, group)
  std::vector<std::shared_ptr<void>> descriptions;
  int cuts = 0;
  int outside_slices = 0;
  std::uint64_t tick = 0;
  int sticky = 0;  // error that every call returns
  int dropped = 0;
  std::map<std::string, int> counts;
  struct Injected {
    int left;
    int error;
  };
  std::map<std::string, Injected> injected;
  int kernels_to_fault = -1;

 private:
  enum class Pace { lazy, mixed, eager };
  StreamDouble* pick(std::vector<StreamDouble*> ready);

  std::mt19937 random_{1};
  Pace pace_ = Pace::mixed;
  bool ranked_ = false;
  int falls_ = 0;
};

Runtime& runtime();

}  // namespace ppplan::cuda_on_cpu

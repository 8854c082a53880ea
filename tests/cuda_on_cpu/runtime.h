// A double of the CUDA runtime's streams: the calls that the CUDA backend makes, defined here instead of in libcudart.
// Streams are queues; a seeded scheduler runs any queue whose head may run, now and then while the program calls and
// whenever it waits, so that every legal interleaving of streams comes up under some seed. Kernels run on the double of
// the execution model. Not a GPU.
//
// What it makes visible:
//  * a missing event wait, or a buffer that is used again too early: a wrong result under some seed;
//  * memory read before it was written: it starts as bytes 0xff, a NaN; out of bounds, under AddressSanitizer;
//  * pinned memory that changes before an asynchronous copy reads it;
//  * a call that a capturing stream does not allow, a launch on another device's stream, a handle of nothing.
// Injected errors: any call by name, or a kernel that fails while it runs, after which every call fails.
// What it can't show: speed, the driver's behaviour, concurrency within two kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace ppplan::cuda_on_cpu {

struct MachineShape {
  int devices = 2;
  int processors = 4;                               // multiprocessors of each
  std::size_t memory_bytes = std::size_t{1} << 40;  // of each
  int slice_processors = 2;                         // the least slice of a device; 0: the driver has none
  double tick_s = 1e-6;   // what a step of the scheduler lasts on the events' clock: of no meaning
  double patience_s = 0;  // how long a call that waits does so while nothing can run: for what other threads will bring
  bool ranks_share_devices = false;  // NCCL takes two ranks on one device for ranks of two hosts
};

/// What every device of the double calls itself: measurements on it are of no GPU.
inline constexpr const char* kDeviceName = "cuda-double-no-gpu";
inline constexpr int kL2Bytes = 4096;

/// A new machine, with nothing enqueued and no errors, whose scheduler follows the seed. All streams must be gone.
void set_machine(std::uint32_t seed, const MachineShape& shape = {});

/// The nth call (from 0) of this name from now on returns `error` instead of doing anything: a cudaError_t, or the
/// status of the library that the name belongs to.
void inject(const std::string& call, int nth, int error);
/// The nth kernel that runs from now on fails.
void inject_fault(int nth);
/// Calls of this name since set_machine.
int calls(const std::string& name);

/// How many things the machine still has: streams, events, graphs, allocations.
int objects();
/// Kernels and products that ran outside of all slices while there were any.
int outside_slices();
/// Bytes of a device's memory that are taken.
std::size_t taken_bytes(int device);
/// Work that was dropped since set_machine because it could never run.
int dropped();

// For doubles of other libraries.

/// Counts the call; its injected error, 0 without.
int enter(const char* call);
/// Whether a kernel has failed, so that nothing can run any more.
bool has_failed();
/// May `task` run; always when empty.
using Condition = std::function<bool()>;
/// Appends to a stream. Returns a cudaError_t.
int enqueue(void* stream, std::function<void()> task, Condition condition = {});
bool any_capture();
/// The device of a stream; -1 for none.
int device_of(void* stream);
int current_device();
/// Locks the machine for the time it lives; locks nest.
class MachineLock {
 public:
  MachineLock();
  ~MachineLock();
};

}  // namespace ppplan::cuda_on_cpu

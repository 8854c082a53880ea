// A double of CUDA's execution model on one CPU thread: a launch runs the blocks of its grid one after another and the
// threads of a block as fibers, which change places where threads wait for each other. Not a GPU: what passes here is
// free of the faults that the double can see, and has never run on one.
//
// What it makes visible:
//  * a missing barrier: blocks, and the threads that may go on, are taken in a seeded random order, so that under some
//    seed a value is read before it is written, or overwritten before it is read;
//  * memory read before it was written: the dynamic shared memory of a block starts as bytes 0xff, a NaN in each type;
//  * a barrier or a warp's exchange that not all of its threads reach: ExecutionError instead of a hang;
//  * an asynchronous copy used without waiting: each lands at once or at the latest moment that is allowed, by chance;
//  * accesses out of bounds, under AddressSanitizer: shared memory is exactly as large as the launch says.
// What it can't show: speed, races between blocks that run at once, memory ordering of the real machine.
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>

namespace ppplan::cuda_on_cpu {

using Site = std::source_location;

/// A launch that a GPU would refuse, hang in, or run with undefined results; the text names threads and source lines.
class ExecutionError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Seed of the order of threads and blocks, and of copies landing early or late, for the launches that follow.
void set_thread_order(std::uint32_t seed);

/// Runs `thread` for every thread of every block. Throws ExecutionError; the program can go on after it.
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread);

/// Where launches go: run at once, unless a double of the runtime (runtime.h) takes them into its streams.
using Launch = std::function<void()>;
using LaunchTaker = void (*)(void* stream, Launch launch);
void take_launches(LaunchTaker taker);
void submit(void* stream, Launch launch);

/// Threads that were run since the program began.
std::uint64_t threads_run();

// The rest is called by threads of a launch.

/// Returns when every thread of the block is in it, at the same source line.
void block_barrier(const char* name, const Site& site);

/// What the lanes of a warp bring to an exchange: operand[lane] of every lane in the mask.
struct Lanes {
  unsigned mask = 0;
  void* operand[32] = {};
  bool has(int lane) const { return (mask >> lane & 1u) != 0; }
};
/// Returns when every lane of the mask has come to the same line; the last of them calls `combine`.
void meet(const char* name, unsigned mask, void* operand, void (*combine)(const Lanes&), const Site& site);

/// Ends the launch with an ExecutionError.
[[noreturn]] void fail(const std::string& what);

/// An asynchronous copy of `valid` bytes out of 16, the rest zeros, in the group that is open.
struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  int valid = 16;
  int group = 0;
};
void start_copy(const Copy& copy);
void commit_copies();
/// Completes all but the `pending` newest committed groups of this thread.
void wait_copies(int pending);

int lane_index();
void* shared_memory();
inline std::string text_of(const Site& site) {
  const std::string file = site.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(site.line());
}

}  // namespace ppplan::cuda_on_cpu

// Built-in variables of the running thread.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

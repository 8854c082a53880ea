// Ranks whose messages NCCL carries, one GPU each. The control plane is another world (tcp between processes, threads
// in tests), as vLLM pairs a CPU group with its device group: it tells sizes before a message is sent, and who ended or
// hangs. Buffers of the Group interface are host memory, so a message goes up to the GPU, across and down again.
//
// A pair of ranks has a communicator for each direction, made with the group in one order on all ranks, and a stream
// for each. A message counts its deadline from when it is the first of its direction.
#pragma once

#include <memory>

#include "exec/cuda/nccl_library.h"
#include "exec/groups/world.h"

namespace ppplan::exec::cuda {

struct NcclSettings {
  int gpu = 0;
  double deadline_s = 10;  // of one message on the GPU
};

/// Each rank calls it with its place in one control world. `calls` outlives the result. All members of a group make it
/// at the same time, in the same order as their other groups.
std::unique_ptr<groups::World> join_nccl_world(std::unique_ptr<groups::World> control, const NcclCalls& calls,
                                               const NcclSettings& settings);

}  // namespace ppplan::exec::cuda

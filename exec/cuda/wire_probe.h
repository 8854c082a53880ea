// Times of messages between two GPUs as a run moves them: through StreamRun and the wires, two receive buffers, one
// message after another.
#pragma once

#include <cstddef>
#include <vector>

#include "exec/cuda/wires.h"
#include "exec/groups/parallel_state.h"

namespace ppplan::exec::cuda {

/// The edge that the messages belong to.
inline constexpr groups::StageEdge kProbedEdge{0, 1};

/// Seconds of each of `count` messages of `bytes`, after two that are not counted. Throws DeviceError.
std::vector<double> message_seconds(Wires& wires, int from_gpu, int to_gpu, std::size_t bytes, int count);

/// "nvlink" where one GPU changes the other's memory by atomic operations, which PCIe doesn't carry between GPUs, else
/// "pcie".
const char* link_between(int from_gpu, int to_gpu);

}  // namespace ppplan::exec::cuda

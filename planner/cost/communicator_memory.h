// What tensor-parallel groups and pipelines hold outside of PyTorch beside the engine's own workspaces.
//
//   inside    grows in the profile run and is taken off the budget: workspaces of the group; on a fabric also NCCL's
//             later channels and the workspace of the fused all-reduce and norm (2, 4 or 8 ranks, not with
//             enforce_eager); before 0.11 the communicators themselves on a fabric
//   outside   communicators, made before the budget is read since 0.11
// Replicas, since 0.14 of models with experts alone, have communicators of their own: one of the ranks that stand in
// the same place of every replica and, since 0.9 and with experts, one of all ranks; counted as those of a
// tensor-parallel group.
//
// A fabric is NVLink between all cards of a group on one node, of compute capability 9.x or 10.x: NCCL, PyTorch's
// symmetric memory and FlashInfer then keep buffers for multicast.
//
// Source: vllm/v1/worker/gpu_worker.py (init_device), config/vllm.py (enable_allreduce_rms_fusion) and
// distributed/device_communicators at 017e9f4448; bytes with sources in planner/catalog/data/memory.json.
#pragma once

#include <cstdint>

#include "planner/engines/memory_rules.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

struct CommunicatorMemory {
  std::int64_t inside_bytes = 0;
  std::int64_t outside_bytes = 0;
  bool fabric = false;
};
/// Its memory is the host's, so that the server's own processes count as memory in use.
bool shares_host_memory(const spec::Plan& plan, const spec::Stage& stage);
/// What NCCL keeps for the all-reduces of one layer in one captured graph, two a layer: r bytes for each of the ranks.
/// 0 where vLLM's own all-reduce does them: on one node, 2, 4, 6 or 8 ranks, all on NVLink, or two that reach each
/// other's memory over PCIe, which GeForce cards don't. Source: distributed/device_communicators/custom_all_reduce.py
/// of v0.8.5.
double collective_graph_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules);
CommunicatorMemory communicator_memory(const spec::Plan& plan, const spec::Stage& stage,
                                       const engines::MemoryRules& rules);
/// All that the profile run finds outside of the model's tensors on a card of the stage: the engine's workspaces,
/// processes of an integrated card's host, and what `communicators` hold inside.
std::int64_t non_torch_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                             const CommunicatorMemory& communicators);

}  // namespace ppplan::cost

#include "planner/cost/communicator_memory.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "planner/cost/link_costs.h"

namespace ppplan::cost {
namespace {

constexpr int hopper = 90;
constexpr int after_blackwell_servers = 120;  // 12.x cards have no NVLink

const spec::Device& device_of(const spec::ClusterSpec& cluster, int index) {
  return cluster.devices[static_cast<std::size_t>(index)];
}

/// The members of each node.
std::map<int, std::vector<int>> by_node(const spec::ClusterSpec& cluster, const std::vector<int>& group) {
  std::map<int, std::vector<int>> out;
  for (const int index : group) out[device_of(cluster, index).node].push_back(index);
  return out;
}

/// NCCL keeps multicast buffers for the cards of each node, also where the group spans several (vllm issue 16766).
bool on_fabric(const spec::ClusterSpec& cluster, const std::vector<int>& group) {
  const bool recent = std::all_of(group.begin(), group.end(), [&](int index) {
    const int capability = device_of(cluster, index).compute_capability;
    return capability >= hopper && capability < after_blackwell_servers;
  });
  const auto nodes = by_node(cluster, group);
  return recent && std::all_of(nodes.begin(), nodes.end(), [&](const auto& node) {
           return node.second.size() > 1 && group_link(cluster, node.second) == spec::LinkKind::nvlink;
         });
}

bool on_one_node(const spec::ClusterSpec& cluster, const spec::Stage& stage) {
  return std::all_of(stage.devices.begin(), stage.devices.end(),
                     [&](const std::vector<int>& group) { return by_node(cluster, group).size() == 1; });
}

bool fuses_norm(const spec::Plan& plan) {
  const int tp = plan.parallel.tp;
  return !plan.engine.enforce_eager && (tp == 2 || tp == 4 || tp == 8);
}

}  // namespace

CommunicatorMemory communicator_memory(const spec::Plan& plan, const spec::Stage& stage,
                                       const engines::MemoryRules& rules) {
  CommunicatorMemory out;
  out.fabric = std::all_of(stage.devices.begin(), stage.devices.end(),
                           [&](const std::vector<int>& group) { return on_fabric(plan.cluster, group); });
  const bool counted = rules.is("communicators_in_budget");
  double inside = plan.parallel.tp > 1 ? rules.value("non_torch_group_bytes") : 0;
  if (out.fabric)
    inside += rules.value("fabric_group_bytes") + (counted ? rules.value("fabric_communicator_bytes") : 0);
  if (out.fabric && fuses_norm(plan) && on_one_node(plan.cluster, stage))
    inside += rules.value("fusion_workspace_bytes");
  const bool alone = plan.parallel.tp * plan.parallel.pp * plan.parallel.dp == 1;
  const double outside =
      alone || counted ? 0 : rules.value(out.fabric ? "fabric_communicator_bytes" : "communicator_bytes");
  out.inside_bytes = std::llround(inside);
  out.outside_bytes = std::llround(outside);
  return out;
}

std::int64_t non_torch_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                             const CommunicatorMemory& communicators) {
  const bool samples = stage.end_layer == static_cast<int>(plan.model.layers.size());
  return std::llround(rules.value("non_torch_bytes") + (samples ? rules.value("non_torch_sampler_bytes") : 0)) +
         communicators.inside_bytes;
}

}  // namespace ppplan::cost

#include "planner/cost/communicator_memory.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "planner/catalog/catalog.h"
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

/// Cards of the smallest node that a group spans, when the cards of every node share NVLink; 0 else.
std::size_t on_nvlink(const spec::ClusterSpec& cluster, const std::vector<int>& group) {
  std::size_t least = group.size();
  for (const auto& [node, members] : by_node(cluster, group)) {
    if (members.size() < 2 || group_link(cluster, members) != spec::LinkKind::nvlink) return 0;
    least = std::min(least, members.size());
  }
  return least;
}

/// NCCL keeps multicast buffers for the cards of each node, also where the group spans several (vllm issue 16766).
bool on_fabric(const spec::ClusterSpec& cluster, const std::vector<int>& group) {
  const bool recent = std::all_of(group.begin(), group.end(), [&](int index) {
    const int capability = device_of(cluster, index).compute_capability;
    return capability >= hopper && capability < after_blackwell_servers;
  });
  return recent && on_nvlink(cluster, group) > 0;
}

/// What channels over NVLink take without multicast, which small groups have few of.
double channel_bytes(const spec::Plan& plan, const std::vector<std::vector<int>>& groups,
                     const engines::MemoryRules& rules) {
  std::size_t cards = 0;
  for (const std::vector<int>& group : groups) cards = std::max(cards, on_nvlink(plan.cluster, group));
  if (static_cast<double>(cards) < rules.value("nvlink_channels_from")) return 0;
  return static_cast<double>(cards) * rules.value("nvlink_channel_bytes");
}

/// Groups over the replicas that a card has communicators of: one rank of each replica, and all ranks that share
/// experts.
std::vector<std::vector<int>> wide_groups(const spec::Plan& plan, const spec::Stage& stage,
                                          const engines::MemoryRules& rules) {
  const bool experts = spec::has_experts(plan.model);
  if (stage.devices.size() < 2 || (!experts && !rules.is("dense_replica_group"))) return {};
  std::vector<int> first, all;
  for (const std::vector<int>& replica : stage.devices) {
    first.push_back(replica.front());
    all.insert(all.end(), replica.begin(), replica.end());
  }
  if (experts && rules.is("expert_group")) return {first, all};
  return {first};
}

bool on_one_node(const spec::ClusterSpec& cluster, const spec::Stage& stage) {
  return std::all_of(stage.devices.begin(), stage.devices.end(),
                     [&](const std::vector<int>& group) { return by_node(cluster, group).size() == 1; });
}

struct Card {
  bool integrated = false;  // its memory is the host's
  bool geforce = false;
};

std::map<std::string, Card> listed_cards() {
  std::map<std::string, Card> out;
  for (const input::Node& card : catalog::gpus().root().at("gpus").items()) {
    const auto names = card.find("reported_as");
    out[card.at("name").text()] = {
        card.find("integrated").has_value(),
        names && !names->items().empty() && names->items().front().text().find("GeForce") != std::string::npos};
  }
  return out;
}

/// Asked for every stage of every partition: read once.
Card card_of(const spec::Device& device) {
  static const std::map<std::string, Card> cards = listed_cards();
  const auto found = cards.find(device.name);
  return found == cards.end() ? Card{} : found->second;
}

bool reduces_itself(const spec::ClusterSpec& cluster, const std::vector<int>& group) {
  const std::size_t ranks = group.size();
  if (by_node(cluster, group).size() > 1 || (ranks != 2 && ranks != 4 && ranks != 6 && ranks != 8)) return false;
  if (group_link(cluster, group) == spec::LinkKind::nvlink) return true;
  // GeForce cards don't read each other's memory over PCIe.
  return ranks == 2 && !card_of(device_of(cluster, group.front())).geforce;
}

bool fuses_norm(const spec::Plan& plan) {
  const int tp = plan.parallel.tp;
  return !plan.engine.enforce_eager && (tp == 2 || tp == 4 || tp == 8);
}

}  // namespace

bool shares_host_memory(const spec::Plan& plan, const spec::Stage& stage) {
  return card_of(device_of(plan.cluster, stage.devices.front().front())).integrated;
}

double collective_graph_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  constexpr double all_reduces = 2;
  if (plan.parallel.tp == 1) return 0;
  const bool by_nccl = std::any_of(stage.devices.begin(), stage.devices.end(),
                                   [&](const std::vector<int>& group) { return !reduces_itself(plan.cluster, group); });
  return by_nccl ? all_reduces * plan.parallel.tp * rules.value("collective_graph_bytes") : 0;
}

CommunicatorMemory communicator_memory(const spec::Plan& plan, const spec::Stage& stage,
                                       const engines::MemoryRules& rules) {
  CommunicatorMemory out;
  out.fabric = std::all_of(stage.devices.begin(), stage.devices.end(),
                           [&](const std::vector<int>& group) { return on_fabric(plan.cluster, group); });
  const bool counted = rules.is("communicators_in_budget");
  double inside = plan.parallel.tp > 1 ? rules.value("non_torch_group_bytes") : 0;
  const double channels = out.fabric ? 0 : channel_bytes(plan, stage.devices, rules);
  const std::vector<std::vector<int>> wide = wide_groups(plan, stage, rules);
  double shared = channels;
  for (const std::vector<int>& group : wide)
    shared +=
        on_fabric(plan.cluster, group) ? rules.value("fabric_communicator_bytes") : channel_bytes(plan, {group}, rules);
  inside += static_cast<double>(wide.size()) * rules.value("non_torch_group_bytes") + (counted ? shared : 0);
  if (out.fabric)
    inside += rules.value("fabric_group_bytes") + (counted ? rules.value("fabric_communicator_bytes") : 0);
  if (out.fabric && fuses_norm(plan) && on_one_node(plan.cluster, stage))
    inside += rules.value("fusion_workspace_bytes");
  const bool alone = plan.parallel.tp * plan.parallel.pp * plan.parallel.dp == 1;
  const double outside =
      alone || counted ? 0 : shared + rules.value(out.fabric ? "fabric_communicator_bytes" : "communicator_bytes");
  out.fabric = out.fabric || shared > 0;
  out.inside_bytes = std::llround(inside);
  out.outside_bytes = std::llround(outside);
  return out;
}

std::int64_t non_torch_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules,
                             const CommunicatorMemory& communicators) {
  const bool samples = stage.end_layer == static_cast<int>(plan.model.layers.size());
  double sum = rules.value("non_torch_bytes") + (samples ? rules.value("non_torch_sampler_bytes") : 0);
  if (shares_host_memory(plan, stage)) sum += rules.value("integrated_host_bytes");
  return std::llround(sum) + communicators.inside_bytes;
}

}  // namespace ppplan::cost

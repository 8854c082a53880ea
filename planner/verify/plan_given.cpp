// Activations and sampler, recomputed as far as the document tells their causes, and what must hold for every part
// whatever its formula: a part is there only where its cause is, and stages that do the same work need the same.
//   sampler       on the last stage alone
//   CUDA graphs   none when the engine runs eagerly; of equal stages the one with more layers needs no less
//   activations   as activation_facts.h has them; on a stage with a tower at least those, and with tensor parallelism
//                 at most what fast links add to them
//   outside       without tensor parallelism the same in stages with as many graphs on the same cards
//   uncertainty   only its sign, and that verdicts follow from it (plan_memory.cpp)
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "planner/catalog/catalog.h"
#include "planner/verify/activation_facts.h"
#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

bool is_last(const PlanFacts& plan, const StageFacts& stage) {
  return stage.end_layer == static_cast<std::int64_t>(plan.model.layers.size());
}

bool on_host(const PlanFacts& plan, const StageFacts& stage) {
  return plan.input_devices[static_cast<std::size_t>(stage.devices.front().front())].name == "cpu-core";
}

/// Names and sizes of a stage's cards; contexts grow with the card.
std::set<std::pair<std::string, std::int64_t>> cards_of(const PlanFacts& plan, const StageFacts& stage) {
  std::set<std::pair<std::string, std::int64_t>> cards;
  for (const auto& group : stage.devices)
    for (const auto device : group) {
      const auto& card = plan.input_devices[static_cast<std::size_t>(device)];
      cards.emplace(card.name, card.memory_bytes);
    }
  return cards;
}

/// Which different kinds of layers a stage has, as the index of the first such layer of the model.
std::set<std::size_t> kinds_of(const PlanFacts& plan, const StageFacts& stage) {
  std::set<std::size_t> kinds;
  for (std::int64_t l = stage.first_layer; l < stage.end_layer; ++l) {
    const LayerFacts& layer = plan.model.layers[static_cast<std::size_t>(l)];
    const auto first = std::find(plan.model.layers.begin(), plan.model.layers.end(), layer);
    kinds.insert(static_cast<std::size_t>(first - plan.model.layers.begin()));
  }
  return kinds;
}

bool same_work(const PlanFacts& plan, const StageFacts& a, const StageFacts& b) {
  return is_last(plan, a) == is_last(plan, b) && a.tower == b.tower && cards_of(plan, a) == cards_of(plan, b) &&
         (a.first_layer == 0) == (b.first_layer == 0) && kinds_of(plan, a) == kinds_of(plan, b);
}

Check causes_claim(const PlanFacts& plan) {
  Claim claim("sampler and CUDA graphs take memory only where they run");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    if (!is_last(plan, stage)) claim.equal(stage_name(s) + " sampler", stage.sampler_bytes, std::int64_t{0});
    if (!plan.captures_graphs()) claim.equal(stage_name(s) + " CUDA graphs", stage.cuda_graph_bytes, std::int64_t{0});
  }
  return claim.check();
}

/// Of a card that has no memory of its own.
bool is_integrated(const std::string& name) {
  for (const input::Node& card : catalog::gpus().root().at("gpus").items())
    if (card.at("name").text() == name) return card.find("integrated").has_value();
  return false;
}

/// Bytes that the profile run finds outside of PyTorch, as far as they are the same for every group of cards.
double outside_torch(const PlanFacts& plan, const StageFacts& stage) {
  const auto constant = [&](const char* name) { return memory_constant(name, plan); };
  if (on_host(plan, stage)) return 0;
  return constant("non_torch_bytes") + held_by_others(plan, stage) +
         (is_last(plan, stage) ? constant("non_torch_sampler_bytes") : 0) +
         (plan.tp > 1 ? constant("non_torch_group_bytes") : 0) +
         (is_integrated(plan.input_devices[static_cast<std::size_t>(stage.devices.front().front())].name)
              ? constant("integrated_host_bytes")
              : 0);
}

/// What groups add to that at most: of a replica's ranks by fast links alone, and two over the replicas.
double fabric_most(const PlanFacts& plan, const StageFacts& stage) {
  if (on_host(plan, stage)) return 0;
  const auto replicas = static_cast<double>(stage.devices.size());
  const double wide = replicas > 1 ? 2 : 0, groups = wide + (plan.tp > 1 ? 1 : 0);
  double links = 0;
  for (const char* name : {"fabric_group_bytes", "fabric_communicator_bytes", "fusion_workspace_bytes"})
    links += memory_constant(name, plan);
  const double channels = replicas * static_cast<double>(plan.tp) * memory_constant("nvlink_channel_bytes", plan);
  return wide * memory_constant("non_torch_group_bytes", plan) + groups * std::max(links, channels);
}

/// Rounding: a byte of each of three figures.
constexpr double slack = 3;

Check activations_claim(const PlanFacts& plan) {
  Claim claim("activations are the widest layer's, hidden states and workspaces; a tower and fast links may add to it");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    const ActivationFacts own = activation_facts(plan, stage);
    // A tower's peak may hide what compiling takes; the host's engine doesn't compile.
    const double compile = stage.tower || on_host(plan, stage) ? 0 : own.compile_bytes;
    const double least = own.forward_bytes + outside_torch(plan, stage) + compile;
    const double stated = static_cast<double>(stage.activation_bytes);
    if (stage.tower)
      claim.require(stage_name(s), stated >= least - slack, std::to_string(stage.activation_bytes) + " bytes");
    else
      claim.within(stage_name(s), stated, least - slack, least + fabric_most(plan, stage) + slack);
  }
  return claim.check();
}

Check sampler_claim(const PlanFacts& plan) {
  Claim claim("the sampler takes what one run of it needs beyond the forward pass, and what it keeps from the start");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const double most = activation_facts(plan, plan.stages[s]).sampler_bytes;
    // A tower's peak may hide the run.
    claim.within(stage_name(s), static_cast<double>(plan.stages[s].sampler_bytes),
                 plan.stages[s].tower ? 0 : most - slack, most + slack);
  }
  return claim.check();
}

Check equals_claim(const PlanFacts& plan) {
  Claim claim("stages that do the same work need the same beside their weights, more layers no fewer CUDA graphs");
  for (std::size_t s = 1; s < plan.stages.size(); ++s) {
    const StageFacts &before = plan.stages[s - 1], &stage = plan.stages[s];
    // Ranks of a group also hold what their link asks for, which may differ from stage to stage.
    if (plan.tp > 1 || !same_work(plan, before, stage)) continue;
    claim.equal(stage_name(s) + " activations", stage.activation_bytes, before.activation_bytes);
    const auto layers = [](const StageFacts& it) { return it.end_layer - it.first_layer; };
    const std::int64_t more = layers(stage) - layers(before);
    const std::int64_t graphs = stage.cuda_graph_bytes - before.cuda_graph_bytes;
    claim.require(stage_name(s) + " CUDA graphs",
                  more == 0  ? graphs == 0
                  : more > 0 ? graphs >= 0
                             : graphs <= 0,
                  std::to_string(graphs) + " bytes more than the stage before");
    if (graphs == 0 && plan.corrections.empty())
      claim.equal(stage_name(s) + " outside", stage.other_bytes, before.other_bytes);
  }
  return claim.check();
}

}  // namespace

void add_given_claims(const PlanFacts& plan, Checks& checks) {
  checks.push_back(causes_claim(plan));
  checks.push_back(activations_claim(plan));
  checks.push_back(sampler_claim(plan));
  checks.push_back(equals_claim(plan));
}

}  // namespace ppplan::verify

// Parts of the memory that the document states and nothing here recomputes: activations, sampler, what lies outside of
// the budget, the uncertainty; CUDA graphs, which plan_memory.cpp recomputes, are held to the same rules. What must hold for them whatever their formulas: a part is there only
// where its cause is, and stages that do the same work need the same.
//   sampler       on the last stage alone
//   CUDA graphs   none when the engine runs eagerly; of equal stages the one with more layers needs no less
//   activations   at least the batch's hidden state, tokens * hidden * bytes; without tensor parallelism the same in
//                 stages of the same kinds of layers and cards that are neither the first nor the last
//   outside       without tensor parallelism the same in stages with as many graphs on the same cards
//   uncertainty   only its sign, and that verdicts follow from it (plan_memory.cpp)
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

bool is_last(const PlanFacts& plan, const StageFacts& stage) {
  return stage.end_layer == static_cast<std::int64_t>(plan.model.layers.size());
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
    if (plan.enforce_eager) claim.equal(stage_name(s) + " CUDA graphs", stage.cuda_graph_bytes, std::int64_t{0});
  }
  return claim.check();
}

Check hidden_claim(const PlanFacts& plan) {
  Claim claim("activations hold at least the hidden state of a batch");
  // norm_bytes is one vector of [hidden].
  const double hidden = static_cast<double>(plan.max_num_batched_tokens) * plan.model.norm_bytes;
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    claim.require(stage_name(s), static_cast<double>(plan.stages[s].activation_bytes) >= hidden,
                  std::to_string(plan.stages[s].activation_bytes) + " bytes");
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
  checks.push_back(hidden_claim(plan));
  checks.push_back(equals_claim(plan));
}

}  // namespace ppplan::verify

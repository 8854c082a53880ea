#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

/// What the engine may use of a device.
std::int64_t budget_bytes(const PlanFacts& plan, const DeviceFacts& device) {
  return static_cast<std::int64_t>(std::floor(plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes)));
}

template <class Figure>
std::int64_t least(const PlanFacts& plan, const StageFacts& stage, Figure figure) {
  std::int64_t out = std::numeric_limits<std::int64_t>::max();
  for (const auto& group : stage.devices)
    for (const std::int64_t index : group)
      out = std::min(out, figure(plan.input_devices[static_cast<std::size_t>(index)]));
  return out;
}

template <class Compare>
Check over_stages(const PlanFacts& plan, const std::string& text, Compare compare) {
  Claim claim(text);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) compare(claim, stage_name(s), plan.stages[s]);
  return claim.check();
}

Check budget_claim(const PlanFacts& plan) {
  return over_stages(plan, "the budget is the utilization's share of the stage's smallest device",
                     [&](Claim& claim, const std::string& place, const StageFacts& stage) {
                       claim.equal(place, stage.budget_bytes,
                                   least(plan, stage, [&](const DeviceFacts& d) { return budget_bytes(plan, d); }));
                     });
}

Check weights_claim(const PlanFacts& plan) {
  // A byte of rounding per layer and one of the division by tp.
  return over_stages(plan, "weights are those of the stage's layers, from the model's dimensions",
                     [&](Claim& claim, const std::string& place, const StageFacts& stage) {
                       claim.near(place, static_cast<double>(stage.weights_bytes), layer_bytes(plan, stage),
                                  static_cast<double>(stage.end_layer - stage.first_layer + 1));
                     });
}

Check ends_claim(const PlanFacts& plan) {
  const double one = plan.model.end_bytes / static_cast<double>(plan.tp);
  return over_stages(
      plan, "embedding and head take their bytes where a stage holds them, a tied head none beside its embedding",
      [&](Claim& claim, const std::string& place, const StageFacts& stage) {
        const bool head = stage.head && !(plan.model.tied && stage.embedding);
        claim.near(place + " embedding", static_cast<double>(stage.embedding_bytes), stage.embedding ? one : 0, 1);
        claim.near(place + " head", static_cast<double>(stage.head_bytes), head ? one : 0, 1);
      });
}

Check kv_claim(const PlanFacts& plan) {
  return over_stages(plan, "KV bytes are what weights, ends, activation and CUDA graphs leave of the budget",
                     [](Claim& claim, const std::string& place, const StageFacts& stage) {
                       claim.equal(place, stage.kv_bytes,
                                   stage.budget_bytes - stage.weights_bytes - stage.embedding_bytes - stage.head_bytes -
                                       stage.activation_bytes - stage.cuda_graph_bytes);
                     });
}

Check parts_claim(const PlanFacts& plan) {
  return over_stages(
      plan, "no part of the memory is negative", [](Claim& claim, const std::string& place, const StageFacts& stage) {
        const std::int64_t smallest =
            std::min({stage.budget_bytes, stage.weights_bytes, stage.embedding_bytes, stage.head_bytes,
                      stage.activation_bytes, stage.cuda_graph_bytes, stage.other_bytes, stage.uncertainty_bytes});
        claim.require(place, smallest >= 0, std::to_string(smallest) + " bytes");
      });
}

Check tokens_claim(const PlanFacts& plan) {
  return over_stages(plan, "a stage's KV tokens are the whole blocks that its KV bytes hold",
                     [&](Claim& claim, const std::string& place, const StageFacts& stage) {
                       const double block = static_cast<double>(plan.block_tokens) * kv_bytes_per_token(plan, stage);
                       const double held = std::max(0.0, std::floor(static_cast<double>(stage.kv_bytes) / block));
                       claim.near(place, static_cast<double>(stage.kv_tokens),
                                  held * static_cast<double>(plan.block_tokens), 0.5);
                     });
}

double margin_bytes(const PlanFacts& plan, const StageFacts& stage) {
  const double block = static_cast<double>(plan.block_tokens);
  const double request = std::ceil(static_cast<double>(plan.max_model_len) / block) * block;
  const double room = static_cast<double>(stage.kv_bytes) - std::round(request * kv_bytes_per_token(plan, stage));
  const std::int64_t outside =
      least(plan, stage, [&](const DeviceFacts& d) { return d.free_bytes - budget_bytes(plan, d); });
  return std::min(room, static_cast<double>(outside - stage.other_bytes));
}

Check margin_claim(const PlanFacts& plan) {
  return over_stages(
      plan, "the margin is the smaller of KV bytes beyond one longest request and free memory beyond the budget",
      [&](Claim& claim, const std::string& place, const StageFacts& stage) {
        claim.near(place, static_cast<double>(stage.margin_bytes), margin_bytes(plan, stage), 0.5);
      });
}

/// TIGHT where the margin is smaller in size than the uncertainty that the document prints; without one, FITS and OOM
/// must at least have the margin's sign.
bool is_verdict(const StageFacts& stage) {
  const bool tight = stage.verdict == "TIGHT";
  if (!tight && stage.verdict != (stage.margin_bytes >= 0 ? "FITS" : "OOM")) return false;
  return !stage.states_uncertainty || tight == (std::abs(stage.margin_bytes) < stage.uncertainty_bytes);
}

Check verdict_claim(const PlanFacts& plan) {
  static const std::map<std::string, int> order = {{"FITS", 0}, {"TIGHT", 1}, {"OOM", 2}};
  Claim claim("verdicts follow from the margins, and the plan's is the worst of its stages'");
  std::string worst = "FITS";
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    claim.require(stage_name(s), is_verdict(stage),
                  stage.verdict + " with a margin of " + std::to_string(stage.margin_bytes) + " bytes");
    const auto found = order.find(stage.verdict);
    if (found != order.end() && found->second > order.at(worst)) worst = stage.verdict;
  }
  claim.require("plan", plan.verdict == worst, plan.verdict + " where the worst stage is " + worst);
  return claim.check();
}

Check limiting_claim(const PlanFacts& plan, const input::Node& predicted) {
  Claim claim(
      "KV tokens are the minimum over the stages, and the limiting stage is the first with the smallest margin");
  std::int64_t tokens = plan.stages.front().kv_tokens;
  std::size_t limiting = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    tokens = std::min(tokens, plan.stages[s].kv_tokens);
    if (plan.stages[s].margin_bytes < plan.stages[limiting].margin_bytes) limiting = s;
  }
  claim.equal("KV tokens", predicted.at("kv_tokens").integer(), tokens);
  claim.equal("limiting stage", predicted.at("limiting_stage").integer(), static_cast<std::int64_t>(limiting));
  return claim.check();
}

}  // namespace

void add_memory_claims(const PlanFacts& plan, const input::Node& predicted, Checks& checks) {
  checks.push_back(budget_claim(plan));
  checks.push_back(weights_claim(plan));
  checks.push_back(ends_claim(plan));
  checks.push_back(parts_claim(plan));
  checks.push_back(kv_claim(plan));
  checks.push_back(tokens_claim(plan));
  checks.push_back(margin_claim(plan));
  checks.push_back(verdict_claim(plan));
  checks.push_back(limiting_claim(plan, predicted));
}

}  // namespace ppplan::verify

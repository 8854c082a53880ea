#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "planner/verify/activation_facts.h"
#include "planner/verify/claim.h"
#include "planner/verify/kv_facts.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

/// What the engine may use of a device.
std::int64_t budget_bytes(const PlanFacts& plan, const DeviceFacts& device) {
  return static_cast<std::int64_t>(std::ceil(plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes)));
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

std::int64_t total_weights(const StageFacts& stage) {
  return stage.weights_bytes + stage.embedding_bytes + stage.head_bytes + stage.tower_bytes + stage.draft_bytes;
}

/// Model runner V2 has a rule of its own.
bool graphs_in_budget(const PlanFacts& plan) {
  return memory_constant(plan.runner_v2 ? "v2_cuda_graphs_in_budget" : "cuda_graphs_in_budget", plan) != 0;
}

Check budget_claim(const PlanFacts& plan) {
  return over_stages(plan,
                     "the budget is the utilization's share of the stage's smallest device, or what the stated KV "
                     "bytes and all other uses sum to",
                     [&](Claim& claim, const std::string& place, const StageFacts& stage) {
                       if (plan.kv_cache_memory_bytes)
                         claim.equal(place, stage.kv_bytes, *plan.kv_cache_memory_bytes);
                       else
                         claim.equal(place, stage.budget_bytes,
                                     least(plan, stage, [&](const DeviceFacts& d) { return budget_bytes(plan, d); }));
                     });
}

Check weights_claim(const PlanFacts& plan) {
  // A byte of rounding per layer.
  return over_stages(plan, "weights are those of the stage's layers, from the model's dimensions",
                     [&](Claim& claim, const std::string& place, const StageFacts& stage) {
                       const double loaded = layer_bytes(plan, stage);
                       claim.near(place, static_cast<double>(stage.weights_bytes),
                                  loaded - std::min(loaded, plan.cpu_offload_bytes),
                                  static_cast<double>(stage.end_layer - stage.first_layer + 1));
                     });
}

/// Of the vision tower, on a rank that has one.
double rank_tower(const PlanFacts& plan) {
  if (plan.no_items && memory_constant("encoder_tower_left_out", plan) != 0) return 0;
  return plan.model.tower_bytes / (plan.whole_towers || plan.model.whole_tower ? 1 : static_cast<double>(plan.tp));
}

Check ends_claim(const PlanFacts& plan) {
  const auto tp = static_cast<double>(plan.tp);
  const auto layers = static_cast<std::int64_t>(plan.model.layers.size());
  const double embedding = plan.model.embedding_bytes / tp;
  const double head_bytes = plan.model.head_bytes / tp;
  return over_stages(
      plan, "embedding, head, tower and draft take their bytes where a stage holds them, a tied head none beside it",
      [&](Claim& claim, const std::string& place, const StageFacts& stage) {
        const bool head = stage.head && !(plan.model.tied && stage.embedding);
        const bool draft = plan.draft && stage.end_layer == layers;
        const double drafter = rank_draft_bytes(plan.model, plan.tp, plan.expert_parallel ? plan.tp * plan.dp : 0) +
                               (plan.pp > 1 ? embedding + head_bytes : 0);
        claim.near(place + " embedding", static_cast<double>(stage.embedding_bytes), stage.embedding ? embedding : 0,
                   1);
        claim.near(place + " head", static_cast<double>(stage.head_bytes), head ? head_bytes : 0, 1);
        claim.near(place + " tower", static_cast<double>(stage.tower_bytes), stage.tower ? rank_tower(plan) : 0, 1);
        claim.near(place + " draft", static_cast<double>(stage.draft_bytes), draft ? drafter : 0,
                   static_cast<double>(plan.model.draft_layers.size() + 4));
      });
}

/// Sizes that vLLM captures up to `largest`: 1, 2, 4, eights below `wide`, sixteens from there.
double sizes_up_to(double largest, double wide) {
  double count = 0;
  for (const int small : {1, 2, 4}) count += small <= largest ? 1 : 0;
  return count + std::floor(std::min(largest, wide - 1) / 8) +
         (largest < wide ? 0 : 1 + std::floor((largest - wide) / 16));
}

/// Two all-reduces a layer, where NCCL does them; vLLM's own leave nothing behind.
double collective_most(const PlanFacts& plan) {
  return plan.tp == 1 ? 0 : 2 * static_cast<double>(plan.tp) * memory_constant("collective_graph_bytes", plan);
}

double graph_bytes(const PlanFacts& plan, const StageFacts& stage, double collectives) {
  const auto rule = [&](const char* name) { return memory_constant(name, plan); };
  const auto first = static_cast<std::size_t>(stage.devices.front().front());
  if (!plan.captures_graphs() || plan.input_devices[first].name == "cpu-core") return 0;
  const auto sequences = static_cast<double>(plan.max_num_seqs);
  const double wide = rule("cuda_graph_eights_below");
  double largest = std::min(rule("cuda_graph_tokens_per_sequence") * sequences, rule("cuda_graph_tokens"));
  if (plan.gpt_oss)
    largest =
        std::min(rule("gpt_oss_graph_tokens"), std::max(largest, static_cast<double>(plan.max_num_batched_tokens)));
  const auto told = [&](double most) {
    return static_cast<double>(std::ranges::count_if(plan.graph_sizes, [&](double size) { return size <= most; }));
  };
  const bool own = plan.graph_sizes.empty(), alone = plan.graph_mode == "FULL_DECODE_ONLY";
  const bool both = plan.graph_mode.empty() ? rule("cuda_graph_modes") > 1 : plan.graph_mode == "FULL_AND_PIECEWISE";
  const auto batch = static_cast<double>(plan.max_num_batched_tokens);
  const double mixed = own ? sizes_up_to(largest, wide) : told(batch);
  const double decodes = own ? sizes_up_to(std::min(sequences, largest), wide) : told(std::min(batch, sequences));
  const auto layers = static_cast<double>(stage.end_layer - stage.first_layer);
  return rule("cuda_graph_base_bytes") +
         (graphs_in_budget(plan) && !plan.runner_v2 ? rule("cuda_graph_estimate_bytes") : 0) +
         layers * ((alone ? 0 : mixed) + (alone || both ? decodes : 0)) *
             (rule(plan.gpt_oss ? "gpt_oss_graph_layer_bytes" : "cuda_graph_layer_bytes") +
              rule("cuda_graph_driver_bytes") + collectives);
}

Check graphs_claim(const PlanFacts& plan) {
  return over_stages(
      plan, "CUDA graphs take a pool, and for each captured size a share of every layer and of its all-reduces",
      [&](Claim& claim, const std::string& place, const StageFacts& stage) {
        const double stated = static_cast<double>(stage.cuda_graph_bytes);
        const double least = graph_bytes(plan, stage, 0);
        const double most = graph_bytes(plan, stage, collective_most(plan));
        claim.near(place, stated, std::abs(stated - least) < std::abs(stated - most) ? least : most, 1);
      });
}

Check kv_claim(const PlanFacts& plan) {
  return over_stages(plan, "KV bytes are what all other uses leave of the budget",
                     [&](Claim& claim, const std::string& place, const StageFacts& stage) {
                       claim.equal(place, stage.kv_bytes,
                                   stage.budget_bytes - total_weights(stage) - stage.activation_bytes -
                                       stage.sampler_bytes - (graphs_in_budget(plan) ? stage.cuda_graph_bytes : 0) -
                                       stage.reserve_bytes);
                     });
}

Check parts_claim(const PlanFacts& plan) {
  return over_stages(
      plan, "no part of the memory is negative", [](Claim& claim, const std::string& place, const StageFacts& stage) {
        const std::int64_t smallest =
            std::min({stage.budget_bytes, stage.weights_bytes, stage.embedding_bytes, stage.head_bytes,
                      stage.tower_bytes, stage.draft_bytes, stage.sampler_bytes, stage.activation_bytes,
                      stage.cuda_graph_bytes, stage.other_bytes, stage.uncertainty_bytes, stage.unused_bytes});
        claim.require(place, smallest >= 0, std::to_string(smallest) + " bytes");
      });
}

Check reserve_claim(const PlanFacts& plan) {
  Claim claim("the reserve is the sum of the corrections for a stage");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    std::int64_t sum = 0;
    for (const CorrectionFacts& it : plan.corrections)
      if ((!it.stage || *it.stage == static_cast<std::int64_t>(s)) &&
          (it.part != "cuda_graph" || graphs_in_budget(plan)))
        sum += it.delta_bytes;
    claim.equal(stage_name(s), plan.stages[s].reserve_bytes, sum);
  }
  return claim.check();
}

/// Stages that keep no KV limit nothing.
std::int64_t blocks_of(const StageFacts& stage, std::int64_t block_bytes) {
  if (block_bytes == 0) return std::int64_t{1} << 40;
  return stage.kv_bytes > 0 ? stage.kv_bytes / block_bytes : 0;
}

Check tokens_claim(const PlanFacts& plan, const KvPool& pool) {
  Claim claim("a stage's KV blocks are those that its KV bytes hold, its tokens what the server's log makes of them");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    const std::int64_t blocks = blocks_of(stage, pool.stage_block_bytes[s]);
    claim.equal(stage_name(s) + " blocks", stage.kv_blocks, blocks);
    // A stage none of whose layers keeps anything holds as many tokens as it has blocks: no bound.
    const bool keeps = !pool.groups.empty() && pool.stage_block_bytes[s] > 0;
    const std::int64_t tokens = !keeps ? blocks : pool.tokens(blocks, plan.max_model_len);
    claim.near(stage_name(s), static_cast<double>(stage.kv_tokens), static_cast<double>(tokens), 0.5);
  }
  return claim.check();
}

Check unused_claim(const PlanFacts& plan, const KvPool& pool) {
  Claim claim("unused are the KV bytes beyond the blocks of the stage with the fewest");
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    fewest = std::min(fewest, blocks_of(plan.stages[s], pool.stage_block_bytes[s]));
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const std::int64_t used = fewest * pool.stage_block_bytes[s];
    claim.equal(stage_name(s), plan.stages[s].unused_bytes, std::max<std::int64_t>(0, plan.stages[s].kv_bytes - used));
  }
  return claim.check();
}

std::int64_t outside_bytes(const PlanFacts& plan, const StageFacts& stage) {
  const bool all = !plan.kv_cache_memory_bytes && held_by_others(plan, stage) > 0;
  return least(plan, stage, [&](const DeviceFacts& d) {
    const std::int64_t budget = plan.kv_cache_memory_bytes ? stage.budget_bytes : budget_bytes(plan, d);
    return (all ? d.memory_bytes : d.free_bytes) - budget;
  });
}

std::int64_t request_bytes(const KvPool& pool, std::size_t stage, std::int64_t tokens) {
  return std::max(pool.stage_block_bytes[stage] * pool.request_blocks(tokens), pool.checked_bytes(tokens));
}

std::int64_t states_bytes(const KvPool& pool, std::size_t stage) { return pool.stage_block_bytes[stage] * pool.states; }

/// Room while the layers' weights are converted to fp8, of which the release holds copies meanwhile.
std::int64_t loading_room(const PlanFacts& plan, const StageFacts& stage) {
  const double copies = plan.to_fp8 ? memory_constant("fp8_load_copies", plan) : 0;
  if (copies == 0) return std::numeric_limits<std::int64_t>::max();
  const std::int64_t free = least(plan, stage, [](const DeviceFacts& d) { return d.free_bytes; });
  const std::int64_t graphs = graphs_in_budget(plan) ? 0 : stage.cuda_graph_bytes;
  const std::int64_t early = std::max<std::int64_t>(0, stage.other_bytes - graphs);
  return free - early - total_weights(stage) - std::llround(copies * static_cast<double>(stage.weights_bytes));
}

Check margin_claim(const PlanFacts& plan, const KvPool& pool) {
  Claim claim(
      "the margin is the least of KV bytes beyond one longest request, of those beyond the states that graphs are "
      "captured with, of free memory beyond the budget, and of what is free while weights are converted");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    const std::int64_t room = stage.kv_bytes - request_bytes(pool, s, plan.max_model_len);
    claim.equal(stage_name(s), stage.margin_bytes,
                std::min({room, stage.kv_bytes - states_bytes(pool, s), outside_bytes(plan, stage) - stage.other_bytes,
                          loading_room(plan, stage)}));
  }
  return claim.check();
}

bool starts_with(const PlanFacts& plan, const KvPool& pool, std::int64_t tokens) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    if (stage.kv_bytes <= 0 || request_bytes(pool, s, tokens) > stage.kv_bytes ||
        states_bytes(pool, s) > stage.kv_bytes || outside_bytes(plan, stage) < stage.other_bytes ||
        loading_room(plan, stage) < 0)
      return false;
  }
  return true;
}

Check context_claim(const PlanFacts& plan, const KvPool& pool) {
  Claim claim("the longest context starts, and one token more does not or exceeds the model's");
  const std::int64_t most = std::max<std::int64_t>(plan.max_position, plan.max_model_len);
  const std::int64_t longest = plan.longest_context;
  claim.require("plan", longest <= most, std::to_string(longest));
  if (longest > 0) claim.require("plan", starts_with(plan, pool, longest), "a request too long");
  if (longest < most) claim.require("plan", !starts_with(plan, pool, longest + 1), "a longer one that starts too");
  return claim.check();
}

struct Step {
  const char* at;
  std::int64_t left;
};

/// Start-up of one stage: the first step that leaves less than nothing.
std::optional<FailureFacts> first_failure(const PlanFacts& plan, const KvPool& pool, std::size_t s) {
  const StageFacts& stage = plan.stages[s];
  const bool inside = graphs_in_budget(plan);
  const std::int64_t free = least(plan, stage, [](const DeviceFacts& d) { return d.free_bytes; });
  const std::int64_t early =
      inside ? stage.other_bytes : std::max<std::int64_t>(0, stage.other_bytes - stage.cuda_graph_bytes);
  const std::int64_t loaded = free - early - total_weights(stage);
  const std::int64_t refused = plan.kv_cache_memory_bytes ? loaded : outside_bytes(plan, stage) - early;
  const std::vector<Step> steps = {
      {"weights", std::min(refused, loaded)},
      {"weights", loading_room(plan, stage)},
      {"profile", loaded - stage.activation_bytes},
      {"sampler", loaded - stage.activation_bytes - stage.sampler_bytes},
      {"cuda_graph", loaded - (inside ? stage.cuda_graph_bytes : 0)},
      {"kv", stage.kv_bytes > 0 ? 0 : std::min<std::int64_t>(stage.kv_bytes, -1)},
      {"context", stage.kv_bytes - request_bytes(pool, s, plan.max_model_len)},
      {"cuda_graph", std::min(stage.kv_bytes - states_bytes(pool, s), outside_bytes(plan, stage) - stage.other_bytes)}};
  for (const Step& step : steps)
    if (step.left < 0) return FailureFacts{step.at, static_cast<std::int64_t>(s), -step.left};
  return std::nullopt;
}

Check failure_claim(const PlanFacts& plan, const KvPool& pool) {
  static const std::vector<std::string> order = {"weights", "profile", "sampler", "cuda_graph", "kv", "context"};
  Claim claim("start-up ends where its steps first lack memory, and nowhere when no margin is negative");
  std::optional<FailureFacts> sooner;
  const auto rank = [&](const FailureFacts& it) {
    return std::find(order.begin(), order.end(), it.at) - order.begin();
  };
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (plan.stages[s].margin_bytes >= 0) continue;
    const auto found = first_failure(plan, pool, s);
    if (found && (!sooner || rank(*found) < rank(*sooner) ||
                  (rank(*found) == rank(*sooner) && found->short_bytes > sooner->short_bytes)))
      sooner = found;
  }
  claim.require("fails_at", plan.failure.has_value() == sooner.has_value(), sooner ? "nothing" : "a failure");
  if (!plan.failure || !sooner) return claim.check();
  claim.require("fails_at", plan.failure->at == sooner->at, plan.failure->at + " where " + sooner->at + " comes first");
  claim.equal("stage", plan.failure->stage, sooner->stage);
  claim.equal("short_bytes", plan.failure->short_bytes, sooner->short_bytes);
  return claim.check();
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
  const KvPool pool = kv_pool(plan);
  checks.push_back(budget_claim(plan));
  checks.push_back(weights_claim(plan));
  checks.push_back(ends_claim(plan));
  checks.push_back(parts_claim(plan));
  add_given_claims(plan, checks);
  checks.push_back(reserve_claim(plan));
  checks.push_back(graphs_claim(plan));
  checks.push_back(kv_claim(plan));
  checks.push_back(tokens_claim(plan, pool));
  checks.push_back(unused_claim(plan, pool));
  checks.push_back(margin_claim(plan, pool));
  checks.push_back(context_claim(plan, pool));
  checks.push_back(verdict_claim(plan));
  checks.push_back(failure_claim(plan, pool));
  checks.push_back(limiting_claim(plan, predicted));
}

}  // namespace ppplan::verify

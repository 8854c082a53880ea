// A plan of training: every sum and every relation between its figures that does not need the order of its operations.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"
#include "planner/verify/model_facts.h"

namespace ppplan::verify {
namespace {

using input::Node;

constexpr std::int64_t most = 1 << 30;

struct Stage {
  std::size_t rank = 0;
  std::int64_t first = 0, end = 0;
  double compute_s = 0, activation_bytes = 0;
};

struct Training {
  ModelFacts model;
  bool sixteen_bits = false;  // all weights, so that bytes tell parameters
  std::int64_t devices = 0, tp = 1, pp = 1, dp = 1;
  std::int64_t sequences = 1, micro_batches = 1, global_batch = 1, tokens = 1;
  bool sharded = false;
  std::vector<std::int64_t> partition;
  std::vector<Stage> stages;
  std::vector<Node> ranks;
  /// Copies of the model that the stages hold together: two of mirrored pipes.
  double pipes = 1;
};

Training training_of(const Node& plan) {
  Training out;
  const Node model = plan.at("inputs").at("model"), settings = plan.at("training"), parallel = plan.at("parallel");
  out.model = model_facts(model);
  out.sixteen_bits = model.at("dtype").text() == "bf16" && !model.find("stated");
  for (const char* key : {"attention_dtype", "expert_dtype"})
    if (const auto format = model.find(key)) out.sixteen_bits = out.sixteen_bits && format->text() == "bf16";
  out.devices = static_cast<std::int64_t>(plan.at("inputs").at("cluster").at("devices").items().size());
  for (auto [key, value] : {std::pair{"tp", &out.tp}, {"pp", &out.pp}, {"dp", &out.dp}})
    *value = parallel.at(key).integer(1, most);
  out.sequences = settings.at("micro_batch_sequences").integer(1, most);
  out.micro_batches = settings.at("micro_batches").integer(1, most);
  out.global_batch = settings.at("global_batch").integer(1, most);
  out.tokens = settings.at("sequence_tokens").integer(1, most);
  out.sharded = settings.at("sharded_optimizer").boolean();
  for (const Node& entry : plan.at("partition").items()) out.partition.push_back(entry.integer(-most, most));
  out.ranks = plan.at("ranks").items();
  double layers = 0;
  for (const Node& node : plan.at("stages").items()) {
    Stage stage;
    stage.rank = static_cast<std::size_t>(
        node.at("rank").integer(0, std::max<std::int64_t>(0, static_cast<std::int64_t>(out.ranks.size()) - 1)));
    stage.first = node.at("first_layer").integer(0, most);
    stage.end = node.at("end_layer").integer(0, most);
    for (const char* key : {"forward_s", "backward_input_s", "backward_weight_s"})
      stage.compute_s += node.at(key).number(0);
    stage.activation_bytes = node.at("activation_bytes").number(0);
    layers += static_cast<double>(stage.end - stage.first);
    out.stages.push_back(stage);
  }
  out.pipes = layers / std::max<double>(1, static_cast<double>(out.model.layers.size()));
  return out;
}

std::string rank_name(std::size_t rank) { return fmt::format("rank {}", rank); }

Check batch_claim(const Training& plan) {
  return Claim("the global batch is micro-batches x their sequences x replicas")
      .equal("", plan.global_batch, plan.micro_batches * plan.sequences * plan.dp)
      .check();
}

Check devices_claim(const Training& plan) {
  Claim claim("every rank has a group per replica, and every device serves once");
  std::set<std::int64_t> seen;
  claim.equal("ranks", static_cast<std::int64_t>(plan.ranks.size()), plan.pp);
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    const auto groups = plan.ranks[r].at("devices").items();
    claim.equal(rank_name(r), static_cast<std::int64_t>(groups.size()), plan.dp);
    for (const Node& group : groups) {
      claim.equal(rank_name(r), static_cast<std::int64_t>(group.items().size()), plan.tp);
      for (const Node& device : group.items())
        claim.require(rank_name(r), seen.insert(device.integer(0, plan.devices - 1)).second, "a device twice");
    }
  }
  return claim.check();
}

Check layers_claim(const Training& plan) {
  Claim claim("the partition covers every layer once, and the stages are its parts");
  const auto layers = static_cast<std::int64_t>(plan.model.layers.size());
  claim.equal("sum", std::accumulate(plan.partition.begin(), plan.partition.end(), std::int64_t{0}), layers);
  std::set<std::pair<std::int64_t, std::int64_t>> parts;
  std::int64_t first = 0;
  for (const std::int64_t count : plan.partition) {
    claim.require("partition", count >= 1, fmt::format("{} layers", count));
    parts.emplace(first, first + count);
    first += count;
  }
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    claim.require(fmt::format("stage {}", s), parts.contains({plan.stages[s].first, plan.stages[s].end}),
                  fmt::format("layers {} to {}", plan.stages[s].first, plan.stages[s].end));
  claim.equal("stages",
              static_cast<std::int64_t>(plan.stages.size()) %
                  std::max<std::int64_t>(1, static_cast<std::int64_t>(parts.size())),
              std::int64_t{0});
  return claim.check();
}

/// Bytes of the weights in 16 bits that a rank's stages hold.
double weight_bytes(const Training& plan, std::size_t rank) {
  double sum = 0;
  const auto layers = static_cast<std::int64_t>(plan.model.layers.size());
  for (const Stage& stage : plan.stages) {
    if (stage.rank != rank) continue;
    for (std::int64_t l = stage.first; l < std::min(stage.end, layers); ++l)
      sum += rank_weight_bytes(plan.model.layers[static_cast<std::size_t>(l)], plan.tp);
    const bool embedding = stage.first == 0, head = stage.end == layers;
    const double end = plan.model.end_bytes / static_cast<double>(plan.tp);
    if (head) sum += plan.model.norm_bytes;
    sum += (embedding ? end : 0) + (head && !(embedding && plan.model.tied) ? end : 0);
  }
  return sum;
}

Check state_claim(const Training& plan) {
  Claim claim("weights are those of the rank's layers, gradients 4 bytes and the optimizer 12 for each 2 of theirs");
  const double shards = plan.sharded ? static_cast<double>(plan.dp) : 1;
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    const Node memory = plan.ranks[r].at("memory");
    const double weights = memory.at("weights_bytes").number(0);
    // Padding of sharded checkpoints aside, a byte of rounding per layer.
    if (plan.sixteen_bits)
      claim.near(rank_name(r), weights, weight_bytes(plan, r),
                 1e-6 * weights + static_cast<double>(plan.model.layers.size()));
    claim.near(rank_name(r) + " gradients", memory.at("gradients_bytes").number(0), 2 * weights, 3);
    claim.near(rank_name(r) + " optimizer", memory.at("optimizer_bytes").number(0), 6 * weights / shards, 7);
  }
  return claim.check();
}

std::string verdict_of(std::int64_t margin, std::int64_t uncertainty) {
  return std::abs(margin) < uncertainty ? "TIGHT" : margin >= 0 ? "FITS" : "OOM";
}

Check margin_claim(const Training& plan, const std::string& verdict) {
  Claim claim("margins are what all uses leave of the free memory, verdicts follow, and the plan's is the worst");
  std::string worst = "FITS";
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    const Node memory = plan.ranks[r].at("memory");
    std::int64_t left = memory.at("free_bytes").integer();
    for (const char* part :
         {"weights_bytes", "gradients_bytes", "optimizer_bytes", "activation_bytes", "working_bytes", "other_bytes"}) {
      const std::int64_t use = memory.at(part).integer();
      claim.require(rank_name(r), use >= 0, fmt::format("{} of {}", part, use));
      left -= use;
    }
    claim.equal(rank_name(r), memory.at("margin_bytes").integer(), left);
    const std::string own = verdict_of(left, memory.at("uncertainty_bytes").integer());
    claim.require(rank_name(r), plan.ranks[r].at("verdict").text() == own, plan.ranks[r].at("verdict").text());
    if (own == "OOM" || (own == "TIGHT" && worst == "FITS")) worst = own;
  }
  claim.require("plan", verdict == worst, verdict);
  return claim.check();
}

Check activations_claim(const Training& plan) {
  Claim claim("a rank's activations lie between one micro-batch's and all of the most that are alive");
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    double largest = 0;
    for (const Stage& stage : plan.stages)
      if (stage.rank == r) largest = std::max(largest, stage.activation_bytes);
    const double alive = plan.ranks[r].at("peak_micro_batches").number(0);
    claim.within(rank_name(r), plan.ranks[r].at("memory").at("activation_bytes").number(0), largest,
                 largest * alive + 1);
  }
  return claim.check();
}

Check busy_claim(const Training& plan, double pipeline_s) {
  Claim claim("a rank computes every micro-batch of its stages, within the pipeline's time");
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    double work = 0;
    for (const Stage& stage : plan.stages)
      if (stage.rank == r) work += stage.compute_s * static_cast<double>(plan.micro_batches) / plan.pipes;
    const double busy = plan.ranks[r].at("busy_s").number(0);
    claim.near(rank_name(r), busy, work, 1e-6 * work);
    claim.require(rank_name(r), busy <= pipeline_s * (1 + 1e-9), fmt::format("{} s", busy));
  }
  return claim.check();
}

Check step_claim(const Training& plan, const Node& predicted) {
  Claim claim("a step is its pipeline, what of the sync is not hidden, and the update; rates and bubble follow");
  const auto figure = [&](const char* key) { return predicted.at(key).number(0); };
  const double step = figure("step_s"), pipeline = figure("pipeline_s");
  claim.near("step", step, pipeline + figure("exposed_sync_s") + figure("update_s"), 1e-6 * step);
  claim.require("bound", figure("lower_bound_s") <= step * (1 + 1e-9), "a bound above the step");
  const double tokens = static_cast<double>(plan.global_batch) * static_cast<double>(plan.tokens);
  claim.near("tokens", figure("tokens_per_s"), tokens / step, 1e-6 * tokens / step);
  double busy = 0;
  for (const Node& rank : plan.ranks) busy += rank.at("busy_s").number(0);
  claim.near("bubble", predicted.at("bubble_fraction").number(),
             1 - busy / (static_cast<double>(plan.ranks.size()) * pipeline), 1e-6);
  const auto range = predicted.at("uncertainty").at("step_s").items();
  claim.require("range", range.size() == 2 && range[0].number(0) <= step && step <= range[1].number(0),
                "one without it");
  return claim.check();
}

}  // namespace

Checks training_claims(const Node& node) {
  const Training plan = training_of(node);
  const Node predicted = node.at("predicted");
  Checks checks;
  checks.push_back(batch_claim(plan));
  checks.push_back(devices_claim(plan));
  checks.push_back(layers_claim(plan));
  checks.push_back(state_claim(plan));
  checks.push_back(activations_claim(plan));
  checks.push_back(margin_claim(plan, node.at("verdict").text()));
  checks.push_back(busy_claim(plan, predicted.at("pipeline_s").number(0)));
  checks.push_back(step_claim(plan, predicted));
  return checks;
}

}  // namespace ppplan::verify

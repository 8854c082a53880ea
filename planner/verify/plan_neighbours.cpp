#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "planner/verify/claim.h"
#include "planner/verify/kv_facts.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

std::vector<std::int64_t> partition_of(const input::Node& node) {
  std::vector<std::int64_t> out;
  for (const input::Node& entry : node.items()) out.push_back(entry.integer(-(1 << 30), 1 << 30));
  return out;
}

/// One layer taken from one stage and given to another.
bool is_one_move(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  if (a.size() != b.size()) return false;
  std::int64_t moved = 0;
  for (std::size_t s = 0; s < a.size(); ++s) {
    if (b[s] < 1) return false;
    moved += std::abs(a[s] - b[s]);
  }
  return moved == 2 &&
         std::accumulate(a.begin(), a.end(), std::int64_t{0}) == std::accumulate(b.begin(), b.end(), std::int64_t{0});
}

/// Where all layers are equal, a stage that changes by n layers changes by n layers' weights and CUDA graphs. The
/// buffers of the first stage and the sampler of the last stay where they are, and so does each stage's widest layer.
double kv_tokens(const PlanFacts& plan, const std::vector<std::int64_t>& partition) {
  PlanFacts moved = plan;
  std::int64_t layer = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    moved.stages[s].first_layer = layer;
    moved.stages[s].end_layer = layer += partition[s];
  }
  const KvPool pool = kv_pool(moved);
  const bool graphs = memory_constant(plan.runner_v2 ? "v2_cuda_graphs_in_budget" : "cuda_graphs_in_budget", plan) != 0;
  // Model runner V2 captures all that it estimates.
  const double base = memory_constant("cuda_graph_base_bytes", plan) +
                      (plan.runner_v2 ? 0 : memory_constant("cuda_graph_estimate_bytes", plan));
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageFacts& stage = plan.stages[s];
    const auto now = static_cast<double>(stage.end_layer - stage.first_layer);
    const auto then = static_cast<double>(partition[s]);
    const double captured = graphs ? std::max(0.0, static_cast<double>(stage.cuda_graph_bytes) - base) : 0;
    const double layers = layer_bytes(plan, stage), moved_layers = (then - now) * (layers - plan.rotary_bytes) / now;
    const auto kept = [&](double loaded) { return std::max(0.0, loaded - plan.cpu_offload_bytes); };
    const double bytes = static_cast<double>(stage.kv_bytes) - (kept(layers + moved_layers) - kept(layers)) -
                         (then - now) * captured / now;
    const double blocks = std::max(0.0, std::floor(bytes / static_cast<double>(pool.stage_block_bytes[s])));
    least = std::min(least, static_cast<double>(pool.tokens(static_cast<std::int64_t>(blocks), plan.max_model_len)));
  }
  return least;
}

bool has_equal_layers(const PlanFacts& plan) {
  return std::ranges::all_of(plan.model.layers,
                             [&](const LayerFacts& layer) { return layer == plan.model.layers.front(); });
}

}  // namespace

void add_neighbour_claims(const PlanFacts& plan, const input::Node& neighbours, Checks& checks) {
  Claim moves("neighbours are the partition with one layer moved");
  Claim tokens("a neighbour's KV tokens are what the moved layer's bytes leave");
  Claim rates("a neighbour that fits has a throughput");
  std::size_t index = 0;
  for (const input::Node& neighbour : neighbours.items()) {
    const std::string place = fmt::format("neighbour {}", index++);
    const auto partition = partition_of(neighbour.at("partition"));
    const bool one = is_one_move(plan.partition, partition);
    moves.require(place, one, "another");
    const auto stated = neighbour.at("kv_tokens").integer(0, std::int64_t{1} << 53);
    // Bytes are rounded per stage, which may tip one block.
    if (one && partition.size() == plan.stages.size() && has_equal_layers(plan) && !plan.kv_cache_memory_bytes)
      tokens.near(place, static_cast<double>(stated), kv_tokens(plan, partition),
                  static_cast<double>(plan.block_tokens));
    const bool oom = neighbour.at("verdict").text() == "OOM";
    const double rate = neighbour.at("output_tokens_per_s").number(0);
    rates.require(place, oom || rate > 0, "none");
  }
  checks.push_back(moves.check());
  checks.push_back(tokens.check());
  checks.push_back(rates.check());
}

}  // namespace ppplan::verify

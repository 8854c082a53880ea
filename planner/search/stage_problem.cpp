#include "planner/search/stage_problem.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "planner/cost/activation_memory.h"
#include "planner/cost/kernel_weights.h"
#include "planner/cost/link_costs.h"
#include "planner/cost/memory_account.h"
#include "planner/cost/rates.h"
#include "planner/engines/architecture_rules.h"

namespace ppplan::search {

namespace {

// What one layer adds to a stage: its weights and, where they count, its CUDA graphs.
double layer_bytes(const spec::Plan& plan, const engines::KvLayout& layout, int layer) {
  const engines::MemoryRules& rules = engines::memory_rules(plan);
  spec::Stage alone = plan.stages.front();
  alone.first_layer = layer;
  alone.end_layer = layer + 1;
  alone.embedding = alone.head = alone.tower = false;
  const spec::StageMemory memory = cost::stage_memory(plan, alone, layout);
  double bytes = static_cast<double>(memory.weights_bytes - cost::rotary_table_bytes(plan));
  if (memory.cuda_graph_bytes > 0 && cost::graphs_in_budget(plan)) {
    spec::Stage empty = alone;
    empty.end_layer = layer;
    bytes += static_cast<double>(memory.cuda_graph_bytes - cost::cuda_graph_bytes(plan, empty, rules));
  }
  return bytes;
}

double weight_of(const spec::Plan& plan, std::size_t batch, Objective objective) {
  const bool decode = static_cast<int>(batch) == cost::decode_index(plan);
  const double sequences = plan.times[batch].shape.sequences;
  switch (objective) {
    case Objective::prefill:
      return decode ? 0 : 1;
    case Objective::decode:
      return decode ? 1 : 0;
    case Objective::request:
      return (decode ? plan.workload.output_tokens : 1) / sequences;
  }
  return 0;
}

using Cards = std::map<std::pair<std::string, spec::LinkKind>, int>;  // to one device of that kind

// What decides a stage's layer times: the kinds of card in its groups and the link inside of each.
Cards cards_of(const spec::Plan& plan, const spec::Stage& stage) {
  Cards cards;
  for (const auto& group : stage.devices) {
    const std::string& name = plan.cluster.devices[static_cast<std::size_t>(group.front())].name;
    cards.emplace(std::pair{name, cost::group_link(plan.cluster, group)}, group.front());
  }
  return cards;
}

std::vector<double> layer_row(const spec::Plan& plan, cost::CostBook& book, Objective objective, const Cards& cards) {
  std::vector<double> row(plan.model.layers.size(), 0.0);
  for (std::size_t batch = 0; batch < plan.times.size(); ++batch) {
    const double weight = weight_of(plan, batch, objective);
    if (weight == 0) continue;
    std::vector<double> slowest(row.size(), 0.0);
    for (const auto& [card, device] : cards) {
      const auto& times = book.layer_times(plan.model, plan.cluster.devices[static_cast<std::size_t>(device)],
                                           plan.parallel.tp, card.second, plan.times[batch].shape)
                              .layer_s;
      for (std::size_t l = 0; l < row.size(); ++l) slowest[l] = std::max(slowest[l], times[l]);
    }
    for (std::size_t l = 0; l < row.size(); ++l) row[l] += weight * slowest[l];
  }
  return row;
}

std::vector<double> fixed_seconds(const spec::Plan& plan, Objective objective) {
  std::vector<double> fixed(plan.stages.size(), 0.0);
  for (std::size_t batch = 0; batch < plan.times.size(); ++batch) {
    const double weight = weight_of(plan, batch, objective);
    fixed.front() += weight * plan.times[batch].embedding_s;
    fixed.back() += weight * plan.times[batch].head_s;
    if (!plan.micro_batching.send_blocks_next) continue;
    const std::vector<double> out = cost::boundary_seconds(plan, plan.times[batch]);
    for (std::size_t s = 0; s < out.size(); ++s) fixed[s] += weight * out[s];
  }
  return fixed;
}

}  // namespace

std::vector<double> kv_bytes(const spec::Plan& plan, std::int64_t kv_tokens) {
  const engines::KvLayout layout = cost::kv_layout(plan);
  std::vector<double> bytes(plan.model.layers.size(), 0.0);
  if (layout.groups.empty()) return bytes;
  const double blocks = static_cast<double>(engines::request_blocks(
      layout, plan.max_model_len, plan.micro_batching.max_num_batched_tokens, plan.micro_batching.in_flight));
  const double groups = layout.same_page ? static_cast<double>(layout.groups.size()) : 1;
  for (std::size_t l = 0; l < bytes.size(); ++l)
    bytes[l] = static_cast<double>(kv_tokens) / plan.max_model_len * blocks / groups *
               static_cast<double>(layout.page_bytes[l]);
  return bytes;
}

PartitionProblem memory_problem(const spec::Plan& plan) {
  PartitionProblem problem;
  // What the host keeps is a stage's, not a layer's: a credit of its fixed bytes.
  std::optional<spec::Plan> loaded;
  if (plan.engine.cpu_offload_bytes > 0) (loaded = plan)->engine.cpu_offload_bytes = 0;
  const engines::KvLayout layout = cost::kv_layout(plan);
  const std::size_t layers = plan.model.layers.size();
  problem.layer_s.emplace_back(layers, 0.0);
  problem.kind.assign(plan.stages.size(), 0);
  problem.cut_allowed = engines::allowed_cuts(plan.model);
  for (std::size_t l = 0; l < layers; ++l) {
    const bool same = l > 0 && !plan.model.stated && plan.model.layers[l] == plan.model.layers[l - 1];
    problem.layer_bytes.push_back(same ? problem.layer_bytes.back()
                                       : layer_bytes(loaded ? *loaded : plan, layout, static_cast<int>(l)));
  }
  for (const spec::Stage& stage : plan.stages) {
    // Whatever of the stage its layers do not account for stays as it is when layers move.
    double fixed = static_cast<double>(stage.memory.budget_bytes - stage.memory.kv_bytes);
    for (int l = stage.first_layer; l < stage.end_layer; ++l) fixed -= problem.layer_bytes[static_cast<std::size_t>(l)];
    const double credit = std::max(0.0, -fixed);
    problem.fixed_bytes.push_back(fixed + credit);
    problem.capacity_bytes.push_back(static_cast<double>(stage.memory.budget_bytes) + credit);
  }
  return problem;
}

void set_times(PartitionProblem& problem, const spec::Plan& plan, cost::CostBook& book, Objective objective) {
  problem.layer_s.clear();
  problem.kind.clear();
  std::vector<Cards> kinds;
  for (const spec::Stage& stage : plan.stages) {
    const Cards cards = cards_of(plan, stage);
    const auto known = std::find_if(kinds.begin(), kinds.end(), [&](const Cards& kind) {
      return std::ranges::equal(kind, cards, {}, &Cards::value_type::first, &Cards::value_type::first);
    });
    problem.kind.push_back(static_cast<int>(known - kinds.begin()));
    if (known != kinds.end()) continue;
    kinds.push_back(cards);
    problem.layer_s.push_back(layer_row(plan, book, objective, cards));
  }
  problem.fixed_s = fixed_seconds(plan, objective);
}

void set_limited_times(PartitionProblem& problem, const spec::Plan& plan, cost::CostBook& book, Objective objective) {
  PartitionProblem timed;
  set_times(timed, plan, book, objective);
  problem.limited_s = std::move(timed.layer_s);
  problem.fixed_limited_s = std::move(timed.fixed_s);
}

}  // namespace ppplan::search

#include "planner/search/stage_problem.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "planner/cost/link_costs.h"
#include "planner/cost/memory_account.h"
#include "planner/cost/rates.h"

namespace ppplan::search {

namespace {

// A layer by itself, as a stage of the middle: what weights and graphs it adds.
double layer_bytes(const spec::Plan& plan, int layer) {
  spec::Stage alone = plan.stages.front();
  alone.first_layer = layer;
  alone.end_layer = layer + 1;
  alone.embedding = alone.head = false;
  const spec::StageMemory memory = cost::stage_memory(plan, alone);
  return static_cast<double>(memory.weights_bytes + memory.cuda_graph_bytes);
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
  std::vector<double> bytes;
  for (const spec::Layer& layer : plan.model.layers) {
    const int heads = std::max(1, layer.attention.kv_heads / plan.parallel.tp);
    bytes.push_back(static_cast<double>(kv_tokens) * heads / std::max(1, layer.attention.kv_heads) *
                    static_cast<double>(spec::kv_bytes_per_token(plan.model, layer)));
  }
  return bytes;
}

PartitionProblem memory_problem(const spec::Plan& plan) {
  PartitionProblem problem;
  const std::size_t layers = plan.model.layers.size();
  problem.layer_s.emplace_back(layers, 0.0);
  problem.kind.assign(plan.stages.size(), 0);
  for (std::size_t l = 0; l < layers; ++l) {
    const bool same = l > 0 && plan.model.layers[l] == plan.model.layers[l - 1];
    problem.layer_bytes.push_back(same ? problem.layer_bytes.back() : layer_bytes(plan, static_cast<int>(l)));
  }
  for (const spec::Stage& stage : plan.stages) {
    const spec::StageMemory& memory = stage.memory;
    problem.fixed_bytes.push_back(
        static_cast<double>(memory.embedding_bytes + memory.head_bytes + memory.activation_bytes));
    problem.capacity_bytes.push_back(static_cast<double>(memory.budget_bytes));
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

}  // namespace ppplan::search

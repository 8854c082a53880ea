#include "planner/cost/training_stages.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "planner/cost/link_costs.h"
#include "planner/cost/roofline.h"
#include "planner/cost/times_ledger.h"
#include "planner/cost/training_memory.h"

namespace ppplan::cost {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double attention_backward = 2.5;

spec::BatchShape layers_shape(const spec::TrainingPlan& plan) {
  return {plan.settings.sequences, plan.task.sequence_tokens, 0, false};
}
/// The head sees every token.
spec::BatchShape head_shape(const spec::TrainingPlan& plan) {
  return {plan.settings.sequences * plan.task.sequence_tokens, 1, 0, true};
}
/// A token looks at half of its sequence on average.
double context(const spec::TrainingTask& task) { return 0.5 * (task.sequence_tokens + 1); }

double attention_share(const spec::TrainingPlan& plan, const spec::Layer& layer) {
  const double all = spec::flops_per_token(plan.model, layer, context(plan.task));
  return all > 0 ? 1 - spec::flops_per_token(plan.model, layer, 0) / all : 0;
}

/// Slowest of the replicas' groups.
struct Forward {
  std::vector<double> layer_s;
  double embedding_s = 0, head_s = 0;
};
Forward forward_of(const spec::TrainingPlan& plan, const spec::TrainingRank& rank, CostBook& book,
                   TimesLedger& ledger) {
  Forward out;
  out.layer_s.assign(plan.model.layers.size(), 0);
  for (const auto& group : rank.devices) {
    const spec::Device& device = plan.cluster.devices[at(group.front())];
    const spec::LinkKind link = group_link(plan.cluster, group);
    const LayerTimes& layers = book.layer_times(plan.model, device, plan.parallel.tp, link, layers_shape(plan));
    for (std::size_t l = 0; l < out.layer_s.size(); ++l) out.layer_s[l] = std::max(out.layer_s[l], layers.layer_s[l]);
    out.embedding_s = std::max(out.embedding_s, layers.embedding_s);
    ledger.add(layers);
    const LayerTimes& head = book.layer_times(plan.model, device, plan.parallel.tp, link, head_shape(plan));
    out.head_s = std::max(out.head_s, head.head_s);
  }
  return out;
}

/// Of a layer's forward.
double input_factor(const spec::TrainingPlan& plan, double attention) {
  return (1 - attention) + attention_backward * attention + (plan.settings.recompute ? 1 : 0);
}
double weight_factor(double attention) { return 1 - attention; }

void add_layers(const spec::TrainingPlan& plan, const Forward& forward, spec::TrainingStage& stage) {
  double activation = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const spec::Layer& layer = plan.model.layers[at(l)];
    const double seconds = forward.layer_s[at(l)], share = attention_share(plan, layer);
    stage.forward_s += seconds;
    stage.backward_input_s += seconds * input_factor(plan, share);
    stage.backward_weight_s += seconds * weight_factor(share);
    activation += kept_bytes(plan, layer);
  }
  stage.activation_bytes = std::llround(activation);
}

void add_ends(const spec::TrainingPlan& plan, const Forward& forward, spec::TrainingStage& stage) {
  if (stage.first_layer == 0) {
    stage.forward_s += forward.embedding_s;
    stage.backward_weight_s += forward.embedding_s;
  }
  if (stage.end_layer != static_cast<int>(plan.model.layers.size())) return;
  stage.forward_s += forward.head_s;
  stage.backward_input_s += forward.head_s;
  stage.backward_weight_s += forward.head_s;
  stage.activation_bytes += std::llround(loss_bytes(plan.model, plan.parallel.tp, plan.micro_batch_tokens()));
}

/// Bytes by link and direction.
using LinkLoad = std::map<std::pair<int, bool>, double>;

std::pair<int, bool> key_of(const spec::ClusterSpec& cluster, const spec::Hop& hop) {
  return {hop.link, hop.up || cluster.links[at(hop.link)].half_duplex};
}

void load_route(const spec::ClusterSpec& cluster, int from, int to, double bytes, LinkLoad& load) {
  for (const spec::Hop& hop : spec::route(cluster, from, to)) load[key_of(cluster, hop)] += bytes;
}

double link_s(const spec::ClusterSpec& cluster, const LinkLoad::value_type& entry) {
  return entry.second / cluster.links[at(entry.first.first)].bandwidth_bytes_per_s;
}

/// Every rank of the group sends its slice to its counterpart at the same time.
double send_s(const spec::TrainingPlan& plan, const CostBook& book, const std::vector<int>& from,
              const std::vector<int>& to) {
  const double bytes = plan.micro_batch_tokens() * plan.model.hidden *
                       spec::bytes_per_element(plan.model.activation_dtype) / static_cast<double>(from.size());
  LinkLoad load;
  for (std::size_t r = 0; r < from.size(); ++r) load_route(plan.cluster, from[r], to[r], bytes, load);
  double slowest = 0;
  for (const auto& entry : load) slowest = std::max(slowest, link_s(plan.cluster, entry));
  const auto hops = spec::route(plan.cluster, from.front(), to.front());
  const double rate = spec::bandwidth_bytes_per_s(plan.cluster, hops);
  return slowest + spec::latency_s(plan.cluster, hops) +
         book.message(plan.cluster.devices[at(from.front())], spec::slowest_kind(plan.cluster, hops), rate, bytes)
             .latency_s;
}

double slowest_send_s(const spec::TrainingPlan& plan, const CostBook& book, int from, int to) {
  double slowest = 0;
  for (std::size_t d = 0; d < plan.ranks[at(from)].devices.size(); ++d)
    slowest = std::max(slowest, send_s(plan, book, plan.ranks[at(from)].devices[d], plan.ranks[at(to)].devices[d]));
  return slowest;
}

/// Bytes that one device sends to the next replica's.
double sync_bytes(const spec::TrainingPlan& plan, const spec::TrainingRank& rank) {
  const double replicas = plan.parallel.dp;
  const double parameters = static_cast<double>(rank.memory.weights_bytes) / weight_state_bytes;
  const double each =
      gradient_state_bytes + (plan.settings.sharded_optimizer ? weight_state_bytes : gradient_state_bytes);
  return (replicas - 1) / replicas * each * parameters;
}

template <typename Visit>
void each_ring_route(const spec::TrainingRank& rank, Visit visit) {
  const std::size_t replicas = rank.devices.size();
  for (std::size_t d = 0; d < replicas; ++d)
    for (std::size_t r = 0; r < rank.devices[d].size(); ++r)
      visit(rank.devices[d][r], rank.devices[(d + 1) % replicas][r]);
}

}  // namespace

LayerTraining training_layer_times(const spec::TrainingPlan& plan, std::size_t rank, CostBook& book) {
  TimesLedger ledger;
  const Forward forward = forward_of(plan, plan.ranks[rank], book, ledger);
  LayerTraining out{forward.layer_s, 2 * forward.embedding_s, 3 * forward.head_s};
  for (std::size_t l = 0; l < out.layer_s.size(); ++l) {
    const double share = attention_share(plan, plan.model.layers[l]);
    out.layer_s[l] *= 1 + input_factor(plan, share) + weight_factor(share);
  }
  return out;
}

double assess_training_stages(spec::TrainingPlan& plan, const schedule::TrainingOrder& order, CostBook& book) {
  TimesLedger ledger;
  std::vector<Forward> forward;
  for (const spec::TrainingRank& rank : plan.ranks) forward.push_back(forward_of(plan, rank, book, ledger));
  const auto next = schedule::neighbours(order);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    spec::TrainingStage& stage = plan.stages[s];
    add_layers(plan, forward[at(stage.rank)], stage);
    add_ends(plan, forward[at(stage.rank)], stage);
    if (next[s].next < 0) continue;
    const int to = plan.stages[at(next[s].next)].rank;
    if (to != stage.rank) stage.send_s = slowest_send_s(plan, book, stage.rank, to);
  }
  ledger.fill(plan.provenance);
  return ledger.relative_error();
}

void assess_gradient_sync(spec::TrainingPlan& plan) {
  for (spec::TrainingRank& rank : plan.ranks) rank.gradient_sync_s = 0;
  if (plan.parallel.dp == 1) return;
  LinkLoad load;
  for (const spec::TrainingRank& rank : plan.ranks)
    each_ring_route(rank, [&](int from, int to) { load_route(plan.cluster, from, to, sync_bytes(plan, rank), load); });
  for (spec::TrainingRank& rank : plan.ranks)
    each_ring_route(rank, [&](int from, int to) {
      for (const spec::Hop& hop : spec::route(plan.cluster, from, to))
        rank.gradient_sync_s =
            std::max(rank.gradient_sync_s, link_s(plan.cluster, *load.find(key_of(plan.cluster, hop))));
    });
}

double update_s(const spec::TrainingPlan& plan) {
  double slowest = 0;
  for (const spec::TrainingRank& rank : plan.ranks) {
    const double state = 2.0 * static_cast<double>(rank.memory.optimizer_bytes);
    const double shared = static_cast<double>(rank.memory.gradients_bytes + rank.memory.weights_bytes) /
                          (plan.settings.sharded_optimizer ? plan.parallel.dp : 1);
    for (const auto& group : rank.devices)
      for (const int device : group)
        slowest = std::max(slowest, traffic_s(plan.cluster.devices[at(device)], state + shared));
  }
  return slowest;
}

double step_flops(const spec::ModelSpec& model, const spec::TrainingTask& task) {
  double per_token = spec::head_flops_per_token(model);
  for (const spec::Layer& layer : model.layers) per_token += spec::flops_per_token(model, layer, context(task));
  return 3 * per_token * task.global_batch * task.sequence_tokens;
}

}  // namespace ppplan::cost

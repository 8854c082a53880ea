#include "planner/cost/training_stages.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "planner/cost/link_costs.h"
#include "planner/cost/roofline.h"
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
double micro_batch_tokens(const spec::TrainingPlan& plan) {
  return 1.0 * plan.settings.sequences * plan.task.sequence_tokens;
}
/// A token looks at half of its sequence on average.
double context(const spec::TrainingTask& task) { return 0.5 * (task.sequence_tokens + 1); }

double attention_share(const spec::TrainingPlan& plan, const spec::Layer& layer) {
  const double all = spec::flops_per_token(plan.model, layer, context(plan.task));
  return all > 0 ? 1 - spec::flops_per_token(plan.model, layer, 0) / all : 0;
}

struct Known {
  double relative_error = 0;
  Origin origin = Origin::measured;
  std::set<std::string> engines, profiles;

  void add(const LayerTimes& times) {
    relative_error = std::max(relative_error, times.relative_error);
    origin = std::max(origin, times.origin);
    engines.insert(times.engine);
    profiles.insert(times.profile);
  }
};

/// Slowest of the replicas' groups.
struct Forward {
  std::vector<double> layer_s;
  double embedding_s = 0, head_s = 0;
};
Forward forward_of(const spec::TrainingPlan& plan, const spec::TrainingRank& rank, CostBook& book, Known& known) {
  Forward out;
  out.layer_s.assign(plan.model.layers.size(), 0);
  for (const auto& group : rank.devices) {
    const spec::Device& device = plan.cluster.devices[at(group.front())];
    const spec::LinkKind link = group_link(plan.cluster, group);
    const LayerTimes& layers = book.layer_times(plan.model, device, plan.parallel.tp, link, layers_shape(plan));
    for (std::size_t l = 0; l < out.layer_s.size(); ++l) out.layer_s[l] = std::max(out.layer_s[l], layers.layer_s[l]);
    out.embedding_s = std::max(out.embedding_s, layers.embedding_s);
    known.add(layers);
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
  const double tokens = micro_batch_tokens(plan);
  double activation = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const spec::Layer& layer = plan.model.layers[at(l)];
    const double seconds = forward.layer_s[at(l)], share = attention_share(plan, layer);
    stage.forward_s += seconds;
    stage.backward_input_s += seconds * input_factor(plan, share);
    stage.backward_weight_s += seconds * weight_factor(share);
    activation += plan.settings.recompute ? kept_input_bytes(plan.model, plan.parallel.tp, tokens)
                                          : activation_bytes(plan.model, layer, plan.parallel.tp, tokens);
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
  stage.activation_bytes += std::llround(loss_bytes(plan.model, plan.parallel.tp, micro_batch_tokens(plan)));
}

/// Bytes by link and direction.
using LinkLoad = std::map<std::pair<int, bool>, double>;

void load_route(const spec::ClusterSpec& cluster, int from, int to, double bytes, LinkLoad& load) {
  for (const spec::Hop& hop : spec::route(cluster, from, to))
    load[{hop.link, hop.up || cluster.links[at(hop.link)].half_duplex}] += bytes;
}

double link_s(const spec::ClusterSpec& cluster, const LinkLoad::value_type& entry) {
  return entry.second / cluster.links[at(entry.first.first)].bandwidth_bytes_per_s;
}

/// Every rank of the group sends its slice to its counterpart at the same time.
double send_s(const spec::TrainingPlan& plan, const CostBook& book, const std::vector<int>& from,
              const std::vector<int>& to) {
  const double bytes = micro_batch_tokens(plan) * plan.model.hidden *
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

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    if (!name.empty()) out += (out.empty() ? "" : ", ") + name;
  return out;
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
  Known known;
  const Forward forward = forward_of(plan, plan.ranks[rank], book, known);
  LayerTraining out{forward.layer_s, 2 * forward.embedding_s, 3 * forward.head_s};
  for (std::size_t l = 0; l < out.layer_s.size(); ++l) {
    const double share = attention_share(plan, plan.model.layers[l]);
    out.layer_s[l] *= 1 + input_factor(plan, share) + weight_factor(share);
  }
  return out;
}

double assess_training_stages(spec::TrainingPlan& plan, const schedule::TrainingOrder& order, CostBook& book) {
  Known known;
  std::vector<Forward> forward;
  for (const spec::TrainingRank& rank : plan.ranks) forward.push_back(forward_of(plan, rank, book, known));
  const auto next = schedule::neighbours(order);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    spec::TrainingStage& stage = plan.stages[s];
    add_layers(plan, forward[at(stage.rank)], stage);
    add_ends(plan, forward[at(stage.rank)], stage);
    if (next[s].next < 0) continue;
    const int to = plan.stages[at(next[s].next)].rank;
    if (to != stage.rank) stage.send_s = slowest_send_s(plan, book, stage.rank, to);
  }
  plan.provenance.costs = name(known.origin);
  plan.provenance.engine = joined(known.engines);
  plan.provenance.profile = joined(known.profiles);
  return known.relative_error;
}

void assess_gradient_sync(spec::TrainingPlan& plan) {
  for (spec::TrainingRank& rank : plan.ranks) rank.gradient_sync_s = 0;
  if (plan.parallel.dp == 1) return;
  LinkLoad load;
  for (const spec::TrainingRank& rank : plan.ranks)
    each_ring_route(rank, [&](int from, int to) { load_route(plan.cluster, from, to, sync_bytes(plan, rank), load); });
  for (spec::TrainingRank& rank : plan.ranks)
    each_ring_route(rank, [&](int from, int to) {
      for (const spec::Hop& hop : spec::route(plan.cluster, from, to)) {
        const bool up = hop.up || plan.cluster.links[at(hop.link)].half_duplex;
        rank.gradient_sync_s = std::max(rank.gradient_sync_s, link_s(plan.cluster, *load.find({hop.link, up})));
      }
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

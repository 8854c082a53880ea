#include "planner/search/training_candidate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "planner/cost/memory_account.h"
#include "planner/cost/training_memory.h"
#include "planner/cost/training_stages.h"
#include "planner/engines/memory_rules.h"
#include "planner/engines/vllm_rules.h"
#include "planner/schedule/training_times.h"
#include "planner/search/partition.h"

namespace ppplan::search {
namespace {

using schedule::TrainingOrder;
using spec::TrainingPlan;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Of activations and working memory, assumed; allocators fragment.
constexpr double activation_uncertainty = 0.10;
constexpr double fixed_uncertainty_bytes = 512.0 * (1 << 20);
/// By how much a step may be slower than its forward times and the factors for backward say, assumed: Megatron-Core
/// documents up to 47 % of an H100's dense peak, where forward kernels of an inference engine and these factors give
/// 55 to 68 %.
constexpr double training_slower = 0.4;
/// What an input gradient frees is taken up by the gradients that the weight gradient needs: measured so on the host
/// executor (layer_training.h), assumed elsewhere.
constexpr double released_by_input_gradient = 0;

std::int64_t bytes(double value) { return static_cast<std::int64_t>(std::llround(value)); }

double optimizer_bytes(const TrainingPlan& plan) {
  return cost::optimizer_state_bytes / (plan.settings.sharded_optimizer ? plan.parallel.dp : 1);
}
double state_bytes(const TrainingPlan& plan) {
  return cost::weight_state_bytes + cost::gradient_state_bytes + optimizer_bytes(plan);
}

std::int64_t free_bytes(const TrainingPlan& plan, const spec::TrainingRank& rank) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const auto& group : rank.devices)
    for (const int device : group) least = std::min(least, plan.cluster.devices[at(device)].free_bytes);
  return least;
}

/// Context of the driver, and communicators where there is more than one device.
std::int64_t other_bytes(const TrainingPlan& plan) {
  const engines::MemoryRules& rules = engines::memory_rules("");
  const bool alone = plan.parallel.tp * plan.parallel.pp * plan.parallel.dp == 1;
  return bytes(rules.value("context_bytes") + (alone ? 0 : rules.value("communicator_bytes")));
}

/// Position of each stage in its pipe.
std::vector<int> positions(const TrainingOrder& order) {
  std::vector<int> out(order.rank_of.size(), 0);
  for (const auto& pipe : order.pipes)
    for (std::size_t i = 0; i < pipe.size(); ++i) out[at(pipe[i])] = static_cast<int>(i);
  return out;
}

void place_layers(TrainingPlan& plan, const TrainingOrder& order) {
  std::vector<int> first = {0};
  for (const int layers : plan.partition) first.push_back(first.back() + layers);
  const std::vector<int> position = positions(order);
  plan.stages.assign(order.rank_of.size(), {});
  for (spec::TrainingRank& rank : plan.ranks) rank.stages.clear();
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    plan.stages[s].rank = order.rank_of[s];
    plan.stages[s].first_layer = first[at(position[s])];
    plan.stages[s].end_layer = first[at(position[s]) + 1];
    plan.ranks[at(order.rank_of[s])].stages.push_back(static_cast<int>(s));
  }
}

double rank_parameters(const TrainingPlan& plan, const spec::TrainingRank& rank) {
  double sum = 0;
  for (const int s : rank.stages) {
    const spec::TrainingStage& stage = plan.stages[at(s)];
    const bool head = stage.end_layer == static_cast<int>(plan.model.layers.size());
    sum += cost::held_parameters(plan.model, {stage.first_layer, stage.end_layer, stage.first_layer == 0, head},
                                 plan.parallel.tp);
  }
  return sum;
}

void assess_state(TrainingPlan& plan) {
  for (spec::TrainingRank& rank : plan.ranks) {
    const double parameters = rank_parameters(plan, rank);
    rank.memory.weights_bytes = bytes(parameters * cost::weight_state_bytes);
    rank.memory.gradients_bytes = bytes(parameters * cost::gradient_state_bytes);
    rank.memory.optimizer_bytes = bytes(parameters * optimizer_bytes(plan));
    rank.memory.other_bytes = other_bytes(plan);
    rank.memory.free_bytes = free_bytes(plan, rank);
  }
}

schedule::TrainingCosts costs_of(const TrainingPlan& plan) {
  schedule::TrainingCosts costs;
  for (const spec::TrainingStage& stage : plan.stages)
    costs.stages.push_back({stage.forward_s, stage.backward_input_s, stage.backward_weight_s, stage.send_s,
                            static_cast<double>(stage.activation_bytes)});
  costs.released_by_input_gradient = released_by_input_gradient;
  return costs;
}

double compute_s(const spec::TrainingStage& stage) {
  return stage.forward_s + stage.backward_input_s + stage.backward_weight_s;
}

/// A rank does all of its work after a first micro-batch has come to it; a micro-batch passes every position twice.
double pipeline_bound_s(const TrainingPlan& plan, const TrainingOrder& order) {
  double bound = 0;
  std::vector<double> fill(plan.ranks.size(), std::numeric_limits<double>::infinity()), work(plan.ranks.size(), 0);
  const double share = 1.0 * plan.settings.micro_batches / static_cast<double>(order.pipes.size());
  for (const auto& pipe : order.pipes) {
    double before = 0, through = 0;
    for (const int s : pipe) {
      const spec::TrainingStage& stage = plan.stages[at(s)];
      fill[at(stage.rank)] = std::min(fill[at(stage.rank)], before);
      work[at(stage.rank)] += share * compute_s(stage);
      before += stage.forward_s + stage.send_s;
      through += stage.forward_s + stage.backward_input_s + 2 * stage.send_s;
    }
    bound = std::max(bound, through);
  }
  for (std::size_t r = 0; r < work.size(); ++r) bound = std::max(bound, fill[r] + work[r]);
  return bound;
}

/// Gradients of a stage are summed up once its last micro-batch passes, layer by layer, and synced in that order.
double exposed_sync_s(const TrainingPlan& plan, const TrainingOrder& order, const schedule::TrainingTimes& times,
                      int rank) {
  const spec::TrainingRank& it = plan.ranks[at(rank)];
  if (it.gradient_sync_s <= 0) return 0;
  const auto& actions = order.ranks[at(rank)];
  std::vector<std::pair<double, int>> last(order.rank_of.size(),
                                           {-1, -1});  // [stage]: end and index of its last action
  for (std::size_t a = 0; a < actions.size(); ++a)
    for (const int s : {actions[a].stage, actions[a].with_stage})
      if (s >= 0) last[at(s)] = {times.ranks[at(rank)][a].end_s, static_cast<int>(a)};
  std::vector<int> stages = it.stages;
  std::ranges::sort(stages, {}, [&](int s) { return last[at(s)].first; });
  double layers = 0, busy_until = 0;
  for (const int s : stages) layers += plan.stages[at(s)].end_layer - plan.stages[at(s)].first_layer;
  for (const int s : stages) {
    const double count = plan.stages[at(s)].end_layer - plan.stages[at(s)].first_layer;
    const double sync = it.gradient_sync_s * count / layers;
    const schedule::ActionTime& action = times.ranks[at(rank)][at(last[at(s)].second)];
    const double first_ready = action.start_s + (action.end_s - action.start_s) / count;
    busy_until = std::max(std::max(busy_until, first_ready) + sync, action.end_s + sync / count);
  }
  return std::max(0.0, busy_until - times.ranks[at(rank)].back().end_s);
}

void assess_step(TrainingPlan& plan, const TrainingOrder& order, const schedule::TrainingTimes& times,
                 double relative_error) {
  spec::TrainingPredicted& out = plan.predicted;
  double end = 0, busy = 0, most = 0;
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    spec::TrainingRank& rank = plan.ranks[r];
    rank.busy_s = times.busy_s[r];
    rank.peak_micro_batches = times.peak_micro_batches[r];
    rank.exposed_sync_s = exposed_sync_s(plan, order, times, static_cast<int>(r));
    end = std::max(end, times.ranks[r].back().end_s + rank.exposed_sync_s);
    busy += rank.busy_s;
    most = std::max(most, rank.busy_s);
  }
  out.pipeline_s = times.makespan_s;
  out.exposed_sync_s = end - times.makespan_s;
  out.update_s = cost::update_s(plan);
  out.step_s = end + out.update_s;
  out.tokens_per_s = 1.0 * plan.task.global_batch * plan.task.sequence_tokens / out.step_s;
  out.bubble_fraction = 1 - busy / (static_cast<double>(plan.ranks.size()) * out.pipeline_s);
  out.span_bubble_fraction = 1 - most / times.span_s;
  out.step_range_s = {out.step_s * (1 - std::min(relative_error, 0.9)),
                      out.step_s * (1 + relative_error) * (1 + training_slower)};
  double peak = 0;
  for (const spec::TrainingRank& rank : plan.ranks)
    for (const auto& group : rank.devices)
      for (const int device : group) peak += plan.cluster.devices[at(device)].bf16_flops_per_s;
  out.model_flops_fraction = peak > 0 ? cost::step_flops(plan.model, plan.task) / (out.step_s * peak) : 0;
}

double widest_layer_bytes(const TrainingPlan& plan, const spec::TrainingRank& rank) {
  double widest = 0;
  for (const int s : rank.stages)
    for (int l = plan.stages[at(s)].first_layer; l < plan.stages[at(s)].end_layer; ++l)
      widest = std::max(widest, cost::activation_bytes(plan.model, plan.model.layers[at(l)], plan.parallel.tp,
                                                       plan.micro_batch_tokens()));
  return widest;
}

void assess_ranks(TrainingPlan& plan, const schedule::TrainingTimes& times) {
  plan.verdict = spec::Verdict::fits;
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    spec::TrainingRank& rank = plan.ranks[r];
    spec::TrainingMemory& m = rank.memory;
    m.activation_bytes = bytes(times.peak_activations[r]);
    // A layer's gradients pass through it; where it keeps nothing, what it makes again lives meanwhile.
    m.working_bytes = bytes(plan.settings.recompute ? widest_layer_bytes(plan, rank) : 0);
    m.margin_bytes = m.free_bytes - m.weights_bytes - m.gradients_bytes - m.optimizer_bytes - m.activation_bytes -
                     m.working_bytes - m.other_bytes;
    m.uncertainty_bytes = bytes(fixed_uncertainty_bytes +
                                activation_uncertainty * static_cast<double>(m.activation_bytes + m.working_bytes));
    rank.verdict = cost::verdict_of(m.margin_bytes, m.uncertainty_bytes);
    plan.verdict = std::max(plan.verdict, rank.verdict);
  }
}

}  // namespace

TrainingPlan training_draft(const TrainingPlan& question, const spec::Parallel& parallel,
                            const spec::TrainingSettings& settings, const TrainingOrder& order) {
  TrainingPlan plan = question;
  plan.parallel = parallel;
  plan.settings = settings;
  plan.ranks.assign(order.ranks.size(), {});
  for (int r = 0; r < parallel.pp; ++r)
    for (int d = 0; d < parallel.dp; ++d) {
      auto& group = plan.ranks[at(r)].devices.emplace_back();
      for (int t = 0; t < parallel.tp; ++t) group.push_back(engines::rank_of(parallel, d, r, t));
    }
  return plan;
}

std::optional<std::vector<int>> training_partition(const TrainingPlan& draft, const TrainingOrder& order,
                                                   cost::CostBook& book, const std::vector<double>& alive) {
  PartitionProblem problem;
  const auto& pipe = order.pipes.front();
  const auto layers = static_cast<int>(draft.model.layers.size());
  // Positions that share a rank, or lie on it once for each of two mirrored pipes, share its memory.
  const double shared = static_cast<double>(order.rank_of.size()) / static_cast<double>(order.ranks.size());
  double kept = 0, held = 0;
  for (int l = 0; l < layers; ++l) {
    problem.layer_bytes.push_back(cost::held_parameters(draft.model, {l, l + 1, false, false}, draft.parallel.tp) *
                                  state_bytes(draft));
    held += problem.layer_bytes.back();
    kept += cost::kept_bytes(draft, draft.model.layers[at(l)]);
  }
  std::vector<cost::LayerTraining> times;
  for (std::size_t r = 0; r < draft.ranks.size(); ++r) {
    times.push_back(cost::training_layer_times(draft, r, book));
    problem.layer_s.push_back(times.back().layer_s);
  }
  for (std::size_t i = 0; i < pipe.size(); ++i) {
    const auto rank = at(order.rank_of[at(pipe[i])]);
    problem.kind.push_back(static_cast<int>(rank));
    const bool first = i == 0, last = i + 1 == pipe.size();
    problem.fixed_s.push_back((first ? times[rank].embedding_s : 0) + (last ? times[rank].head_s : 0));
    // Layers keep bytes per micro-batch alive; where all are alike, a smaller capacity says the same.
    const double scale = alive.empty() || held <= 0 ? 1 : 1 + alive[i] * kept / held;
    const double room = static_cast<double>(free_bytes(draft, draft.ranks[rank]) - other_bytes(draft)) / shared;
    const double ends = cost::held_parameters(draft.model, {0, 0, first, last}, draft.parallel.tp) * state_bytes(draft);
    problem.fixed_bytes.push_back(0);
    problem.capacity_bytes.push_back(std::max(0.0, room - ends) / scale);
  }
  const auto found = optimal_partition(problem);
  if (!found) return std::nullopt;
  return found->layers;
}

bool assess_training(TrainingPlan& plan, const TrainingOrder& order, cost::CostBook& book,
                     std::optional<double> bound_s) {
  place_layers(plan, order);
  assess_state(plan);
  const double relative_error = cost::assess_training_stages(plan, order, book);
  plan.predicted.lower_bound_s = pipeline_bound_s(plan, order) + cost::update_s(plan);
  if (bound_s && plan.predicted.lower_bound_s > *bound_s) return false;
  cost::assess_gradient_sync(plan);
  const schedule::TrainingTimes times = schedule::training_times(order, costs_of(plan));
  assess_step(plan, order, times, relative_error);
  assess_ranks(plan, times);
  return true;
}

TrainingLimits training_limits(TrainingPlan& plan, const TrainingOrder& layout, cost::CostBook& book) {
  place_layers(plan, layout);
  assess_state(plan);
  cost::assess_training_stages(plan, layout, book);
  TrainingLimits out{costs_of(plan), {}};
  for (const spec::TrainingRank& rank : plan.ranks) {
    const spec::TrainingMemory& m = rank.memory;
    const double working = plan.settings.recompute ? widest_layer_bytes(plan, rank) : 0;
    const auto left =
        static_cast<double>(m.free_bytes - m.weights_bytes - m.gradients_bytes - m.optimizer_bytes - m.other_bytes) -
        working - fixed_uncertainty_bytes;
    out.activation_bytes.push_back(std::max(0.0, left / (1 + activation_uncertainty)));
  }
  return out;
}

std::vector<double> alive_by_position(const TrainingPlan& plan, const TrainingOrder& order) {
  std::vector<double> out;
  for (const int s : order.pipes.front()) {
    const spec::TrainingRank& rank = plan.ranks[at(order.rank_of[at(s)])];
    out.push_back(rank.peak_micro_batches / static_cast<double>(rank.stages.size()));
  }
  return out;
}

}  // namespace ppplan::search

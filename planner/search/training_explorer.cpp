#include "planner/search/training_explorer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "planner/input/input_error.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/order_layout.h"
#include "planner/schedule/searched_order.h"
#include "planner/search/training_auto.h"
#include "planner/search/training_candidate.h"

namespace ppplan::search {
namespace {

using schedule::TrainingOrder;
using spec::TrainingPlan;
using spec::TrainingSettings;

constexpr int largest_micro_batch = 16, fewest_chunks = 2, most_chunks = 4;
constexpr std::size_t most_searched = 2;  // settings of a (tp, pp, dp) for which orders are searched

/// `chunks` of one that takes any number of them is 0.
struct Rule {
  const char* name;
  int chunks;
  bool only_when_asked = false;
};
/// GPipe and looped BFS are never ahead of 1F1B and interleaved in time or memory.
constexpr Rule rules[] = {{"1f1b", 1},        {"interleaved", 0},     {"group-interleaved", 0}, {"zb-h1", 1},
                          {"zb-h2", 1},       {"zbv-torch", 2},       {"dualpipe", 2},          {"dualpipev", 2},
                          {"gpipe", 1, true}, {"looped-bfs", 0, true}};

/// Positions of a pipe: mirrored pipes share their ranks.
int positions(const spec::Parallel& parallel, const TrainingSettings& settings) {
  return parallel.pp * (settings.schedule == "dualpipe" ? 1 : settings.chunks);
}

bool is_searched(const std::string& schedule) { return std::ranges::count(schedule::searched_names(), schedule) > 0; }

}  // namespace

std::vector<std::string> training_schedules() {
  std::vector<std::string> out;
  for (const Rule& rule : rules) out.emplace_back(rule.name);
  out.insert(out.end(), schedule::searched_names().begin(), schedule::searched_names().end());
  out.emplace_back("auto");
  return out;
}

void TrainingExplorer::prune(const std::string& reason, Outcome& out) {
  ++counts_.pruned[reason];
  if (out.reason.empty()) out.reason = reason;
}

TrainingExplorer::Outcome TrainingExplorer::refuse(const std::string& kind, const std::string& reason) {
  ++counts_.enumerated;
  ++counts_.pruned[kind];
  Outcome out;
  out.reason = reason;
  return out;
}

TrainingExplorer::Outcome TrainingExplorer::explore(const spec::Parallel& parallel) {
  Outcome out;
  const std::vector<BatchSetting> all = batch_settings(parallel, out);
  for (const BatchSetting& batch : all)
    for (const TrainingSettings& settings : rule_settings(parallel, batch))
      if (!stop_.load()) try_rule(parallel, settings, out);
  if (parallel.pp > 1)
    for (const BatchSetting& batch : worth_searching(all, out))
      if (!stop_.load()) search_orders(parallel, batch, out);
  if (!asks_for("auto")) return out;
  Outcome found = named_automatically(out);
  for (const BatchSetting& batch : worth_searching(all, out))
    if (!stop_.load()) search_automatically(parallel, batch, found);
  keep_best_of_each_batch(found);
  return found;
}

/// What rules and searches gave competes with the order found automatically, each with a partition of its own.
TrainingExplorer::Outcome TrainingExplorer::named_automatically(Outcome named) const {
  for (TrainingPlan& plan : named.fitting)
    plan.settings.order = std::exchange(plan.settings.schedule, std::string("auto"));
  if (request_.chunks)
    std::erase_if(named.fitting, [&](const TrainingPlan& plan) { return plan.settings.chunks > *request_.chunks; });
  return named;
}

void TrainingExplorer::keep_best_of_each_batch(Outcome& out) {
  std::set<BatchSetting> seen;
  std::erase_if(out.fitting, [&](const TrainingPlan& plan) {
    return !seen.insert({plan.settings.sequences, plan.settings.recompute}).second;
  });
}

std::vector<TrainingExplorer::BatchSetting> TrainingExplorer::batch_settings(const spec::Parallel& parallel,
                                                                             Outcome& out) {
  const int batch = request_.question.task.global_batch, replica = batch / parallel.dp;
  std::vector<int> sizes;
  for (int b = 1; b <= largest_micro_batch && b <= replica; b *= 2)
    if (replica % b == 0) sizes.push_back(b);
  if (request_.sequences) sizes = {*request_.sequences};
  if (batch % parallel.dp != 0 || replica % sizes.front() != 0) {
    ++counts_.enumerated;
    prune("global batch not divisible by replicas and micro-batch", out);
    return {};
  }
  std::vector<BatchSetting> settings;
  for (const int b : sizes)
    for (const bool recompute : {false, true})
      if (request_.recompute.value_or(recompute) == recompute) settings.push_back({b, recompute});
  return settings;
}

TrainingSettings TrainingExplorer::settings(const spec::Parallel& parallel, const BatchSetting& batch,
                                            const std::string& schedule, int chunks) const {
  const int micro_batches = request_.question.task.global_batch / parallel.dp / batch.sequences;
  return {batch.sequences,
          micro_batches,
          schedule,
          chunks,
          batch.recompute,
          request_.question.settings.sharded_optimizer,
          {}};
}

std::vector<TrainingSettings> TrainingExplorer::rule_settings(const spec::Parallel& parallel,
                                                              const BatchSetting& batch) const {
  std::vector<TrainingSettings> out;
  for (const Rule& rule : rules) {
    if (pinned() ? !asks_for(rule.name) : rule.only_when_asked) continue;
    const int least = rule.chunks > 0 ? rule.chunks : request_.chunks.value_or(fewest_chunks);
    const int most = rule.chunks > 0 ? rule.chunks : request_.chunks.value_or(most_chunks);
    for (int chunks = least; chunks <= most; ++chunks) out.push_back(settings(parallel, batch, rule.name, chunks));
    // Without a pipeline all orders are one.
    if (parallel.pp == 1 && !pinned()) break;
  }
  return out;
}

std::optional<TrainingOrder> TrainingExplorer::order_of(const spec::Parallel& parallel,
                                                        const TrainingSettings& settings, Outcome& out) {
  if (positions(parallel, settings) > static_cast<int>(request_.question.model.layers.size())) {
    prune("more stages than layers", out);
    return std::nullopt;
  }
  try {
    return schedule::named_order({settings.schedule, parallel.pp, settings.micro_batches, settings.chunks, 0});
  } catch (const input::InputError&) {
    prune("schedule has no order of that size", out);
    return std::nullopt;
  }
}

std::optional<TrainingPlan> TrainingExplorer::drafted(const spec::Parallel& parallel, const TrainingSettings& settings,
                                                      const TrainingOrder& order, Outcome& out) {
  TrainingPlan plan = training_draft(request_.question, parallel, settings, order);
  const auto partition = request_.partition ? request_.partition : training_partition(plan, order, book_, {});
  if (!partition) {
    prune("weights, gradients and optimizer do not fit", out);
    return std::nullopt;
  }
  if (partition->size() != order.pipes.front().size()) {
    prune("pinned partition has another length", out);
    return std::nullopt;
  }
  plan.partition = *partition;
  return plan;
}

void TrainingExplorer::try_rule(const spec::Parallel& parallel, const TrainingSettings& settings, Outcome& out) {
  ++counts_.enumerated;
  const auto order = order_of(parallel, settings, out);
  if (!order) return;
  auto plan = drafted(parallel, settings, *order, out);
  if (!plan) return;
  std::optional<double> bound;
  if (out.fitting.size() == static_cast<std::size_t>(request_.top)) bound = out.fitting.back().predicted.step_s;
  if (!assess_training(*plan, *order, book_, bound)) return prune("slower by its bound", out);
  if (plan->verdict == spec::Verdict::oom && !request_.partition) lighten(*plan, *order);
  ++counts_.evaluated;
  keep(*plan, out);
}

/// Layers go from ranks that keep many micro-batches to those that keep few, where that helps.
void TrainingExplorer::lighten(TrainingPlan& plan, const TrainingOrder& order) {
  TrainingPlan other = plan;
  const auto lighter = training_partition(plan, order, book_, alive_by_position(plan, order));
  if (!lighter || *lighter == plan.partition) return;
  other.partition = *lighter;
  assess_training(other, order, book_);
  if (smallest_margin_bytes(other) > smallest_margin_bytes(plan)) plan = other;
}

std::vector<TrainingExplorer::BatchSetting> TrainingExplorer::worth_searching(const std::vector<BatchSetting>& all,
                                                                              const Outcome& out) const {
  if (pinned()) return is_searched(*request_.schedule) ? all : std::vector<BatchSetting>{};
  std::set<BatchSetting> chosen;
  for (const TrainingPlan& plan : out.fitting)
    if (chosen.size() < most_searched) chosen.insert({plan.settings.sequences, plan.settings.recompute});
  if (chosen.empty() && out.least_short)
    chosen.insert({out.least_short->settings.sequences, out.least_short->settings.recompute});
  return {chosen.begin(), chosen.end()};
}

void TrainingExplorer::search_orders(const spec::Parallel& parallel, const BatchSetting& batch, Outcome& out) {
  for (const std::string& kind : schedule::searched_names())
    if (!pinned() || asks_for(kind))
      search_order(parallel, settings(parallel, batch, kind, schedule::chunks_of_searched(kind)), out);
}

void TrainingExplorer::search_order(const spec::Parallel& parallel, const TrainingSettings& settings, Outcome& out) {
  ++counts_.enumerated;
  if (positions(parallel, settings) > static_cast<int>(request_.question.model.layers.size()))
    return prune("more stages than layers", out);
  const TrainingOrder layout = settings.chunks == 1 ? schedule::looped_layout(parallel.pp, settings.micro_batches, 1)
                                                    : schedule::v_layout(parallel.pp, settings.micro_batches);
  auto plan = drafted(parallel, settings, layout, out);
  if (!plan) return;
  const TrainingLimits limits = training_limits(*plan, layout, book_);
  try {
    const schedule::SearchedOrder found =
        schedule::searched_order({settings.schedule, parallel.pp, settings.micro_batches, limits.costs,
                                  limits.activation_bytes, schedule::Objective::barrier});
    assess_training(*plan, found.order, book_);
  } catch (const input::InputError&) {
    return prune("no room for one micro-batch", out);
  }
  ++counts_.evaluated;
  keep(*plan, out);
}

/// A pinned partition says it, too; otherwise two, where there are layers enough: each doubles what is searched.
int TrainingExplorer::most_chunks_of_auto(const spec::Parallel& parallel) const {
  if (request_.chunks) return *request_.chunks;
  const auto layers = static_cast<int>(request_.question.model.layers.size());
  if (request_.partition) return std::max(1, static_cast<int>(request_.partition->size()) / parallel.pp);
  return parallel.pp > 1 && 2 * parallel.pp <= layers ? 2 : 1;
}

void TrainingExplorer::search_automatically(const spec::Parallel& parallel, const BatchSetting& batch, Outcome& out) {
  ++counts_.enumerated;
  const TrainingSettings wanted = settings(parallel, batch, "auto", most_chunks_of_auto(parallel));
  if (positions(parallel, wanted) > static_cast<int>(request_.question.model.layers.size()))
    return prune("more stages than layers", out);
  auto plan = drafted(parallel, wanted, schedule::looped_layout(parallel.pp, wanted.micro_batches, wanted.chunks), out);
  if (!plan) return;
  try {
    order_automatically(*plan, book_);
  } catch (const input::InputError&) {
    return prune("no room for one micro-batch", out);
  }
  ++counts_.evaluated;
  keep(*plan, out);
}

void TrainingExplorer::keep(const TrainingPlan& plan, Outcome& out) const {
  if (plan.verdict == spec::Verdict::oom) {
    if (!out.least_short || smallest_margin_bytes(plan) > smallest_margin_bytes(*out.least_short))
      out.least_short = plan;
    return;
  }
  const auto place = std::ranges::upper_bound(out.fitting, plan.predicted.step_s, {},
                                              [](const TrainingPlan& it) { return it.predicted.step_s; });
  out.fitting.insert(place, plan);
  if (out.fitting.size() > static_cast<std::size_t>(request_.top)) out.fitting.pop_back();
}

}  // namespace ppplan::search

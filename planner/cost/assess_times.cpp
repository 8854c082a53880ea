// Times of every batch a plan runs: chunks of one prompt in order, then the decode step of an in-flight cohort.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "planner/cost/assess.h"
#include "planner/cost/layer_operations.h"
#include "planner/cost/link_costs.h"
#include "planner/cost/times_ledger.h"

namespace ppplan::cost {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

int requests_per_replica(const spec::Plan& plan) {
  return (plan.workload.concurrency + plan.parallel.dp - 1) / plan.parallel.dp;
}

std::vector<spec::BatchShape> batch_shapes(const spec::Plan& plan) {
  std::vector<spec::BatchShape> out;
  const int length = plan.workload.input_tokens, budget = plan.micro_batching.max_num_batched_tokens;
  const bool decodes = plan.workload.output_tokens > 1;
  if (length <= budget) {
    const int fit = std::min({budget / length, requests_per_replica(plan), plan.micro_batching.max_num_seqs});
    out.push_back({std::max(1, fit), length, 0, true});
  }
  for (int past = 0; length > budget && past < length; past += budget)
    out.push_back({1, std::min(budget, length - past), past, past + budget >= length});
  // A decode step looks back on the prompt and, on average over the request, half of its output.
  if (decodes) out.push_back({cohort_sequences(plan), 1, length + plan.workload.output_tokens / 2, true});
  return out;
}

/// Replicas and the devices of a group may differ in kind: the slowest decides, layer by layer.
void slowest(spec::BatchTimes& times, const LayerTimes& one, const spec::Stage& stage) {
  for (int l = stage.first_layer; l < stage.end_layer; ++l)
    times.layer_s[at(l)] = std::max(times.layer_s[at(l)], one.layer_s[at(l)]);
}

void add_stage(const spec::Plan& plan, CostBook& book, std::size_t s, spec::BatchTimes& times, TimesLedger& ledger) {
  const spec::Stage& stage = plan.stages[s];
  for (const auto& group : stage.devices) {
    const spec::Device& device = plan.cluster.devices[at(group.front())];
    const LayerTimes& one =
        book.layer_times(plan.model, device, plan.parallel.tp, group_link(plan.cluster, group), times.shape);
    slowest(times, one, stage);
    if (s == 0) times.embedding_s = std::max(times.embedding_s, one.embedding_s);
    if (s + 1 == plan.stages.size()) times.head_s = std::max(times.head_s, one.head_s);
    times.relative_error = std::max(times.relative_error, one.relative_error);
    times.outside = times.outside || one.outside;
    times.alone_fraction = std::max(times.alone_fraction, one.alone_fraction);
    ledger.add(one);
  }
}

void add_boundaries(const spec::Plan& plan, const CostBook& book, spec::BatchTimes& times) {
  for (std::size_t s = 0; s + 1 < plan.stages.size(); ++s) {
    const Boundary boundary = boundary_cost(plan, book, s, times.shape);
    times.boundary_bytes.push_back(boundary.bytes);
    times.boundary_latency_s.push_back(boundary.latency_s);
  }
  times.token_return_s = plan.stages.size() > 1 ? token_return_s(plan, book, times.shape) : 0;
}

void warn_outside(spec::Plan& plan) {
  for (const spec::BatchTimes& times : plan.times) {
    if (!times.outside) continue;
    plan.warnings.push_back(fmt::format(
        "a batch of {} x {} tokens on {} cached ones lies outside of what the profile measured: its time is "
        "extrapolated",
        times.shape.sequences, times.shape.new_tokens, times.shape.past_tokens));
    return;
  }
}

}  // namespace

int decode_cohorts(const spec::Plan& plan) { return std::min(plan.micro_batching.in_flight, plan.parallel.pp); }

int cohort_sequences(const spec::Plan& plan) {
  const std::int64_t tokens = plan.workload.input_tokens + plan.workload.output_tokens;
  const std::int64_t capacity = std::max<std::int64_t>(1, plan.predicted.kv_tokens / tokens);
  const std::int64_t running =
      std::min<std::int64_t>({capacity, requests_per_replica(plan), plan.micro_batching.max_num_seqs});
  const int cohorts = decode_cohorts(plan);
  return static_cast<int>((running + cohorts - 1) / cohorts);
}

std::vector<double> stage_seconds(const spec::Plan& plan, const spec::BatchTimes& times) {
  std::vector<double> out;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    double sum = s == 0 ? times.embedding_s : 0;
    for (int l = plan.stages[s].first_layer; l < plan.stages[s].end_layer; ++l) sum += times.layer_s[at(l)];
    if (s + 1 == plan.stages.size()) sum += times.head_s;
    out.push_back(sum);
  }
  return out;
}

void assess_times(spec::Plan& plan, CostBook& book) {
  plan.times.clear();
  TimesLedger ledger;
  for (const spec::BatchShape& shape : batch_shapes(plan)) {
    spec::BatchTimes times;
    times.shape = shape;
    times.layer_s.assign(plan.model.layers.size(), 0.0);
    times.alone_fraction = 0;  // of the device that idle neighbours spare least
    for (std::size_t s = 0; s < plan.stages.size(); ++s) add_stage(plan, book, s, times, ledger);
    add_boundaries(plan, book, times);
    const std::vector<double> seconds = stage_seconds(plan, times);
    for (std::size_t s = 0; s < seconds.size(); ++s)
      (shape.new_tokens == 1 && shape.past_tokens > 0 ? plan.stages[s].decode_s : plan.stages[s].prefill_s) =
          seconds[s];
    plan.times.push_back(std::move(times));
  }
  ledger.fill(plan.provenance);
  warn_outside(plan);
}

}  // namespace ppplan::cost

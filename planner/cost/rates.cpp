#include "planner/cost/rates.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "planner/cost/assess.h"

namespace ppplan::cost {
namespace {

double largest(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }
double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Time that a stage is kept from its next batch: its compute, and where sends block, its outgoing transfer too.
double cycle_s(const spec::Plan& plan, const spec::BatchTimes& times) {
  const std::vector<double> stages = stage_seconds(plan, times), boundaries = boundary_seconds(plan, times);
  double slowest = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const double out = s < boundaries.size() ? boundaries[s] : 0;
    slowest = std::max(slowest, plan.micro_batching.send_blocks_next ? stages[s] + out : std::max(stages[s], out));
  }
  return slowest;
}

double round_s(const spec::Plan& plan, const spec::BatchTimes& times) {
  const double pass = sum(stage_seconds(plan, times)) + sum(boundary_seconds(plan, times)) + times.token_return_s;
  // Token returns of one pipeline pass one after another, as the engine handles them.
  return std::max(decode_cohorts(plan) * std::max(cycle_s(plan, times), times.token_return_s), pass);
}

/// One prompt's chunks through an idle pipeline.
double ttft_s(const spec::Plan& plan, std::size_t chunks) {
  std::vector<double> free(plan.stages.size(), 0.0);
  double arrived = 0;
  for (std::size_t c = 0; c < chunks; ++c) {
    const std::vector<double> stages = stage_seconds(plan, plan.times[c]),
                              links = boundary_seconds(plan, plan.times[c]);
    arrived = 0;
    for (std::size_t s = 0; s < stages.size(); ++s) {
      free[s] = std::max(free[s], arrived) + stages[s];
      arrived = free[s] + (s < links.size() ? links[s] : 0);
    }
  }
  return arrived;
}

spec::Range interval(double value, double error) { return {value / (1 + error), value * (1 + error)}; }

}  // namespace

std::vector<double> boundary_seconds(const spec::Plan& plan, const spec::BatchTimes& times) {
  std::vector<double> out(times.boundary_latency_s);
  for (std::size_t s = 0; s < out.size(); ++s) {
    const auto& from = plan.stages[s].devices.front();
    const auto& to = plan.stages[s + 1].devices.front();
    const auto hops = spec::route(plan.cluster, from.front(), to.front());
    if (!hops.empty())
      out[s] += static_cast<double>(times.boundary_bytes[s]) / plan.parallel.tp /
                spec::bandwidth_bytes_per_s(plan.cluster, hops);
  }
  return out;
}

int decode_index(const spec::Plan& plan) {
  const bool decodes = plan.workload.output_tokens > 1 && !plan.times.empty();
  return decodes ? static_cast<int>(plan.times.size()) - 1 : -1;
}

Rates analytic_rates(const spec::Plan& plan) {
  Rates rates;
  const int decode = decode_index(plan);
  const std::size_t chunks = plan.times.size() - (decode >= 0 ? 1 : 0);
  for (std::size_t c = 0; c < chunks; ++c)
    rates.prompt_s += cycle_s(plan, plan.times[c]) / plan.times[c].shape.sequences;
  rates.ttft_s = ttft_s(plan, chunks);
  const spec::BatchTimes& main = decode >= 0 ? plan.times[static_cast<std::size_t>(decode)] : plan.times.front();
  const double work = sum(stage_seconds(plan, main)), stages = static_cast<double>(plan.stages.size());
  rates.round_s = decode >= 0 ? round_s(plan, main) : 0;
  rates.bubble_fraction = decode >= 0 ? 1 - decode_cohorts(plan) * work / (stages * rates.round_s)
                                      : 1 - work / (stages * cycle_s(plan, main));
  rates.lower_bound_s = decode >= 0 ? rates.round_s * default_count(plan, Phase::decode)
                                    : cycle_s(plan, main) * default_count(plan, Phase::prefill);
  return rates;
}

spec::Predicted predicted_from(const spec::Plan& plan, const Rates& rates, const std::string& simulated_by) {
  spec::Predicted out;
  out.kv_tokens = plan.predicted.kv_tokens;
  out.limiting_stage = plan.predicted.limiting_stage;
  const int decode = decode_index(plan);
  const double prompts = plan.workload.input_tokens, outputs = std::max(1, plan.workload.output_tokens);
  const double running =
      decode >= 0 ? 1.0 * plan.times[static_cast<std::size_t>(decode)].shape.sequences * decode_cohorts(plan) : 1;
  out.output_tokens_per_s = plan.parallel.dp * outputs / (rates.prompt_s + outputs * rates.round_s / running);
  out.total_tokens_per_s = out.output_tokens_per_s * (prompts + outputs) / outputs;
  out.ttft_s = rates.ttft_s;
  out.tpot_s = rates.round_s;
  out.bubble_fraction = std::max(0.0, rates.bubble_fraction);
  out.lower_bound_s = rates.lower_bound_s;
  out.simulated_by = simulated_by;
  const std::vector<double> stages = stage_seconds(plan, decode >= 0 ? plan.times.back() : plan.times.front());
  out.balance = sum(stages) / static_cast<double>(stages.size()) / largest(stages);
  double error = 0;
  for (const spec::BatchTimes& times : plan.times) error = std::max(error, times.relative_error);
  out.uncertainty = {{"output_tokens_per_s", interval(out.output_tokens_per_s, error)},
                     {"total_tokens_per_s", interval(out.total_tokens_per_s, error)},
                     {"ttft_s", interval(out.ttft_s, error)},
                     {"tpot_s", interval(out.tpot_s, error)}};
  if (const auto known = plan.predicted.uncertainty.find("kv_tokens"); known != plan.predicted.uncertainty.end())
    out.uncertainty.insert(*known);
  return out;
}

spec::Predicted analytic(const spec::Plan& plan) { return predicted_from(plan, analytic_rates(plan), "analytic"); }

}  // namespace ppplan::cost

#include "tools/ppplan/simulated.h"

#include <algorithm>

#include "planner/cost/rates.h"
#include "planner/input/input_error.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/schedule_json.h"
#include "sim/simulate.h"

namespace ppplan::tools {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// When the last stage ended each of its forward micro-batches, by micro-batch; replica 0.
std::vector<double> exits_s(const spec::Plan& plan, const traces::Timeline& timeline) {
  std::vector<double> out;
  const int last = static_cast<int>(plan.stages.size()) - 1;
  for (const traces::Span& span : timeline.spans) {
    if (span.key.kind != traces::OpKind::forward || span.key.stage != last || span.key.replica != 0) continue;
    out.resize(std::max(out.size(), at(span.key.micro_batch) + 1));
    out[at(span.key.micro_batch)] = span.end_s;
  }
  return out;
}

std::size_t chunks_of(const spec::Plan& plan) { return plan.times.size() - (cost::decode_index(plan) >= 0 ? 1 : 0); }

/// Whole prompts: the fill, then as many again to see the steady rate.
int prefill_count(const spec::Plan& plan) {
  const int chunks = static_cast<int>(chunks_of(plan));
  const int prompts = 2 + (4 * plan.parallel.pp + chunks - 1) / chunks;
  return prompts * chunks;
}

/// Steady time per prompt: from the end of the first prompts that fill the pipeline to the end of the stream.
double prompt_s(const spec::Plan& plan, const std::vector<double>& exits) {
  const std::size_t chunks = chunks_of(plan), prompts = exits.size() / chunks;
  const std::size_t first = std::min(prompts - 2, (at(plan.parallel.pp) + chunks - 1) / chunks);
  const double from = exits[(first + 1) * chunks - 1], to = exits.back();
  const int shared = plan.times.front().shape.sequences;
  return (to - from) / static_cast<double>(prompts - 1 - first) / shared;
}

/// Steady time of a round: the second half of the rounds.
double round_s(const spec::Plan& plan, const std::vector<double>& exits, int rounds) {
  const int cohorts = cost::decode_cohorts(plan), half = rounds / 2;
  return (exits[at((rounds - 1) * cohorts)] - exits[at((half - 1) * cohorts)]) / (rounds - half);
}

void read_report(cost::Rates& rates, const schedule::Schedule& schedule, const traces::Timeline& timeline,
                 const spec::ClusterSpec& cluster) {
  const auto report = report::bubble_report(schedule, timeline, cost::uncontended_seconds(schedule, cluster));
  rates.bubble_fraction = report.bubble_fraction;
  rates.lower_bound_s = report.lower_bound_s;
}

}  // namespace

SimulatedPhase simulate_phase(const spec::Plan& plan, cost::Phase phase, int count) {
  SimulatedPhase out;
  out.schedule = cost::expand(plan, phase, count);
  out.alone_s = cost::uncontended_seconds(out.schedule, plan.cluster);
  out.timeline = sim::simulate(std::span(&out.schedule, 1), plan.cluster).front();
  out.report = report::bubble_report(out.schedule, out.timeline, out.alone_s);
  return out;
}

SimulatedPhase simulate_schedule(const std::string& path) {
  SimulatedPhase out;
  out.schedule = schedule::schedule_from_json(input::read_document(path).root());
  for (const schedule::Op& op : out.schedule.ops) {
    if (op.alone_fraction < 1)
      throw input::InputError(path, "", "compute that lasts the same whatever else runs", "an alone_fraction below 1");
    if (op.bytes > 0)
      throw input::InputError(path, "", "transfers that state seconds, since a schedule names no cluster",
                              "one in bytes");
  }
  out.alone_s = schedule::own_seconds(out.schedule);
  out.timeline = schedule::longest_path(out.schedule, out.alone_s);
  out.report = report::bubble_report(out.schedule, out.timeline, out.alone_s);
  return out;
}

std::vector<spec::Predicted> simulated_predictions(std::span<const spec::Plan> plans) {
  if (plans.empty()) return {};
  std::vector<schedule::Schedule> schedules;
  for (const spec::Plan& plan : plans) {
    schedules.push_back(cost::expand(plan, cost::Phase::prefill, prefill_count(plan)));
    if (cost::decode_index(plan) >= 0)
      schedules.push_back(cost::expand(plan, cost::Phase::decode, cost::default_count(plan, cost::Phase::decode)));
  }
  const std::vector<traces::Timeline> timelines = sim::simulate(schedules, plans.front().cluster);
  std::vector<spec::Predicted> out;
  std::size_t next = 0;
  for (const spec::Plan& plan : plans) {
    cost::Rates rates;
    const std::vector<double> prefill = exits_s(plan, timelines[next]);
    rates.prompt_s = prompt_s(plan, prefill);
    rates.ttft_s = prefill[chunks_of(plan) - 1];
    if (cost::decode_index(plan) >= 0) {
      ++next;
      rates.round_s = round_s(plan, exits_s(plan, timelines[next]), cost::default_count(plan, cost::Phase::decode));
    }
    read_report(rates, schedules[next], timelines[next], plan.cluster);
    ++next;
    out.push_back(cost::predicted_from(plan, rates, "simgrid"));
  }
  return out;
}

}  // namespace ppplan::tools

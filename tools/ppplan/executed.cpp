#include "tools/ppplan/executed.h"

#include <fmt/format.h>

#include <map>

#include "exec/core_speed.h"
#include "exec/cores.h"
#include "exec/host_backend.h"
#include "exec/replay_backend.h"
#include "exec/run_schedule.h"
#include "planner/cost/rates.h"
#include "tools/ppplan/context.h"
#include "tools/ppplan/executed_parts.h"

namespace ppplan::tools {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

spec::Plan one_replica(spec::Plan plan) {
  plan.parallel.dp = 1;
  for (spec::Stage& stage : plan.stages) stage.devices.resize(1);
  return plan;
}

void check_runs_here(const spec::Plan& plan, int stages_here) {
  for (const spec::Stage& stage : plan.stages)
    for (const int index : stage.devices.front())
      if (const std::string& name = plan.cluster.devices[at(index)].name; name != "cpu-core")
        throw Unavailable(
            fmt::format("--compute real: the plan is for {}, and the host backend has only cpu-core devices; "
                        "plan with --gpus {}xcpu-core, or run this plan with --compute replay",
                        name, plan.parallel.pp));
  if (plan.parallel.tp > 1)
    throw Unavailable(
        "--compute real: the host backend runs stages of one core, and the plan has tensor-parallel groups");
  const std::size_t cores = exec::allowed_cores().size();
  if (at(stages_here) > cores)
    throw Unavailable(
        fmt::format("--compute real: the plan has {} stages and this machine allows {} cores; run it with "
                    "--compute replay",
                    stages_here, cores));
}

std::vector<exec::MicroBatch> micro_batches(const spec::Plan& plan, cost::Phase phase, int count) {
  std::vector<exec::MicroBatch> out;
  const int decode = cost::decode_index(plan);
  if (phase == cost::Phase::decode) {
    const int cohorts = cost::decode_cohorts(plan);
    for (int k = 0; k < count * cohorts; ++k) {
      spec::BatchShape shape = plan.times[at(decode)].shape;
      shape.past_tokens += k / cohorts;
      out.push_back({shape, k < cohorts ? -1 : k - cohorts});
    }
    return out;
  }
  const int chunks = static_cast<int>(plan.times.size()) - (decode >= 0 ? 1 : 0);
  for (int k = 0; k < count; ++k) out.push_back({plan.times[at(k % chunks)].shape, k % chunks == 0 ? -1 : k - 1});
  return out;
}

std::vector<double> predicted_durations(const SimulatedPhase& predicted) {
  std::map<std::pair<int, traces::OpKey>, double> lasted;
  for (const traces::Span& span : predicted.timeline.spans) lasted[{span.device, span.key}] = span.end_s - span.start_s;
  std::vector<double> out;
  for (const schedule::Op& op : predicted.schedule.ops) out.push_back(lasted.at({op.device, op.key}));
  return out;
}

void scale_back(traces::Timeline& timeline, double scale) {
  for (traces::Span& span : timeline.spans) {
    span.start_s /= scale;
    span.end_s /= scale;
  }
}

Execution predicted_for(const spec::Plan& plan, cost::Phase phase, int count) {
  Execution out;
  out.predicted = simulate_phase(plan, phase, count);
  return out;
}

void compare(Execution& execution) {
  execution.comparison =
      report::compare(execution.predicted.schedule, execution.predicted.timeline, execution.measured);
}

exec::HostRun host_run(const spec::Plan& plan, cost::Phase phase, int count) {
  exec::HostRun run;
  run.model = plan.model;
  run.stages = plan.stages;
  run.micro_batches = micro_batches(plan, phase, count);
  run.receive_buffers = plan.micro_batching.receive_buffers;
  return run;
}

namespace {

/// What operations of a plan are stretched to: waking up costs a busy machine some tenths of a millisecond for each,
/// and 8 stages with 32 micro-batches still take less than two seconds.
constexpr double replayed_s = 40e-3;

void replay(Execution& execution, double scale, int repeats, const Step& step) {
  execution.scale = scale;
  exec::ReplayBackend backend(predicted_durations(execution.predicted), scale);
  for (int r = 0; r < repeats; ++r) {
    execution.measured.push_back(exec::run_schedule(execution.predicted.schedule, backend));
    scale_back(execution.measured.back(), scale);
    step((r + 1.0) / repeats);
  }
  compare(execution);
}

/// [stage]: of one repeat.
std::vector<CoreReading> core_readings(double then, const std::vector<double>& before, const std::vector<double>& after,
                                       const std::vector<exec::RunTime>& computed) {
  std::vector<CoreReading> out;
  for (std::size_t s = 0; s < computed.size(); ++s) out.push_back(core_reading(then, before[s], after[s], computed[s]));
  return out;
}

/// Stage s runs on the s-th allowed core.
std::vector<int> cores_of(const spec::Plan& plan) {
  std::vector<int> cores = exec::allowed_cores();
  cores.resize(plan.stages.size());
  return cores;
}

}  // namespace

void follow_cores(Execution& execution, const spec::Plan& plan, cost::Phase phase, int count) {
  execution.drift.profiled_makespan_s = traces::makespan_s(execution.predicted.timeline);
  if (execution.drift.trusted())
    execution.predicted = simulate_phase(slowed(plan, execution.drift.factors()), phase, count);
}

Execution execute_real(const spec::Plan& whole, cost::Phase phase, int count, int repeats, const Step& step) {
  const spec::Plan plan = one_replica(whole);
  check_runs_here(plan, static_cast<int>(plan.stages.size()));
  Execution out = predicted_for(plan, phase, count);
  exec::HostRun run = host_run(plan, phase, count);
  run.cores = cores_of(plan);
  exec::HostBackend backend(run);
  exec::Yardsticks yardsticks(run.cores);
  const double then = speed_then(plan.provenance, static_cast<int>(run.cores.size()) - 1);
  std::vector<double> before;
  std::vector<std::vector<CoreReading>> cores_seen;
  // The first run touches every page for the first time; it is not counted.
  for (int r = -1; r < repeats; ++r) {
    backend.reset();
    traces::Timeline timeline = exec::run_schedule(out.predicted.schedule, backend);
    std::vector<double> after = yardsticks.per_second();
    if (r >= 0) {
      out.measured.push_back(std::move(timeline));
      cores_seen.push_back(core_readings(then, before, after, backend.compute_times()));
    }
    before = std::move(after);
    step((r + 2.0) / (repeats + 2.0));
  }
  out.outputs_match = backend.outputs() == exec::one_device_outputs(run);
  out.planned_replicas = whole.parallel.dp;
  out.drift = core_drift(plan.provenance, cores_seen);
  follow_cores(out, plan, phase, count);
  compare(out);
  return out;
}

Execution execute_replay(const spec::Plan& whole, cost::Phase phase, int count, int repeats, const Step& step) {
  Execution out = predicted_for(one_replica(whole), phase, count);
  out.planned_replicas = whole.parallel.dp;
  replay(out, exec::replay_scale(predicted_durations(out.predicted), replayed_s), repeats, step);
  return out;
}

Execution execute_replay(SimulatedPhase predicted, int repeats, const Step& step) {
  Execution out;
  out.predicted = std::move(predicted);
  replay(out, exec::relative_scale(predicted_durations(out.predicted)), repeats, step);
  return out;
}

}  // namespace ppplan::tools

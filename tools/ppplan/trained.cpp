#include "tools/ppplan/trained.h"

#include <fmt/format.h>

#include "exec/cores.h"
#include "exec/one_device_training.h"
#include "exec/training_layout.h"
#include "exec/training_probe.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/training_times.h"
#include "tools/ppplan/context.h"

namespace ppplan::tools {
namespace {

using traces::OpKey;
using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

void check_runs_here(std::size_t devices, int replicas) {
  const std::size_t cores = exec::allowed_cores().size();
  if (devices * at(replicas) > cores)
    throw Unavailable(
        fmt::format("--compute real: the schedule has {} ranks on each of {} replicas and this machine allows {} "
                    "cores; run it with --compute replay",
                    devices, replicas, cores));
}

/// The schedule as it would go with these costs.
SimulatedPhase predicted_with(schedule::Schedule schedule, const schedule::TrainingCosts& costs) {
  for (schedule::Op& op : schedule.ops) {
    const schedule::StageTraining& stage = costs.stages[at(op.key.stage)];
    // A pair on one core: one after the other.
    if (op.with)
      op.seconds = stage.forward_s + schedule::compute_s(costs.stages[at(op.with->stage)], op.with->kind);
    else
      op.seconds = schedule::is_transfer(op) ? stage.send_s : schedule::compute_s(stage, op.key.kind);
    op.bytes = 0;
  }
  SimulatedPhase out;
  out.alone_s = schedule::own_seconds(schedule);
  out.timeline = schedule::longest_path(schedule, out.alone_s);
  out.report = report::bubble_report(schedule, out.timeline, out.alone_s);
  out.schedule = std::move(schedule);
  return out;
}

}  // namespace

TrainedSchedule execute_training(const TrainingRequest& request, const Step& step) {
  TrainedSchedule out;
  exec::TrainingRun run = request.run;
  const schedule::TrainingOrder order = exec::training_order(request.schedule);
  check_runs_here(order.ranks.size(), run.replicas);
  if (run.partition.empty()) run.partition = exec::even_partition(run.model.layers.size(), order.pipes.front().size());
  out.partition = run.partition;
  exec::Training pipeline(run, request.schedule, {});
  exec::OneDeviceTraining single(run, order, {});
  out.costs = exec::measured_training_costs(run, order, 5);
  out.execution.predicted = predicted_with(request.schedule, out.costs);
  out.predicted_peak_activation_bytes = schedule::training_times(order, out.costs).peak_activations;
  bool losses_match = true;
  out.gradients_match = true;
  for (int r = -1; r < request.repeats; ++r) {
    exec::TrainingStep found = pipeline.step();
    const exec::TrainingStep expected = single.step();
    losses_match = losses_match && found.loss == expected.loss;
    out.gradients_match = out.gradients_match && found.gradients == expected.gradients;
    out.losses.push_back(found.loss);
    if (r >= 0) out.execution.measured.push_back(std::move(found.timelines.front()));
    step((r + 2.0) / (request.repeats + 1.0));
  }
  out.weights_match = pipeline.copies_agree() && pipeline.weights() == single.weights();
  out.execution.outputs_match = losses_match;
  out.peak_activation_bytes = pipeline.replica(0).peak_activation_bytes();
  out.execution.comparison =
      report::compare(request.schedule, out.execution.predicted.timeline, out.execution.measured);
  return out;
}

}  // namespace ppplan::tools

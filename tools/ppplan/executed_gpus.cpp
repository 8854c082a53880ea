#include "tools/ppplan/executed_gpus.h"

#include "exec/cuda_execution.h"
#include "exec/output_distance.h"
#include "planner/cost/assess.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/executed_ranks.h"

namespace ppplan::tools {

void check_has_gpu() {
  const exec::CudaMachine machine = exec::cuda_machine();
  if (machine.devices == 0) throw Unavailable("--backend cuda: " + machine.why + "; use --backend host");
}

namespace {

exec::CudaExecutionOptions options_of(const GpuSettings& settings, double predicted_s) {
  exec::CudaExecutionOptions options;
  options.transport = settings.transport == "nccl" ? exec::CudaTransport::nccl : exec::CudaTransport::local;
  options.repeats = settings.repeats;
  options.deadline_s = deadline_s(predicted_s);
  options.slices = settings.slices;
  return options;
}

/// What each message takes alone on the links of the plan.
std::vector<exec::WireTime> wire_times(const schedule::Schedule& schedule, const spec::ClusterSpec& cluster) {
  const std::vector<double> seconds = cost::uncontended_seconds(schedule, cluster);
  std::vector<exec::WireTime> out;
  for (std::size_t id = 0; id < schedule.ops.size(); ++id) {
    const schedule::Op& op = schedule.ops[id];
    if (schedule::is_transfer(op) && static_cast<std::size_t>(op.partner) > id)
      out.push_back({op.device, op.peer, static_cast<std::size_t>(op.bytes), seconds[id]});
  }
  return out;
}

}  // namespace

Execution execute_on_gpus(const spec::Plan& whole, cost::Phase phase, int count, const GpuSettings& settings,
                          const Step& step) {
  check_has_gpu();
  const spec::Plan plan = one_replica(whole);
  if (plan.parallel.tp > 1)
    throw Unavailable("--backend cuda: the plan has tensor-parallel groups, which run as ranks: --transport nccl");
  Execution out = predicted_for(plan, phase, count);
  exec::CudaExecutionOptions options = options_of(settings, traces::makespan_s(out.predicted.timeline));
  if (settings.plan_wires) options.wires = wire_times(out.predicted.schedule, plan.cluster);
  exec::CudaExecution execution = with_what_gpus_have("--slices", [&] {
    return exec::execute_on_gpus(host_run(plan, phase, count), out.predicted.schedule, options, step);
  });
  out.measured = std::move(execution.measured);
  if (execution.distances) out.outputs_match = exec::outputs_agree(plan.model, 1, *execution.distances);
  out.gpus = {std::move(execution.slices), std::move(execution.busy), std::move(execution.memory),
              std::move(execution.gemms), std::move(execution.machine)};
  out.gpus->plan_wires = settings.plan_wires;
  out.planned_replicas = whole.parallel.dp;
  compare(out);
  return out;
}

}  // namespace ppplan::tools

#include "tools/ppplan/executed_gpus.h"

#include "exec/cuda_execution.h"
#include "kernels/cuda/shared_library.h"
#include "tools/ppplan/context.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/executed_ranks.h"

namespace ppplan::tools {

void check_has_gpu() {
  const exec::CudaMachine machine = exec::cuda_machine();
  if (machine.devices == 0) throw Unavailable("--backend cuda: " + machine.why + "; use --backend host");
}

Execution execute_on_gpus(const spec::Plan& whole, cost::Phase phase, int count, int repeats,
                          const std::string& transport, const Step& step) {
  check_has_gpu();
  const spec::Plan plan = one_replica(whole);
  if (plan.parallel.tp > 1)
    throw Unavailable("--backend cuda: the plan has tensor-parallel groups, which the CUDA backend does not run yet");
  Execution out = predicted_for(plan, phase, count);
  exec::CudaExecutionOptions options;
  options.transport = transport == "nccl" ? exec::CudaTransport::nccl : exec::CudaTransport::local;
  options.repeats = repeats;
  options.deadline_s = deadline_s(traces::makespan_s(out.predicted.timeline));
  try {
    exec::CudaExecution execution =
        exec::execute_on_gpus(host_run(plan, phase, count), out.predicted.schedule, options, step);
    out.measured = std::move(execution.measured);
    out.gpus = {std::move(execution.memory), std::move(execution.gemms), std::move(execution.machine)};
    if (execution.distance) out.outputs_match = *execution.distance <= exec::kCudaTolerance;
  } catch (const kernels::cuda::LibraryMissing& error) {
    throw Unavailable(std::string("--backend cuda: ") + error.what());
  }
  compare(out);
  return out;
}

}  // namespace ppplan::tools

#include "exec/cuda_execution.h"

#include <memory>
#include <stdexcept>

#include "exec/cuda/cuda_pipeline.h"
#include "exec/cuda/rank_execution.h"
#include "exec/cuda/stream_run.h"

namespace ppplan::exec {

using namespace cuda;

CudaMachine cuda_machine() {
  CudaMachine out;
  out.is_built = true;
  const cudaError_t status = cudaGetDeviceCount(&out.devices);
  if (status == cudaSuccess && out.devices > 0) return out;
  cudaGetLastError();
  out.devices = 0;
  out.why = "no CUDA device";
  if (status != cudaSuccess) out.why += std::string(": cudaGetDeviceCount: ") + cudaGetErrorString(status);
  return out;
}

CudaExecution execute_on_gpus(const PipelineRun& from, const schedule::Schedule& schedule,
                              const CudaExecutionOptions& options, const RunStep& step) {
  if (const CudaMachine machine = cuda_machine(); machine.devices == 0) throw std::runtime_error(machine.why);
  const kernels::cuda::BlasCalls& blas = kernels::cuda::blas_library();
  LocalWires wires;
  CudaExecution out;
  CudaRun run;
  static_cast<PipelineRun&>(run) = from;
  run.keeps_logits = true;
  std::vector<Logits> outputs;
  {
    CudaPipeline pipeline(run, blas, wires);
    StreamRun streams(schedule, pipeline);
    constexpr int kUncounted = 2;
    for (int r = -kUncounted; r < options.repeats; ++r) {
      pipeline.reset();
      traces::Timeline timeline = streams.execute(options.deadline_s);
      if (r >= 0) out.measured.push_back(std::move(timeline));
      step((r + kUncounted + 1.0) / (options.repeats + kUncounted + 1.0));
    }
    outputs = pipeline.logits();
  }
  if (fits_on_one(run)) out.distance = logits_distance(outputs, one_device_logits(run, blas));
  return out;
}

std::unique_ptr<CudaRank> make_cuda_rank(const PipelineRun& from, const TensorRank& part,
                                         const schedule::Schedule& schedule, int gpu) {
  if (const CudaMachine machine = cuda_machine(); machine.devices == 0) throw std::runtime_error(machine.why);
  CudaRun run;
  static_cast<PipelineRun&>(run) = from;
  run.gpus.assign(run.stages.size(), gpu);
  return make_rank(std::move(run), part, schedule, {kernels::cuda::blas_library(), nccl_library()});
}

}  // namespace ppplan::exec

#include "exec/cuda_execution.h"

#include <memory>
#include <stdexcept>

#include "exec/cuda/cuda_pipeline.h"
#include "exec/cuda/nccl_wires.h"
#include "exec/cuda/stream_run.h"
#include "exec/host_backend.h"

namespace ppplan::exec {

namespace {

using namespace cuda;

std::unique_ptr<Wires> wires_of(CudaTransport transport) {
  if (transport == CudaTransport::nccl) return std::make_unique<NcclWires>(nccl_library());
  return std::make_unique<LocalWires>();
}

/// Weights and caches in bf16, and half as much again for the rest.
bool fits_on_one(const PipelineRun& run) {
  std::size_t free_bytes = 0, total_bytes = 0;
  PPPLAN_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  return 0.75 * static_cast<double>(host_bytes(HostRun{run, {}})) < static_cast<double>(free_bytes);
}

}  // namespace

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
                              const CudaExecutionOptions& options, const std::function<void(double fraction)>& step) {
  if (const CudaMachine machine = cuda_machine(); machine.devices == 0) throw std::runtime_error(machine.why);
  const kernels::cuda::BlasCalls& blas = kernels::cuda::blas_library();
  const std::unique_ptr<Wires> wires = wires_of(options.transport);
  CudaExecution out;
  CudaRun run;
  static_cast<PipelineRun&>(run) = from;
  run.keeps_logits = true;
  std::vector<Logits> outputs;
  {
    CudaPipeline pipeline(run, blas, *wires);
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

}  // namespace ppplan::exec

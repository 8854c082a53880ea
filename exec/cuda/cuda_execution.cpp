#include "exec/cuda_execution.h"

#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "exec/cuda/cuda_pipeline.h"
#include "exec/cuda/cuda_profiler.h"
#include "exec/cuda/emulated_wires.h"
#include "exec/cuda/gemm_choices.h"
#include "exec/cuda/gpu_facts.h"
#include "exec/cuda/nccl_wires.h"
#include "exec/cuda/rank_execution.h"
#include "exec/cuda/stage_busy.h"
#include "exec/cuda/stage_memory.h"
#include "exec/cuda/stream_run.h"
#include "exec/output_distance.h"
#include "exec/rank_run.h"
#include "kernels/cuda/shared_library.h"

namespace ppplan::exec {

using namespace cuda;

namespace {

std::unique_ptr<Wires> wires_of(CudaTransport transport, const schedule::Schedule& schedule,
                                const std::vector<int>& gpus) {
  if (transport == CudaTransport::local) return std::make_unique<LocalWires>();
  auto wires = std::make_unique<NcclWires>(nccl_library());
  for (const groups::StageEdge& edge : rank_layout(schedule).edges)
    wires->connect(edge, new_id(nccl_library()), gpus.at(static_cast<std::size_t>(edge.from)),
                   gpus.at(static_cast<std::size_t>(edge.to)));
  return wires;
}

void require_device() {
  if (const CudaMachine machine = cuda_machine(); machine.devices == 0) throw std::runtime_error(machine.why);
}

const NcclCalls* nccl_if_there() {
  try {
    return &nccl_library();
  } catch (const kernels::cuda::LibraryMissing&) {
    return nullptr;
  }
}

}  // namespace

CudaMachine cuda_machine() {
  CudaMachine out;
  out.is_built = true;
  // Streams of many lanes and slices in queues of their own; the driver's default of 8 would make some wait for others.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
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
  require_device();
  const kernels::cuda::BlasCalls& blas = kernels::cuda::blas_library();
  CudaExecution out;
  CudaRun run;
  static_cast<PipelineRun&>(run) = from;
  run.keeps_logits = true;
  run.slices = options.slices;
  run.gpus = gpus_of(run);
  out.memory = stage_memory(run);
  require_room(out.memory);
  const std::unique_ptr<Wires> carriers = wires_of(options.transport, schedule, run.gpus);
  EmulatedWires wires(options.wires, run.gpus, *carriers);
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
    out.slices = pipeline.slices();
    out.busy = stage_busy(schedule, pipeline, out.measured);
    for (const auto& choices : pipeline.choices()) out.gemms.push_back(gemm_choices(choices));
  }
  const bool by_nccl = options.transport == CudaTransport::nccl;
  out.machine = gpu_facts(run.gpus.front(), blas, by_nccl ? &nccl_library() : nullptr);
  if (fits_on_one(run)) out.distances = row_distances(run, outputs, one_device_logits(run, blas));
  return out;
}

std::unique_ptr<CudaRank> make_cuda_rank(const PipelineRun& from, const TensorRank& part,
                                         const schedule::Schedule& schedule, int gpu) {
  require_device();
  CudaRun run;
  static_cast<PipelineRun&>(run) = from;
  run.gpus.assign(run.stages.size(), gpu);
  return make_rank(std::move(run), part, schedule, {kernels::cuda::blas_library(), nccl_library()});
}

CudaProfile profile_gpu(const CudaProfileOptions& options,
                        const std::function<void(double fraction, const std::string& what)>& progress) {
  require_device();
  const bool needs_nccl = options.transport == CudaTransport::nccl;
  return cuda::profile_gpu(options, kernels::cuda::blas_library(), needs_nccl ? &nccl_library() : nccl_if_there(),
                           progress);
}

}  // namespace ppplan::exec

// One rank of a run on GPUs: its stage on its GPU, its messages by NCCL, everything enqueued by one thread, and the
// control plane's word for how the run goes.
#pragma once

#include <memory>

#include "exec/cuda/cuda_pipeline.h"
#include "exec/cuda/nccl_library.h"
#include "exec/cuda_execution.h"

namespace ppplan::exec::cuda {

struct RankLibraries {
  const kernels::cuda::BlasCalls& blas;
  const NcclCalls& nccl;
};

/// make_cuda_rank() of cuda_execution.h on given libraries, which outlive the result. `run.gpus` names the GPU of the
/// stage that it holds.
std::unique_ptr<CudaRank> make_rank(CudaRun run, const TensorRank& part, const schedule::Schedule& schedule,
                                    const RankLibraries& libraries);

}  // namespace ppplan::exec::cuda

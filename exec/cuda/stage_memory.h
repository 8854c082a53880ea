// What the stages of a run take of their GPUs' memory, before any of it is allocated: the sizes that CudaPipeline and
// CudaStage ask for. A test holds it against what they then allocate.
#pragma once

#include <vector>

#include "exec/cuda/cuda_pipeline.h"
#include "exec/cuda_execution.h"

namespace ppplan::exec::cuda {

/// Of each stage that the run holds, or a rank's part of it; `run` has a GPU for each. free_bytes is what
/// cudaMemGetInfo tells of the stage's GPU, less the stages of the run before it there. Throws DeviceError, InputError
/// for layers that the kernels don't compute or the ranks can't share.
std::vector<StageMemory> stage_memory(const CudaRun& run, const TensorRank& part = {});

/// Whether one_device_logits() finds room on the GPU of the first stage that the run holds. Throws as stage_memory.
bool fits_on_one(const CudaRun& run);

/// Throws StagesTooLarge where one of them is short.
void require_room(const std::vector<StageMemory>& stages);

}  // namespace ppplan::exec::cuda

// What the CUDA backend tells of GPUs, in documents and for people.
#pragma once

#include <string>
#include <vector>

#include "exec/cuda_execution.h"
#include "planner/input/document.h"
#include "tools/ppplan/executed.h"

namespace ppplan::tools {

/// [{stage, gpu, weights_bytes, cache_bytes, workspace_bytes, buffer_bytes, needed_bytes, free_bytes, short_bytes}].
input::Json memory_json(const std::vector<exec::StageMemory>& stages);
/// [{stage, beside_others_s, alone_s, interference_fraction}]: beside_others_s / alone_s - 1.
input::Json busy_json(const std::vector<exec::StageBusy>& stages);
/// [{<owner>, rows, inputs, outputs, bias, addend, output_type, algorithm, tile, stages, split_k, workspace_bytes,
/// waves}]: the algorithm, tile and stages by cuBLASLt's numbers; `owner` names the index in the outer list.
input::Json gemms_json(const std::vector<std::vector<exec::GemmChoice>>& gemms, const char* owner);
/// One of them. Throws InputError.
exec::GemmChoice gemm_from_json(const input::Node& node);

/// [{rank, stage, tp_rank, device, planned, host, gpu, name, bus_id}]: device and planned of the plan.
input::Json ranks_json(const std::vector<RankPlace>& ranks);

/// A line for each rank or stage: where it ran, and what the others cost it.
std::string gpu_text(const GpuSide& side);

}  // namespace ppplan::tools

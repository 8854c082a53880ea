#include "exec/cuda/gemm_choices.h"

namespace ppplan::exec::cuda {

std::vector<GemmChoice> gemm_choices(const std::vector<kernels::cuda::LinearChoice>& choices) {
  std::vector<GemmChoice> out;
  for (const kernels::cuda::LinearChoice& from : choices)
    out.push_back({from.shape.rows, from.shape.inputs, from.shape.outputs, from.shape.bias, from.shape.addend,
                   from.shape.type == kernels::cuda::OutputType::bf16 ? "bf16" : "fp32", from.algorithm, from.tile,
                   from.stages, from.split_k, static_cast<std::int64_t>(from.workspace_bytes),
                   static_cast<double>(from.waves), from.shape.heads});
  return out;
}

}  // namespace ppplan::exec::cuda

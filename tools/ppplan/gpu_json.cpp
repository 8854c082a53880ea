#include "tools/ppplan/gpu_json.h"

namespace ppplan::tools {

input::Json memory_json(const std::vector<exec::StageMemory>& stages) {
  input::Json out = input::Json::array();
  for (const exec::StageMemory& stage : stages)
    out.push_back({{"stage", stage.stage},
                   {"gpu", stage.gpu},
                   {"weights_bytes", stage.weights_bytes},
                   {"cache_bytes", stage.cache_bytes},
                   {"workspace_bytes", stage.workspace_bytes},
                   {"buffer_bytes", stage.buffer_bytes},
                   {"needed_bytes", stage.needed_bytes()},
                   {"free_bytes", stage.free_bytes},
                   {"short_bytes", stage.short_bytes()}});
  return out;
}

input::Json gemms_json(const std::vector<std::vector<exec::GemmChoice>>& gemms, const char* owner) {
  input::Json out = input::Json::array();
  for (std::size_t index = 0; index < gemms.size(); ++index)
    for (const exec::GemmChoice& gemm : gemms[index])
      out.push_back({{owner, index},
                     {"rows", gemm.rows},
                     {"inputs", gemm.inputs},
                     {"outputs", gemm.outputs},
                     {"bias", gemm.bias},
                     {"addend", gemm.addend},
                     {"output_type", gemm.output_type},
                     {"algorithm", gemm.algorithm},
                     {"tile", gemm.tile},
                     {"stages", gemm.stages},
                     {"split_k", gemm.split_k},
                     {"workspace_bytes", gemm.workspace_bytes},
                     {"waves", gemm.waves}});
  return out;
}

}  // namespace ppplan::tools

#include "tools/ppplan/gpu_json.h"

#include <fmt/format.h>

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

input::Json busy_json(const std::vector<exec::StageBusy>& stages) {
  input::Json out = input::Json::array();
  for (std::size_t s = 0; s < stages.size(); ++s)
    out.push_back({{"stage", s},
                   {"beside_others_s", stages[s].beside_others_s},
                   {"alone_s", stages[s].alone_s},
                   {"interference_fraction", stages[s].beside_others_s / stages[s].alone_s - 1}});
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
                     {"waves", gemm.waves},
                     {"heads", gemm.heads}});
  return out;
}

exec::GemmChoice gemm_from_json(const input::Node& node) {
  exec::GemmChoice out;
  out.rows = node.at("rows").count(1);
  out.inputs = node.at("inputs").count(1);
  out.outputs = node.at("outputs").count(1);
  out.bias = node.at("bias").boolean();
  out.addend = node.at("addend").boolean();
  out.output_type = node.at("output_type").text();
  out.algorithm = node.at("algorithm").count(0);
  out.tile = node.at("tile").count(0);
  out.stages = node.at("stages").count(0);
  out.split_k = node.at("split_k").count(0);
  out.workspace_bytes = node.at("workspace_bytes").integer(0);
  out.waves = node.at("waves").number(0);
  if (const auto heads = node.find("heads")) out.heads = heads->count(1);
  return out;
}

input::Json ranks_json(const std::vector<RankPlace>& ranks) {
  input::Json out = input::Json::array();
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    out.push_back({{"rank", rank},
                   {"replica", ranks[rank].replica},
                   {"stage", ranks[rank].stage},
                   {"tp_rank", ranks[rank].tp_rank},
                   {"device", ranks[rank].device},
                   {"planned", ranks[rank].planned},
                   {"host", ranks[rank].host},
                   {"gpu", ranks[rank].gpu},
                   {"name", ranks[rank].name},
                   {"bus_id", ranks[rank].bus_id}});
  return out;
}

std::string gpu_text(const GpuSide& side) {
  std::string out;
  for (std::size_t rank = 0; rank < side.ranks.size(); ++rank) {
    const RankPlace& it = side.ranks[rank];
    out += fmt::format(
        "rank {}: replica {}, stage {}, tensor-parallel rank {}, device {} ({}) of the plan, on GPU {} of "
        "{}: {}, {}\n",
        rank, it.replica, it.stage, it.tp_rank, it.device, it.planned, it.gpu, it.host, it.name, it.bus_id);
  }
  for (std::size_t s = 0; s < side.busy.size(); ++s) {
    const exec::StageBusy& busy = side.busy[s];
    out += fmt::format("stage {} on GPU {}", s, side.memory[s].gpu);
    if (!side.slices.empty()) out += fmt::format(", {} multiprocessors of it", side.slices[s]);
    out += fmt::format(": busy {:.3f} ms beside the others, {:.3f} ms alone ({:+.1f} %)\n", 1e3 * busy.beside_others_s,
                       1e3 * busy.alone_s, 100 * (busy.beside_others_s / busy.alone_s - 1));
  }
  if (side.plan_wires) out += "messages were held as long as each would take alone on the plan's links\n";
  return out;
}

}  // namespace ppplan::tools

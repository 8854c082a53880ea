// The ranks of tensor-parallel stages, all in one thread, which goes through them in turn: what they enqueue is whole
// before the double's scheduler has to wait for any of it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "exec/cuda/tensor_group.h"
#include "exec/rank_run.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/nccl.h"

namespace ppplan::tests {

inline int stages_of(const CudaCase& from) { return static_cast<int>(from.run.stages.size()); }

/// Rank t of stage s on GPU s * tp + t. `Run` is StreamRun, or a broken copy of it; `from` outlives the ranks.
template <typename Run = exec::cuda::StreamRun>
class TurnRanks {
 public:
  TurnRanks(const CudaCase& from, int tp) : from_(from), tp_(tp) {
    std::map<std::pair<Edge, int>, exec::cuda::NcclId> edges;
    for (const Edge& edge : exec::rank_layout(from.schedule).edges)
      for (int t = 0; t < tp; ++t) edges[{edge, t}] = exec::cuda::new_id(cuda_on_cpu::nccl_calls());
    for (int stage = 0; stage < stages_of(from); ++stage) {
      const exec::cuda::NcclId id = exec::cuda::new_id(cuda_on_cpu::nccl_calls());
      for (int t = 0; t < tp; ++t) add(stage, t, id, edges);
    }
  }

  /// Logits of the last rank of the last stage.
  std::vector<exec::Logits> run(double deadline_s) {
    for (const auto& rank : ranks_) rank->pipeline->reset();
    for (const auto& rank : ranks_) rank->streams->enqueue();
    for (const auto& rank : ranks_) rank->streams->await_end({deadline_s});
    return logits_of_last(tp_ - 1);
  }
  std::vector<exec::Logits> logits_of_last(int t) {
    return ranks_[ranks_.size() - static_cast<std::size_t>(tp_ - t)]->pipeline->logits();
  }

 private:
  using Edge = exec::groups::StageEdge;
  struct Rank {
    Rank(int t, int tp) : wires(cuda_on_cpu::nccl_calls()), group(cuda_on_cpu::nccl_calls(), {t, tp}) {}
    exec::cuda::NcclWires wires;
    exec::cuda::TensorGroup group;
    std::optional<exec::cuda::CudaPipeline> pipeline;
    std::optional<Run> streams;
  };

  void add(int stage, int t, const exec::cuda::NcclId& id,
           const std::map<std::pair<Edge, int>, exec::cuda::NcclId>& edges) {
    Rank& rank = *ranks_.emplace_back(std::make_unique<Rank>(t, tp_));
    const int gpu = stage * tp_ + t;
    const kernels::cuda::DeviceScope scope(gpu);
    rank.group.connect(id, {});
    for (const auto& [edge, edge_id] : edges)
      if (edge.second == t && (edge.first.from == stage || edge.first.to == stage))
        rank.wires.connect(edge.first, edge_id, edge.first.from == stage ? gpu : exec::cuda::kElsewhere,
                           edge.first.to == stage ? gpu : exec::cuda::kElsewhere);
    exec::cuda::CudaRun run = from_.run;
    run.only_stage = stage;
    run.gpus.assign(run.stages.size(), gpu);
    rank.pipeline.emplace(run, cuda_on_cpu::blas_calls(), rank.wires, &rank.group);
    rank.streams.emplace(from_.schedule, *rank.pipeline);
  }

  const CudaCase& from_;
  int tp_;
  std::vector<std::unique_ptr<Rank>> ranks_;
};

}  // namespace ppplan::tests

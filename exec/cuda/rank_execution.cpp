#include "exec/cuda/rank_execution.h"

#include <fmt/format.h>

#include "exec/cuda/gemm_choices.h"
#include "exec/cuda/gpu_facts.h"
#include "exec/cuda/nccl_wires.h"
#include "exec/cuda/stage_memory.h"
#include "exec/cuda/stream_run.h"
#include "exec/cuda/tensor_group.h"
#include "exec/groups/clock_offset.h"
#include "exec/output_distance.h"
#include "exec/rank_outputs.h"

namespace ppplan::exec::cuda {

namespace {

using groups::ParallelState;

/// Rank 0 makes it.
NcclId shared_id(Group& group, const NcclCalls& calls) {
  NcclId id = group.rank() == 0 ? new_id(calls) : NcclId{};
  group.broadcast(std::as_writable_bytes(std::span(&id, 1)), 0);
  return id;
}

/// Throws GroupError when the run has failed elsewhere.
void look(const ParallelState& ranks) {
  if (const auto why = ranks.failure()) throw GroupError(*why);
}

class Rank : public CudaRank {
 public:
  Rank(CudaRun run, const TensorRank& part, const schedule::Schedule& schedule, const RankLibraries& libraries)
      : schedule_(schedule), libraries_(libraries), run_(std::move(run)), part_(part), wires_(libraries.nccl) {
    run_.keeps_logits = true;
    memory_ = stage_memory(run_, part_);
    require_room(memory_);
    machine_ = gpu_facts(gpu(), libraries_.blas, &libraries_.nccl);
    if (part_.size > 1) group_.emplace(libraries_.nccl, part_);
    pipeline_ = std::make_unique<CudaPipeline>(run_, libraries_.blas, wires_, group_ ? &*group_ : nullptr);
    streams_ = std::make_unique<StreamRun>(schedule_, *pipeline_);
  }

  const std::map<std::string, std::string>& machine() const override { return machine_; }

  CudaExecution execute(ParallelState& ranks, const CudaExecutionOptions& options, const RunStep& step) override {
    try {
      return run(ranks, options, step);
    } catch (const GroupError&) {
      give_up();
      throw;
    } catch (const std::exception& error) {
      ranks.fail(fmt::format("rank {}: {}", ranks.everyone().rank(), error.what()));
      give_up();
      throw;
    }
  }

  const std::vector<Logits>& outputs() const override { return outputs_; }

  std::optional<std::vector<double>> distances() override { return distances(outputs_, run_.seed); }

  std::optional<std::vector<double>> distances(const std::vector<Logits>& outputs, std::uint64_t seed) override {
    CudaRun run = run_;
    run.seed = seed;
    if (!fits_on_one(run)) return std::nullopt;
    return row_distances(run, outputs, one_device_logits(run, libraries_.blas));
  }

 private:
  // Before memory is freed, which waits for what still runs.
  void give_up() {
    wires_.give_up();
    if (group_) group_->give_up();
  }
  int stage() const { return run_.only_stage.value_or(0); }
  int gpu() const { return run_.gpus[static_cast<std::size_t>(stage())]; }

  CudaExecution run(ParallelState& ranks, const CudaExecutionOptions& options, const RunStep& step) {
    const Patience patience{options.deadline_s, [&] { look(ranks); }};
    const Patience at_first{std::max(options.deadline_s, options.first_s), patience.look};
    connect(ranks, at_first);
    CudaExecution out;
    const auto ahead = groups::ahead_of_own(ranks.everyone());
    constexpr int kUncounted = 2;
    for (int r = -kUncounted; r < options.repeats; ++r) {
      traces::Timeline timeline = run_once(ranks, r < 0 ? at_first : patience, ahead);
      if (r >= 0 && ranks.everyone().rank() == 0) out.measured.push_back(std::move(timeline));
      step((r + kUncounted + 1.0) / (options.repeats + kUncounted + 1.0));
    }
    Group& everyone = ranks.everyone();
    outputs_ = outputs_at_first(everyone, run_, pipeline_->logits(), everyone.size() - part_.size);
    everyone.barrier();
    wires_.close();
    if (group_) group_->close();
    for (const auto& choices : pipeline_->choices()) out.gemms.push_back(gemm_choices(choices));
    out.memory = memory_;
    out.machine = machine_;
    streams_.reset();
    pipeline_.reset();
    return out;
  }

  // In the order that all ranks share, so that no two of them wait for each other crosswise.
  void connect(ParallelState& ranks, const Patience& patience) {
    const kernels::cuda::DeviceScope scope(gpu());
    if (group_) {
      group_->connect(shared_id(ranks.group(groups::Axis::tp), libraries_.nccl), patience);
      group_->warm_up();
    }
    wires_.set_patience(patience);
    for (const groups::StageEdge& edge : ranks.own_edges()) {
      const NcclId id = shared_id(ranks.edge(edge), libraries_.nccl);
      wires_.connect(edge, id, edge.from == stage() ? gpu() : kElsewhere, edge.to == stage() ? gpu() : kElsewhere);
    }
    for (const groups::StageEdge& edge : ranks.own_edges()) wires_.warm_up(edge);
  }

  traces::Timeline run_once(ParallelState& ranks, const Patience& patience, std::chrono::nanoseconds ahead) {
    pipeline_->reset();
    groups::agreed_start(ranks.everyone(), ahead);
    streams_->enqueue();
    streams_->await_end({patience.deadline_s, [&] {
                           patience.look();
                           wires_.check();
                           if (group_) group_->check();
                         }});
    // Of the ranks of a tensor-parallel group, the first tells the times.
    return gathered_timeline(schedule_, ranks.everyone(),
                             part_.rank == 0 ? streams_->op_times() : OpTimes(schedule_.ops.size()));
  }

  const schedule::Schedule& schedule_;
  RankLibraries libraries_;
  CudaRun run_;
  TensorRank part_;
  std::vector<StageMemory> memory_;
  std::map<std::string, std::string> machine_;
  std::vector<Logits> outputs_;  // on rank 0
  NcclWires wires_;
  std::optional<TensorGroup> group_;
  std::unique_ptr<CudaPipeline> pipeline_;
  std::unique_ptr<StreamRun> streams_;
};

}  // namespace

std::unique_ptr<CudaRank> make_rank(CudaRun run, const TensorRank& part, const schedule::Schedule& schedule,
                                    const RankLibraries& libraries) {
  return std::make_unique<Rank>(std::move(run), part, schedule, libraries);
}

}  // namespace ppplan::exec::cuda

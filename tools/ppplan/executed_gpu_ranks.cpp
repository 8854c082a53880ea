#include "tools/ppplan/executed_gpu_ranks.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/launch/admission.h"
#include "exec/launch/rank_gpus.h"
#include "exec/output_distance.h"
#include "exec/rank_outputs.h"
#include "exec/rank_run.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/executed_gpus.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/gpu_names.h"
#include "tools/ppplan/rank_world.h"
#include "tools/ppplan/replica_ranks.h"

namespace ppplan::tools {
namespace {

namespace launch = exec::launch;

/// Ranks connect and load for as long; one that hangs meanwhile shows by its signs of life.
constexpr double kFirst_s = 60;

class GpuRankExecution {
 public:
  GpuRankExecution(const spec::Plan& whole, cost::Phase phase, int count, const RankSettings& settings)
      : whole_(whole),
        plan_(one_replica(whole)),
        phase_(phase),
        count_(count),
        settings_(settings),
        place_(replica_place(whole, settings.place, gpu_rank_count(whole))),
        part_{place_.rank % whole.parallel.tp, whole.parallel.tp},
        result_(predicted_for(plan_, phase, count)) {
    readiness_.prepare([this] { make_rank(); });
  }

  std::optional<Execution> execute(const Step& step) {
    take_part(step);
    if (settings_.place.rank != 0) return std::nullopt;
    compare_outputs();
    rank_.reset();
    result_.planned_replicas = whole_.parallel.dp;
    compare(result_);
    return std::move(result_);
  }

 private:
  const schedule::Schedule& schedule() const { return result_.predicted.schedule; }
  int stage() const { return place_.rank / part_.size; }

  // Of every replica.
  void compare_outputs() {
    for (int replica = 0; replica < place_.replicas; ++replica) {
      const auto apart = rank_->distances(outputs_[static_cast<std::size_t>(replica)], seed_of(first_seed_, replica));
      if (!apart) return;
      result_.outputs_match =
          result_.outputs_match.value_or(true) && exec::outputs_agree(plan_.model, part_.size, *apart);
    }
  }

  /// A host's ranks take its GPUs in turn; a launcher that shows each rank its own leaves it one.
  int gpu() const { return settings_.place.local_rank % exec::cuda_machine().devices; }

  void make_rank() {
    check_has_gpu();
    exec::PipelineRun run = host_run(plan_, phase_, count_);
    run.only_stage = stage();
    first_seed_ = run.seed;
    run.seed = seed_of(first_seed_, place_.replica);
    rank_ = with_what_gpus_have("--slices", [&] { return exec::make_cuda_rank(run, part_, schedule(), gpu()); });
    const auto& machine = rank_->machine();
    own_gpu_ = {launch::host_name(),
                gpu(),
                machine.at("gpu"),
                machine.at("gpu_bus_id"),
                std::stoll(machine.at("gpu_memory_bytes")),
                machine.at("nccl")};
  }

  std::uint64_t hash() const {
    return launch::text_hash(fmt::format("cuda {} {} {} {}", spec::to_json(plan_).dump(), phase_ == cost::Phase::decode,
                                         count_, settings_.repeats));
  }

  void take_part(const Step& step) {
    const double run_s = deadline_s(traces::makespan_s(result_.predicted.timeline));
    const auto world = join_ranks(settings_.place, {"tcp", std::max(run_s, kFirst_s), settings_.heartbeat_s});
    const auto everyone = everyone_of(*world);
    readiness_.admit(*everyone, hash());
    place_on_gpus(launch::gathered_gpus(*everyone, own_gpu_));
    exec::groups::PartWorld own(*world, place_.first(), place_.ranks);
    exec::groups::ParallelState ranks(own, exec::rank_layout(schedule(), part_.size));
    ranks.warm_up();
    exec::CudaExecution execution =
        rank_->execute(ranks, {.repeats = settings_.repeats, .deadline_s = run_s, .first_s = kFirst_s}, step);
    bring_results(*everyone, execution);
    ranks.tear_down();
    result_.measured = std::move(execution.measured);
    result_.gpus->memory = std::move(execution.memory);
    result_.gpus->gemms = std::move(execution.gemms);
    result_.gpus->machine = std::move(execution.machine);
  }

  /// Of all replicas, to rank 0 of the job, which waits until all ranks are done.
  void bring_results(exec::Group& everyone, const exec::CudaExecution& execution) {
    const double own_s = place_.rank == 0 ? median_makespan_s(execution.measured) : 0;
    result_.replica_makespans_s = of_every_replica(everyone, place_, own_s);
    for (int replica = 0; replica < place_.replicas; ++replica)
      outputs_.push_back(
          exec::outputs_at_first(everyone, host_run(plan_, phase_, count_), rank_->outputs(), replica * place_.ranks));
    everyone.barrier();
  }

  /// Every rank checks all of them, so that all end with one message.
  void place_on_gpus(const std::vector<launch::RankGpu>& gpus) {
    launch::check_versions(gpus);
    result_.gpus.emplace();
    result_.gpus->correctness_only = launch::share_gpus(gpus);
    for (std::size_t rank = 0; rank < gpus.size(); ++rank) {
      const std::size_t tp = static_cast<std::size_t>(part_.size), ranks = static_cast<std::size_t>(place_.ranks);
      const std::size_t stage = rank % ranks / tp;
      const int device = whole_.stages[stage].devices.at(rank / ranks).at(rank % tp);
      const std::string& planned = plan_.cluster.devices[static_cast<std::size_t>(device)].name;
      if (const std::string found = catalog_name(gpus[rank].name); is_in_catalog(planned) && found != planned)
        throw Unavailable(fmt::format("rank {} on {}: the plan's device {} is a {}, and GPU {} there is a {} ({})",
                                      rank, gpus[rank].host, device, planned, gpus[rank].gpu, found,
                                      gpus[rank].bus_id));
      result_.gpus->ranks.push_back({static_cast<int>(stage), static_cast<int>(rank % tp), device, planned,
                                     gpus[rank].host, gpus[rank].gpu, gpus[rank].name, gpus[rank].bus_id,
                                     static_cast<int>(rank / ranks)});
    }
    launch::set_nccl_environment(settings_.place.rank, gpus);
  }

  const spec::Plan& whole_;
  spec::Plan plan_;  // one replica of it
  cost::Phase phase_;
  int count_;
  const RankSettings& settings_;
  ReplicaPlace place_;
  exec::TensorRank part_;
  std::uint64_t first_seed_ = 0;
  std::vector<std::vector<exec::Logits>> outputs_;  // [replica], on rank 0
  Execution result_;
  std::unique_ptr<exec::CudaRank> rank_;
  launch::RankGpu own_gpu_;
  launch::Readiness readiness_;
};

}  // namespace

int gpu_rank_count(const spec::Plan& plan) { return static_cast<int>(plan.stages.size()) * plan.parallel.tp; }

std::optional<Execution> execute_on_gpu_ranks(const spec::Plan& whole, cost::Phase phase, int count,
                                              const RankSettings& settings, const Step& step) {
  return GpuRankExecution(whole, phase, count, settings).execute(step);
}

}  // namespace ppplan::tools

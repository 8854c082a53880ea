#include "tools/ppplan/executed_gpu_ranks.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/launch/admission.h"
#include "exec/launch/rank_gpus.h"
#include "exec/output_distance.h"
#include "exec/rank_run.h"
#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/executed_gpus.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/gpu_names.h"
#include "tools/ppplan/rank_world.h"

namespace ppplan::tools {
namespace {

namespace launch = exec::launch;

/// Ranks connect and load for as long; one that hangs meanwhile shows by its signs of life.
constexpr double kFirst_s = 60;

class GpuRankExecution {
 public:
  GpuRankExecution(const spec::Plan& plan, cost::Phase phase, int count, const RankSettings& settings)
      : plan_(plan),
        phase_(phase),
        count_(count),
        settings_(settings),
        part_{settings.place.rank % plan.parallel.tp, plan.parallel.tp},
        result_(predicted_for(plan, phase, count)) {
    readiness_.prepare([this] { make_rank(); });
  }

  std::optional<Execution> execute(const Step& step) {
    take_part(step);
    if (settings_.place.rank != 0) return std::nullopt;
    if (const auto apart = rank_->distances())
      result_.outputs_match = exec::outputs_agree(plan_.model, part_.size, *apart);
    rank_.reset();
    compare(result_);
    return std::move(result_);
  }

 private:
  const schedule::Schedule& schedule() const { return result_.predicted.schedule; }
  int stage() const { return settings_.place.rank / plan_.parallel.tp; }

  /// A host's ranks take its GPUs in turn; a launcher that shows each rank its own leaves it one.
  int gpu() const { return settings_.place.local_rank % exec::cuda_machine().devices; }

  void make_rank() {
    check_has_gpu();
    exec::PipelineRun run = host_run(plan_, phase_, count_);
    run.only_stage = stage();
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
    exec::groups::ParallelState ranks(*world, exec::rank_layout(schedule(), plan_.parallel.tp));
    readiness_.admit(ranks.everyone(), hash());
    place_on_gpus(launch::gathered_gpus(ranks.everyone(), own_gpu_));
    ranks.warm_up();
    exec::CudaExecution execution =
        rank_->execute(ranks, {.repeats = settings_.repeats, .deadline_s = run_s, .first_s = kFirst_s}, step);
    ranks.tear_down();
    result_.measured = std::move(execution.measured);
    result_.gpus->memory = std::move(execution.memory);
    result_.gpus->gemms = std::move(execution.gemms);
    result_.gpus->machine = std::move(execution.machine);
  }

  /// Every rank checks all of them, so that all end with one message.
  void place_on_gpus(const std::vector<launch::RankGpu>& gpus) {
    launch::check_versions(gpus);
    result_.gpus.emplace();
    result_.gpus->correctness_only = launch::share_gpus(gpus);
    for (std::size_t rank = 0; rank < gpus.size(); ++rank) {
      const std::size_t tp = static_cast<std::size_t>(part_.size);
      const int device = plan_.stages[rank / tp].devices.front().at(rank % tp);
      const std::string& planned = plan_.cluster.devices[static_cast<std::size_t>(device)].name;
      if (const std::string found = catalog_name(gpus[rank].name); is_in_catalog(planned) && found != planned)
        throw Unavailable(fmt::format("rank {} on {}: the plan's device {} is a {}, and GPU {} there is a {} ({})",
                                      rank, gpus[rank].host, device, planned, gpus[rank].gpu, found,
                                      gpus[rank].bus_id));
      result_.gpus->ranks.push_back({static_cast<int>(rank / tp), static_cast<int>(rank % tp), device, planned,
                                     gpus[rank].host, gpus[rank].gpu, gpus[rank].name, gpus[rank].bus_id});
    }
    launch::set_nccl_environment(settings_.place.rank, gpus);
  }

  const spec::Plan& plan_;
  cost::Phase phase_;
  int count_;
  const RankSettings& settings_;
  exec::TensorRank part_;
  Execution result_;
  std::unique_ptr<exec::CudaRank> rank_;
  launch::RankGpu own_gpu_;
  launch::Readiness readiness_;
};

}  // namespace

int gpu_rank_count(const spec::Plan& plan) { return static_cast<int>(plan.stages.size()) * plan.parallel.tp; }

std::optional<Execution> execute_on_gpu_ranks(const spec::Plan& whole, cost::Phase phase, int count,
                                              const RankSettings& settings, const Step& step) {
  if (settings.place.size != gpu_rank_count(whole))
    throw input::InputError(fmt::format("{}: expected {} ranks for the plan's {} stages of {} GPUs, found {}",
                                        settings.place.launcher, gpu_rank_count(whole), whole.stages.size(),
                                        whole.parallel.tp, settings.place.size));
  const spec::Plan plan = one_replica(whole);
  return GpuRankExecution(plan, phase, count, settings).execute(step);
}

}  // namespace ppplan::tools

#include "tools/ppplan/executed_ranks.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/core_speed.h"
#include "exec/cores.h"
#include "exec/launch/admission.h"
#include "exec/rank_outputs.h"
#include "exec/rank_replay.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/context.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/rank_world.h"
#include "tools/ppplan/replica_ranks.h"

namespace ppplan::tools {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// A host's ranks take its cores in turn; a launcher that binds each rank leaves it one.
int core_of(const exec::launch::JobPlace& place) {
  const std::vector<int> cores = exec::allowed_cores();
  return cores[at(place.local_rank) % cores.size()];
}

template <typename T>
std::span<std::byte> bytes_of(std::vector<T>& values) {
  return std::as_writable_bytes(std::span(values));
}

class RankExecution {
 public:
  RankExecution(const spec::Plan& whole, cost::Phase phase, int count, const RankSettings& settings)
      : plan_(one_replica(whole)),
        phase_(phase),
        count_(count),
        settings_(settings),
        place_(replica_place(whole, settings.place, rank_count(whole))),
        run_(host_run(plan_, phase, count)),
        result_(predicted_for(plan_, phase, count)) {
    result_.planned_replicas = whole.parallel.dp;
    readiness_.prepare([this] { make_backend(); });
  }

  std::optional<Execution> execute(const Step& step) {
    take_part(step);
    if (settings_.place.rank != 0) return std::nullopt;
    if (settings_.real_compute) {
      compare_outputs();
      result_.drift = core_drift(plan_.provenance, cores_seen_);
      follow_cores(result_, plan_, phase_, count_);  // forks, so only now that no thread serves sockets any more
    }
    compare(result_);
    return std::move(result_);
  }

 private:
  const schedule::Schedule& schedule() const { return result_.predicted.schedule; }
  exec::RankBackend& backend() { return host_ ? static_cast<exec::RankBackend&>(*host_) : *replay_; }

  // Of every replica.
  void compare_outputs() {
    result_.outputs_match = true;
    for (int replica = 0; replica < place_.replicas; ++replica) {
      exec::HostRun run = run_;
      run.seed = seed_of(run_.seed, replica);  // rank 0 is of the first
      if (outputs_[at(replica)] != exec::one_device_outputs(run)) result_.outputs_match = false;
    }
  }

  void make_backend() {
    const int rank = place_.rank;
    if (settings_.real_compute) {
      check_runs_here(plan_, exec::allowed_cores().size() == 1 ? 1 : settings_.place.local_size);
      run_.only_stage = rank;
      run_.seed = seed_of(run_.seed, place_.replica);
      run_.cores = {core_of(settings_.place)};
      host_ = std::make_unique<exec::HostBackend>(run_);
      yardstick_ = std::make_unique<exec::Yardsticks>(run_.cores);
      return;
    }
    const std::vector<double> durations = predicted_durations(result_.predicted);
    if (!settings_.real_wires) result_.scale = exec::replay_scale(durations);
    replay_ = std::make_unique<exec::RankReplay>(schedule(), rank, durations, result_.scale, settings_.real_wires);
  }

  std::uint64_t hash() const {
    return exec::launch::text_hash(fmt::format("{} {} {} {} {} {}", spec::to_json(plan_).dump(),
                                               phase_ == cost::Phase::decode, count_, settings_.repeats,
                                               settings_.real_compute, settings_.real_wires));
  }

  void take_part(const Step& step) {
    const double predicted_s = traces::makespan_s(result_.predicted.timeline) * result_.scale;
    const auto world =
        join_ranks(settings_.place, {settings_.transport, deadline_s(predicted_s), settings_.heartbeat_s});
    const auto everyone = everyone_of(*world);
    readiness_.admit(*everyone, hash());
    exec::groups::PartWorld own(*world, place_.first(), place_.ranks);
    exec::groups::ParallelState ranks(own, exec::rank_layout(schedule()));
    ranks.warm_up();
    // The first run touches every page for the first time; it is not counted.
    if (host_) repeat(ranks, false);
    for (int r = 0; r < settings_.repeats; ++r) {
      step((r + 1.0) / (settings_.repeats + 2.0));
      repeat(ranks, true);
    }
    bring_results(*everyone);
    ranks.tear_down();
  }

  // Of all replicas, to rank 0 of the job, which waits until all ranks are done.
  void bring_results(exec::Group& everyone) {
    const double own_s = place_.rank == 0 ? median_makespan_s(result_.measured) : 0;
    result_.replica_makespans_s = of_every_replica(everyone, place_, own_s);
    for (int replica = 0; replica < place_.replicas && host_; ++replica)
      outputs_.push_back(exec::outputs_at_first(everyone, run_, host_->outputs(), (replica + 1) * place_.ranks - 1));
    everyone.barrier();
  }

  void repeat(exec::groups::ParallelState& ranks, bool counts) {
    if (host_) host_->reset();
    traces::Timeline timeline = exec::run_rank(schedule(), ranks, backend());
    scale_back(timeline, result_.scale);
    if (host_) note_core(ranks.everyone(), counts);
    if (counts && place_.rank == 0) result_.measured.push_back(std::move(timeline));
  }

  // All ranks come here together, so that each looks at its core beside the others.
  void note_core(exec::Group& everyone, bool counts) {
    const std::size_t rank = at(place_.rank);
    const double then = speed_then(plan_.provenance, settings_.place.local_size - 1);
    const double after = yardstick_->per_second().front();
    std::vector<CoreReading> mine{core_reading(then, speed_before_, after, host_->compute_times()[rank])};
    speed_before_ = after;
    std::vector<CoreReading> all(rank == 0 ? at(everyone.size()) : 0);
    everyone.gather(bytes_of(mine), bytes_of(all), 0);
    if (counts && rank == 0) cores_seen_.push_back(std::move(all));
  }

  spec::Plan plan_;  // one replica
  cost::Phase phase_;
  int count_;
  const RankSettings& settings_;
  ReplicaPlace place_;
  exec::HostRun run_;
  Execution result_;
  std::unique_ptr<exec::HostBackend> host_;      // of real compute
  std::unique_ptr<exec::Yardsticks> yardstick_;  // likewise, of the rank's core
  double speed_before_ = 0;                      // how fast that was before the repeat
  std::unique_ptr<exec::RankReplay> replay_;     // else
  exec::launch::Readiness readiness_;
  std::vector<std::vector<exec::Logits>> outputs_;    // [replica], on rank 0
  std::vector<std::vector<CoreReading>> cores_seen_;  // [repeat][stage], on rank 0
};

}  // namespace

int rank_count(const spec::Plan& plan) { return static_cast<int>(plan.stages.size()); }

double deadline_s(double predicted_makespan_s) { return std::max(5.0, 20 * predicted_makespan_s); }

std::optional<Execution> execute_on_ranks(const spec::Plan& whole, cost::Phase phase, int count,
                                          const RankSettings& settings, const Step& step) {
  return RankExecution(whole, phase, count, settings).execute(step);
}

}  // namespace ppplan::tools

#include "tools/ppplan/executed_ranks.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/core_speed.h"
#include "exec/cores.h"
#include "exec/launch/admission.h"
#include "exec/rank_outputs.h"
#include "exec/rank_replay.h"
#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/context.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/rank_world.h"

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
  RankExecution(const spec::Plan& plan, cost::Phase phase, int count, const RankSettings& settings)
      : plan_(plan),
        phase_(phase),
        count_(count),
        settings_(settings),
        run_(host_run(plan, phase, count)),
        result_(predicted_for(plan, phase, count)) {
    readiness_.prepare([this] { make_backend(); });
  }

  std::optional<Execution> execute(const Step& step) {
    take_part(step);
    if (settings_.place.rank != 0) return std::nullopt;
    if (settings_.real_compute) {
      result_.outputs_match = outputs_ == exec::one_device_outputs(run_);
      result_.drift = core_drift(plan_.provenance, cores_seen_);
      follow_cores(result_, plan_, phase_, count_);  // forks, so only now that no thread serves sockets any more
    }
    compare(result_);
    return std::move(result_);
  }

 private:
  const schedule::Schedule& schedule() const { return result_.predicted.schedule; }
  exec::RankBackend& backend() { return host_ ? static_cast<exec::RankBackend&>(*host_) : *replay_; }

  void make_backend() {
    const int rank = settings_.place.rank;
    if (settings_.real_compute) {
      check_runs_here(plan_, exec::allowed_cores().size() == 1 ? 1 : settings_.place.local_size);
      run_.only_stage = rank;
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
    exec::groups::ParallelState ranks(*world, exec::rank_layout(schedule()));
    readiness_.admit(ranks.everyone(), hash());
    ranks.warm_up();
    // The first run touches every page for the first time; it is not counted.
    if (host_) repeat(ranks, false);
    for (int r = 0; r < settings_.repeats; ++r) {
      step((r + 1.0) / (settings_.repeats + 2.0));
      repeat(ranks, true);
    }
    if (host_) outputs_ = exec::outputs_at_first(ranks.everyone(), run_, host_->outputs(), ranks.everyone().size() - 1);
    ranks.tear_down();
  }

  void repeat(exec::groups::ParallelState& ranks, bool counts) {
    if (host_) host_->reset();
    traces::Timeline timeline = exec::run_rank(schedule(), ranks, backend());
    scale_back(timeline, result_.scale);
    if (host_) note_core(ranks.everyone(), counts);
    if (counts && settings_.place.rank == 0) result_.measured.push_back(std::move(timeline));
  }

  // All ranks come here together, so that each looks at its core beside the others.
  void note_core(exec::Group& everyone, bool counts) {
    const std::size_t rank = at(settings_.place.rank);
    const double after = yardstick_->per_second().front();
    std::vector<CoreReading> mine{core_reading(speed_then(plan_.provenance, everyone.size() - 1), speed_before_, after,
                                               host_->compute_times()[rank])};
    speed_before_ = after;
    std::vector<CoreReading> all(rank == 0 ? at(everyone.size()) : 0);
    everyone.gather(bytes_of(mine), bytes_of(all), 0);
    if (counts && rank == 0) cores_seen_.push_back(std::move(all));
  }

  const spec::Plan& plan_;
  cost::Phase phase_;
  int count_;
  const RankSettings& settings_;
  exec::HostRun run_;
  Execution result_;
  std::unique_ptr<exec::HostBackend> host_;      // of real compute
  std::unique_ptr<exec::Yardsticks> yardstick_;  // likewise, of the rank's core
  double speed_before_ = 0;                      // how fast that was before the repeat
  std::unique_ptr<exec::RankReplay> replay_;     // else
  exec::launch::Readiness readiness_;
  std::vector<exec::Logits> outputs_;
  std::vector<std::vector<CoreReading>> cores_seen_;  // [repeat][stage], on rank 0
};

}  // namespace

int rank_count(const spec::Plan& plan) { return static_cast<int>(plan.stages.size()); }

double deadline_s(double predicted_makespan_s) { return std::max(5.0, 20 * predicted_makespan_s); }

std::optional<Execution> execute_on_ranks(const spec::Plan& whole, cost::Phase phase, int count,
                                          const RankSettings& settings, const Step& step) {
  if (settings.place.size != rank_count(whole))
    throw input::InputError(fmt::format("{}: expected a rank for each of the plan's {} stages, found {} ranks",
                                        settings.place.launcher, rank_count(whole), settings.place.size));
  const spec::Plan plan = one_replica(whole);
  return RankExecution(plan, phase, count, settings).execute(step);
}

}  // namespace ppplan::tools

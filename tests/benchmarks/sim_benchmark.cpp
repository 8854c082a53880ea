// How fast schedules are simulated: activities (compute ops and transfers) per second by size of the pipeline.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "planner/schedule/auto_order.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/pipeline.h"
#include "planner/schedule/searched_order.h"
#include "planner/schedule/training_schedule.h"
#include "sim/simulate.h"

namespace ppplan {
namespace {

/// Every device on a port of its own at a non-blocking switch.
spec::ClusterSpec switched(int devices) {
  spec::ClusterSpec cluster;
  for (int device = 0; device < devices; ++device) {
    cluster.links.push_back({"port" + std::to_string(device), spec::LinkKind::nvlink, 4e11});
    cluster.devices.push_back({.name = "h100-sxm", .paths = {{"switch", {device}}}});
  }
  return cluster;
}

schedule::Schedule pipeline(int stages, int micro_batches) {
  schedule::PipelineShape shape;
  for (int stage = 0; stage < stages; ++stage) shape.members.push_back({stage});
  schedule::MicroBatchCosts costs;
  for (int stage = 0; stage < stages; ++stage) costs.stage_s.push_back(5e-3 + 1e-4 * (stage % 3));
  costs.boundary_s.assign(static_cast<std::size_t>(stages) - 1, 1e-5);
  costs.boundary_bytes.assign(static_cast<std::size_t>(stages) - 1, 16 << 20);
  return schedule::forward_stream(shape, {costs}, std::vector<int>(static_cast<std::size_t>(micro_batches)));
}

void BM_Simulate(benchmark::State& state) {
  const int stages = static_cast<int>(state.range(0)), micro_batches = static_cast<int>(state.range(1));
  const spec::ClusterSpec cluster = switched(stages);
  const std::vector<schedule::Schedule> schedules(static_cast<std::size_t>(state.range(2)),
                                                  pipeline(stages, micro_batches));
  for (auto _ : state) benchmark::DoNotOptimize(sim::simulate(schedules, cluster));
  const auto activities = state.range(2) * (2 * stages - 1) * micro_batches;
  state.counters["activities_per_s"] =
      benchmark::Counter(static_cast<double>(activities), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_Simulate)
    ->ArgNames({"stages", "micro_batches", "schedules"})
    ->Args({4, 16, 1})
    ->Args({8, 64, 1})
    ->Args({16, 256, 1})
    ->Args({64, 512, 1})
    ->Args({4, 16, 100})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// The order of a kind, of two stages a rank where it takes any number.
schedule::TrainingOrder order_of(const std::string& kind, int ranks, int micro_batches,
                                 const schedule::StageTraining& each) {
  const std::vector<std::string>& searched = schedule::searched_names();
  if (kind == "auto") {
    schedule::AutoRequest request{ranks, micro_batches, 2, schedule::uniform_costs(2 * ranks, each), {}};
    request.time_limit_s = 0;
    return schedule::auto_order(request).order;
  }
  if (std::ranges::count(searched, kind) > 0) {
    const int stages = ranks * schedule::chunks_of_searched(kind);
    return schedule::searched_order({kind, ranks, micro_batches, schedule::uniform_costs(stages, each), {}}).order;
  }
  const bool single = kind == "gpipe" || kind == "1f1b" || kind == "zb-h1" || kind == "zb-h2";
  return schedule::named_order({kind, ranks, micro_batches, single ? 1 : 2});
}

/// One training step: 16 ranks, 128 micro-batches, outputs and gradients of 16 MiB over the ports; target 50 ms.
void BM_SimulateTraining(benchmark::State& state, const std::string& kind) {
  const schedule::StageTraining each{5e-3, 6e-3, 4e-3, /*send_s=*/1e-5, 1};
  const schedule::TrainingOrder order = order_of(kind, 16, 128, each);
  const auto costs = schedule::uniform_costs(static_cast<int>(order.rank_of.size()), each);
  std::vector<schedule::Schedule> schedules{training_schedule(order, costs)};
  for (schedule::Op& op : schedules.front().ops)
    if (schedule::is_transfer(op)) op.bytes = 16 << 20;
  const spec::ClusterSpec cluster = switched(16);
  for (auto _ : state) benchmark::DoNotOptimize(sim::simulate(schedules, cluster));
  state.counters["ops"] = static_cast<double>(schedules.front().ops.size());
}

const bool every_kind_is_measured = [] {
  std::vector<std::string> kinds = schedule::order_names();
  kinds.insert(kinds.end(), schedule::searched_names().begin(), schedule::searched_names().end());
  kinds.emplace_back("auto");
  for (const std::string& kind : kinds)
    benchmark::RegisterBenchmark(("BM_SimulateTraining/" + kind).c_str(), BM_SimulateTraining, kind)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  return true;
}();

}  // namespace
}  // namespace ppplan

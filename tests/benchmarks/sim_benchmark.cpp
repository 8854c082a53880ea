// How fast schedules are simulated: activities (compute ops and transfers) per second by size of the pipeline.
#include <benchmark/benchmark.h>

#include "planner/schedule/pipeline.h"
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
  state.counters["activities_per_s"] = benchmark::Counter(
      static_cast<double>(activities), benchmark::Counter::kIsIterationInvariantRate);
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

}  // namespace
}  // namespace ppplan

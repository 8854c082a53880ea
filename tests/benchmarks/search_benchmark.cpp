// The whole search as `ppplan search --model llama70b --gpus 8` does it: enumeration, costs, and the simulation of the
// finalists in forked workers.
#include <benchmark/benchmark.h>

#include <atomic>

#include "planner/engines/vllm_rules.h"
#include "planner/search/search.h"
#include "planner/spec/read_cluster.h"
#include "planner/spec/read_model.h"
#include "tools/ppplan/simulated.h"

namespace {

using namespace ppplan;

search::Request request() {
  search::Request out;
  out.model = spec::read_model("llama70b");
  spec::ClusterFlags flags;
  flags.gpus = "8";
  out.cluster = spec::read_cluster(flags);
  out.gpu_memory_utilization =
      engines::vllm_defaults(engines::newest_vllm(), out.cluster.devices.front()).gpu_memory_utilization;
  return out;
}

void whole_search(benchmark::State& state) {
  const std::atomic<bool> stop{false};
  long evaluated = 0, simulated = 0;
  for (auto step : state) {
    cost::CostBook book(cost::shipped_profiles());
    const search::Result result = search::search(request(), book, tools::simulated_predictions, {}, stop);
    evaluated = result.counts.evaluated;
    simulated = result.counts.simulated;
  }
  state.counters["evaluated"] = static_cast<double>(evaluated);
  state.counters["simulated"] = static_cast<double>(simulated);
}
BENCHMARK(whole_search)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

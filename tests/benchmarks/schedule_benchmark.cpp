// How fast named training orders are made, and made into schedules with their communication.
#include <benchmark/benchmark.h>

#include "planner/schedule/auto_order.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/searched_order.h"
#include "planner/schedule/training_schedule.h"

namespace ppplan {
namespace {

schedule::OrderRequest request(const benchmark::State& state) {
  schedule::OrderRequest out;
  out.kind = schedule::order_names()[static_cast<std::size_t>(state.range(0))];
  out.ranks = static_cast<int>(state.range(1));
  out.micro_batches = static_cast<int>(state.range(2));
  const bool single = out.kind == "gpipe" || out.kind == "1f1b" || out.kind == "zb-h1" || out.kind == "zb-h2";
  out.chunks = single ? 1 : 2;
  return out;
}

void BM_Order(benchmark::State& state) {
  state.SetLabel(request(state).kind);
  for (auto _ : state) benchmark::DoNotOptimize(schedule::named_order(request(state)));
}

void BM_OrderAndSchedule(benchmark::State& state) {
  state.SetLabel(request(state).kind);
  for (auto _ : state) {
    const schedule::TrainingOrder order = schedule::named_order(request(state));
    const auto costs = schedule::uniform_costs(static_cast<int>(order.rank_of.size()), {1, 1, 1, 0.1, 1});
    benchmark::DoNotOptimize(schedule::training_schedule(order, costs));
  }
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (std::size_t kind = 0; kind < schedule::order_names().size(); ++kind)
    for (const auto& [ranks, micro_batches] : {std::pair{8, 64}, {128, 1024}})
      bench->Args({static_cast<std::int64_t>(kind), ranks, micro_batches});
}
BENCHMARK(BM_Order)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_OrderAndSchedule)->Apply(sizes)->Unit(benchmark::kMillisecond);

/// With room for 1.5 pipelines: limits that bind.
schedule::SearchedRequest searched_request(const benchmark::State& state) {
  schedule::SearchedRequest request;
  request.kind = schedule::searched_names()[static_cast<std::size_t>(state.range(0))];
  request.ranks = static_cast<int>(state.range(1));
  request.micro_batches = static_cast<int>(state.range(2));
  const int chunks = schedule::chunks_of_searched(request.kind);
  request.costs = schedule::uniform_costs(request.ranks * chunks, {1, 1.2, 0.8, 0.1, 1});
  request.memory_limit.assign(static_cast<std::size_t>(request.ranks), 1.5 * chunks * request.ranks);
  return request;
}

void BM_SearchedOrder(benchmark::State& state) {
  const schedule::SearchedRequest request = searched_request(state);
  state.SetLabel(request.kind);
  for (auto _ : state) benchmark::DoNotOptimize(schedule::searched_order(request));
}

void BM_SearchedOrderAndSchedule(benchmark::State& state) {
  const schedule::SearchedRequest request = searched_request(state);
  state.SetLabel(request.kind);
  for (auto _ : state)
    benchmark::DoNotOptimize(schedule::training_schedule(schedule::searched_order(request).order, request.costs));
}

void searched_sizes(benchmark::internal::Benchmark* bench) {
  for (std::size_t kind = 0; kind < schedule::searched_names().size(); ++kind)
    for (const auto& [ranks, micro_batches] : {std::pair{8, 64}, {128, 1024}})
      bench->Args({static_cast<std::int64_t>(kind), ranks, micro_batches});
}
BENCHMARK(BM_SearchedOrder)->Apply(searched_sizes)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_SearchedOrderAndSchedule)->Apply(searched_sizes)->Unit(benchmark::kMillisecond)->UseRealTime();

/// 8 ranks of 2 chunks, 16 micro-batches, room for half of what 1F1B holds.
void BM_AutoOrder(benchmark::State& state) {
  schedule::AutoRequest request;
  request.ranks = 8;
  request.micro_batches = 16;
  request.chunks = 2;
  request.costs = schedule::uniform_costs(16, {1, 1.2, 0.8, 0.1, 1});
  request.memory_limit.assign(8, 8);
  double gap = 0;
  for (auto _ : state) gap = schedule::auto_order(request).gap;
  state.counters["gap"] = gap;
}
BENCHMARK(BM_AutoOrder)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ppplan

// Time of the exact partition: layers x stages, with equal-ish and heavy-tailed layers, alone and with everything at
// once.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "planner/search/partition.h"

namespace {

using ppplan::search::PartitionProblem;

enum class Weights { uniform, heavy };

double draw(std::mt19937& random, Weights weights) {
  if (weights == Weights::uniform) return std::uniform_real_distribution<double>(0.5, 1.5)(random);
  return std::pow(1 - std::uniform_real_distribution<double>(0, 1)(random), -1 / 1.3);  // Pareto, infinite variance
}

PartitionProblem plain(int layers, int stages, Weights weights, unsigned seed) {
  std::mt19937 random(seed);
  PartitionProblem problem;
  problem.layer_s.emplace_back();
  for (int l = 0; l < layers; ++l) problem.layer_s.back().push_back(draw(random, weights));
  problem.kind.assign(static_cast<std::size_t>(stages), 0);
  return problem;
}

// Four kinds of device up to 4 times slower, fixed costs on a third of the stages, bytes that are not the times, caps
// at 1.1 to 2.1 times the mean, a tenth of the cuts forbidden.
PartitionProblem everything(int layers, int stages, Weights weights, unsigned seed) {
  PartitionProblem problem = plain(layers, stages, weights, seed);
  std::mt19937 random(seed + 1);
  std::uniform_real_distribution<double> unit(0, 1);
  for (double slowness : {1.5, 2.5, 4.0}) {
    problem.layer_s.push_back(problem.layer_s.front());
    for (double& layer : problem.layer_s.back()) layer *= slowness * (0.9 + 0.2 * unit(random));
  }
  for (int l = 0; l < layers; ++l) {
    problem.layer_bytes.push_back(0.5 + unit(random));
    problem.cut_allowed.push_back(unit(random) > 0.1);
  }
  const double mean = static_cast<double>(layers) / stages;
  for (int s = 0; s < stages; ++s) {
    problem.kind[static_cast<std::size_t>(s)] = static_cast<int>(random() % 4);
    problem.fixed_s.push_back(s % 3 == 0 ? mean * unit(random) : 0);
    problem.fixed_bytes.push_back(0);
    problem.capacity_bytes.push_back(mean * (1.1 + 2 * unit(random)));
  }
  return problem;
}

void run(benchmark::State& state, PartitionProblem (*make)(int, int, Weights, unsigned), Weights weights) {
  const PartitionProblem problem = make(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), weights, 1);
  bool feasible = true;
  for (auto _ : state) {
    const auto found = optimal_partition(problem);
    feasible = feasible && found.has_value();
    benchmark::DoNotOptimize(found);
  }
  state.counters["feasible"] = feasible;
}

void sizes(benchmark::internal::Benchmark* it) {
  it->Args({80, 8})->Args({126, 64})->Args({1000, 16})->Args({10000, 64})->Unit(benchmark::kMicrosecond);
}

BENCHMARK_CAPTURE(run, plain_uniform, plain, Weights::uniform)->Apply(sizes);
BENCHMARK_CAPTURE(run, plain_heavy, plain, Weights::heavy)->Apply(sizes);
BENCHMARK_CAPTURE(run, everything_uniform, everything, Weights::uniform)->Apply(sizes);
BENCHMARK_CAPTURE(run, everything_heavy, everything, Weights::heavy)->Apply(sizes);

}  // namespace

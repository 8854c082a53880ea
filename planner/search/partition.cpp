#include "planner/search/partition.h"

#include <algorithm>

#include "planner/search/block_table.h"
#include "planner/search/lower_bound.h"
#include "planner/search/reachable.h"

namespace ppplan::search {

namespace {

Partition partition_of(const BlockTable& table, const Reachable& reachable) {
  const std::vector<int> ends = reachable.even_ends();
  Partition partition;
  partition.bottleneck_s = reachable.slowest_s(ends);
  int begin = 0;
  for (int end : ends) {
    partition.layers.push_back(table.first_layer(end) - table.first_layer(begin));
    begin = end;
  }
  return partition;
}

// Between a bound that can't be beaten and one that is reached; a failed probe lifts the first to the next value at
// which anything changes, a successful one lowers the second to what its partition really takes.
struct Bracket {
  double least_s = 0;
  std::optional<Partition> best;
};

bool try_bottleneck(const BlockTable& table, Reachable& reachable, double bottleneck_s, Bracket& bracket) {
  if (!reachable.probe(bottleneck_s)) {
    bracket.least_s = reachable.next_s();
    return false;
  }
  bracket.best = partition_of(table, reachable);
  return true;
}

}  // namespace

std::optional<Partition> optimal_partition(const PartitionProblem& problem) {
  const BlockTable table(problem);
  if (table.blocks() < table.stages()) return std::nullopt;
  Bracket bracket{lower_bound_s(table), std::nullopt};
  Reachable reachable(table, bracket.least_s);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double step_s = 0;
  while (!bracket.best && bracket.least_s < infinity) {
    step_s = std::max(4 * step_s, bracket.least_s / 16);
    try_bottleneck(table, reachable, bracket.least_s + step_s, bracket);
  }
  if (!bracket.best) return std::nullopt;
  while (bracket.least_s < bracket.best->bottleneck_s) {
    const double high = bracket.best->bottleneck_s;
    double middle = bracket.least_s + (high - bracket.least_s) / 2;
    if (!(middle < high)) middle = bracket.least_s;
    try_bottleneck(table, reachable, middle, bracket);
  }
  // Once more at the optimum itself: probes above it may have left stages uneven.
  reachable.probe(bracket.best->bottleneck_s);
  return partition_of(table, reachable);
}

namespace {

using Seconds = double (BlockTable::*)(int stage, int begin, int end) const;

double slowest_s(const PartitionProblem& problem, const std::vector<int>& layers, Seconds seconds) {
  PartitionProblem uncut = problem;
  uncut.cut_allowed.clear();
  const BlockTable table(uncut);
  double slowest = 0;
  int begin = 0;
  for (int stage = 0; stage < table.stages(); ++stage) {
    const int end = begin + layers.at(static_cast<std::size_t>(stage));
    slowest = std::max(slowest, (table.*seconds)(stage, begin, end));
    begin = end;
  }
  return slowest;
}

}  // namespace

double bottleneck_s(const PartitionProblem& problem, const std::vector<int>& layers) {
  return slowest_s(problem, layers, &BlockTable::seconds);
}

double limited_bottleneck_s(const PartitionProblem& problem, const std::vector<int>& layers) {
  return slowest_s(problem, layers, &BlockTable::limited_s);
}

double lower_bound_s(const PartitionProblem& problem) { return lower_bound_s(BlockTable(problem)); }

}  // namespace ppplan::search

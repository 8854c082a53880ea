#include "planner/search/least_pass.h"

#include <algorithm>
#include <limits>

#include "planner/search/block_table.h"

namespace ppplan::search {

namespace {

struct Step {
  double seconds = std::numeric_limits<double>::infinity();
  int from = -1;  // where the last stage begins
};

// [blocks + 1] best ways for stages 0..stage to end at a block, given those of the stage before.
std::vector<Step> extended(const BlockTable& table, int stage, const std::vector<Step>& before) {
  std::vector<Step> after(before.size());
  for (int end = stage + 1; end <= table.blocks(); ++end)
    for (int begin = stage; begin < end; ++begin) {
      const double seconds = before[static_cast<std::size_t>(begin)].seconds + table.seconds(stage, begin, end);
      Step& best = after[static_cast<std::size_t>(end)];
      if (seconds < best.seconds && table.fits_caps(stage, begin, end)) best = {seconds, begin};
    }
  return after;
}

}  // namespace

std::optional<Partition> least_pass_partition(const PartitionProblem& problem) {
  const BlockTable table(problem);
  std::vector<std::vector<Step>> steps{std::vector<Step>(static_cast<std::size_t>(table.blocks()) + 1)};
  steps.front().front().seconds = 0;
  for (int stage = 0; stage < table.stages(); ++stage) steps.push_back(extended(table, stage, steps.back()));
  if (steps.back().back().from < 0) return std::nullopt;
  Partition partition;
  int end = table.blocks();
  for (int stage = table.stages() - 1; stage >= 0; --stage) {
    const int begin = steps[static_cast<std::size_t>(stage) + 1][static_cast<std::size_t>(end)].from;
    partition.layers.push_back(table.first_layer(end) - table.first_layer(begin));
    partition.bottleneck_s = std::max(partition.bottleneck_s, table.seconds(stage, begin, end));
    end = begin;
  }
  std::reverse(partition.layers.begin(), partition.layers.end());
  return partition;
}

}  // namespace ppplan::search

#include "planner/search/kv_capacity.h"

#include <algorithm>
#include <numeric>

namespace ppplan::search {

namespace {

// No stage can hold more than this: all capacity, one lightest layer.
std::int64_t most_blocks(const PartitionProblem& memory, const std::vector<double>& kv_bytes) {
  const double capacity = *std::max_element(memory.capacity_bytes.begin(), memory.capacity_bytes.end());
  const double lightest = std::max(1e-3, *std::min_element(kv_bytes.begin(), kv_bytes.end()));
  return static_cast<std::int64_t>(std::max(0.0, capacity) / lightest) / kv_block_tokens + 1;
}

}  // namespace

PartitionProblem with_kv(const PartitionProblem& memory, const std::vector<double>& kv_bytes, std::int64_t kv_tokens) {
  PartitionProblem problem = memory;
  for (std::size_t l = 0; l < kv_bytes.size(); ++l)
    problem.layer_bytes[l] += kv_bytes[l] * static_cast<double>(kv_tokens);
  return problem;
}

std::optional<KvPartition> most_kv(const PartitionProblem& memory, const std::vector<double>& kv_bytes,
                                   std::int64_t at_least) {
  std::int64_t low = (at_least + kv_block_tokens - 1) / kv_block_tokens;
  std::int64_t high = std::max(low, most_blocks(memory, kv_bytes));
  const auto at = [&](std::int64_t blocks) {
    return optimal_partition(with_kv(memory, kv_bytes, blocks * kv_block_tokens));
  };
  auto best = at(low);
  if (!best) return std::nullopt;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (auto found = at(middle)) {
      best = std::move(found);
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return KvPartition{low * kv_block_tokens, best->layers};
}

std::vector<int> least_short(const PartitionProblem& memory) {
  constexpr double mebi = 1024.0 * 1024.0;
  double low = 0;
  double high = std::accumulate(memory.layer_bytes.begin(), memory.layer_bytes.end(), mebi);
  for (std::size_t s = 0; s < memory.capacity_bytes.size(); ++s)
    high = std::max(high, high + memory.fixed_bytes[s] - memory.capacity_bytes[s]);
  const auto grown = [&](double bytes) {
    PartitionProblem problem = memory;
    for (double& capacity : problem.capacity_bytes) capacity += bytes;
    return optimal_partition(problem);
  };
  auto best = grown(high);
  while (high - low > mebi) {
    const double middle = low + (high - low) / 2;
    if (auto found = grown(middle)) {
      best = std::move(found);
      high = middle;
    } else {
      low = middle;
    }
  }
  return best ? best->layers : std::vector<int>();
}

}  // namespace ppplan::search

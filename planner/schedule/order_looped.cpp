// Orders on stages that loop over the ranks: fill and drain, 1F1B, interleaved.
#include <algorithm>

#include "planner/schedule/order_layout.h"
#include "planner/schedule/order_rules.h"

namespace ppplan::schedule {
namespace {

struct Visit {
  int chunk = 0;
  int micro_batch = 0;
};

/// In groups of g micro-batches, every chunk for the whole group before the next group. What is left over joins the
/// last group when it is fewer than `least`: a group too short to fill the ranks would wait for itself.
std::vector<Visit> visits(int micro_batches, int chunks, int group, int least, bool backward) {
  std::vector<Visit> out;
  for (int first = 0, end = 0; first < micro_batches; first = end) {
    end = std::min(first + group, micro_batches);
    if (micro_batches - end < least) end = micro_batches;
    for (int c = 0; c < chunks; ++c)
      for (int k = first; k < end; ++k) out.push_back({backward ? chunks - 1 - c : c, k});
  }
  return out;
}

/// `warm_up` forwards, then forward and backward in turn, then the backwards that are left.
template <typename Backward>
void alternate(RankOrder& rank, int ranks, int index, int warm_up, const std::vector<Visit>& forwards,
               const std::vector<Visit>& backwards, Backward backward) {
  const auto stage = [&](const Visit& visit) { return visit.chunk * ranks + index; };
  const std::size_t ahead = std::min(forwards.size(), static_cast<std::size_t>(warm_up));
  for (std::size_t k = 0; k < forwards.size() + ahead; ++k) {
    if (k < forwards.size()) rank.forward(stage(forwards[k]), forwards[k].micro_batch);
    if (k >= ahead) backward(stage(backwards[k - ahead]), backwards[k - ahead].micro_batch);
  }
}

/// Warm-up of rank i: (p - 1 - i) `per_rank` forwards and those of all chunks but the last of the largest group.
template <typename Backward>
void in_groups(TrainingOrder& order, int ranks, int chunks, int group, int per_rank, Backward backward) {
  const int count = order.micro_batches, least = std::min(group, ranks);
  const int largest = group + (count > group && count % group < least ? count % group : 0);
  const std::vector<Visit> forwards = visits(count, chunks, group, least, false);
  const std::vector<Visit> backwards = visits(count, chunks, group, least, true);
  for (int i = 0; i < ranks; ++i) {
    RankOrder rank(order, i);
    alternate(rank, ranks, i, per_rank * (ranks - 1 - i) + (chunks - 1) * largest, forwards, backwards,
              [&](int stage, int k) { backward(rank, stage, k); });
  }
}

}  // namespace

TrainingOrder gpipe(int ranks, int micro_batches) {
  TrainingOrder order = looped_layout(ranks, micro_batches, 1);
  for (int i = 0; i < ranks; ++i) {
    RankOrder rank(order, i);
    for (int k = 0; k < micro_batches; ++k) rank.forward(i, k);
    for (int k = 0; k < micro_batches; ++k) rank.backward(i, k);
  }
  return order;
}

TrainingOrder one_f_one_b(int ranks, int micro_batches) {
  TrainingOrder order = looped_layout(ranks, micro_batches, 1);
  const std::vector<Visit> all = visits(micro_batches, 1, micro_batches, 0, false);
  for (int i = 0; i < ranks; ++i) {
    RankOrder rank(order, i);
    alternate(rank, ranks, i, ranks - 1 - i, all, all, [&](int stage, int k) { rank.backward(stage, k); });
  }
  return order;
}

TrainingOrder interleaved(int ranks, int micro_batches, int chunks, int group) {
  TrainingOrder order = looped_layout(ranks, micro_batches, chunks);
  if (group == 0) group = ranks;
  require_at_least(std::min(ranks, micro_batches), group, "micro-batches in a group, one a rank");
  in_groups(order, ranks, chunks, group, 2, [](RankOrder& rank, int stage, int k) { rank.backward(stage, k); });
  return order;
}

TrainingOrder group_interleaved(int ranks, int micro_batches, int chunks, int group) {
  TrainingOrder order = looped_layout(ranks, micro_batches, chunks);
  require_at_least((ranks + 1) / 2, group, "micro-batches in a group, half of the ranks");
  in_groups(order, ranks, chunks, group, 1, [](RankOrder& rank, int stage, int k) {
    rank.input_gradient(stage, k);
    rank.weight_gradient(stage, k);
  });
  return order;
}

TrainingOrder looped_bfs(int ranks, int micro_batches, int chunks) {
  TrainingOrder order = looped_layout(ranks, micro_batches, chunks);
  for (int i = 0; i < ranks; ++i) {
    RankOrder rank(order, i);
    for (int c = 0; c < chunks; ++c)
      for (int k = 0; k < micro_batches; ++k) rank.forward(c * ranks + i, k);
    for (int c = chunks - 1; c >= 0; --c)
      for (int k = micro_batches - 1; k >= 0; --k) rank.backward(c * ranks + i, k);
  }
  return order;
}

}  // namespace ppplan::schedule

#include "planner/schedule/order_layout.h"

#include <numeric>

#include "planner/input/input_error.h"

namespace ppplan::schedule {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

TrainingOrder layout(int ranks, int micro_batches, int stages) {
  TrainingOrder order;
  order.micro_batches = micro_batches;
  order.rank_of.resize(at(stages));
  order.pipe_of.assign(at(micro_batches), 0);
  order.ranks.resize(at(ranks));
  return order;
}

std::vector<int> chain(int first, int count) {
  std::vector<int> stages(at(count));
  std::iota(stages.begin(), stages.end(), first);
  return stages;
}

void require_sizes(int ranks, int micro_batches) {
  require_at_least(1, ranks, "ranks");
  require_at_least(1, micro_batches, "micro-batches");
}

}  // namespace

void require_at_least(int least, int found, const std::string& what) {
  if (found < least)
    throw input::InputError("schedule: expected at least " + std::to_string(least) + " " + what + ", found " +
                            std::to_string(found));
}

TrainingOrder looped_layout(int ranks, int micro_batches, int chunks) {
  require_sizes(ranks, micro_batches);
  require_at_least(1, chunks, "chunks");
  TrainingOrder order = layout(ranks, micro_batches, ranks * chunks);
  for (int stage = 0; stage < ranks * chunks; ++stage) order.rank_of[at(stage)] = stage % ranks;
  order.pipes = {chain(0, ranks * chunks)};
  return order;
}

TrainingOrder v_layout(int ranks, int micro_batches) {
  require_sizes(ranks, micro_batches);
  TrainingOrder order = layout(ranks, micro_batches, 2 * ranks);
  for (int stage = 0; stage < 2 * ranks; ++stage)
    order.rank_of[at(stage)] = stage < ranks ? stage : 2 * ranks - 1 - stage;
  order.pipes = {chain(0, 2 * ranks)};
  return order;
}

TrainingOrder mirrored_layout(int ranks, int micro_batches) {
  TrainingOrder order = v_layout(ranks, micro_batches);
  order.pipes = {chain(0, ranks), chain(ranks, ranks)};
  for (int k = micro_batches / 2; k < micro_batches; ++k) order.pipe_of[at(k)] = 1;
  return order;
}

}  // namespace ppplan::schedule

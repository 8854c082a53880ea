// Small training runs and schedules of every named order.
#pragma once

#include <string>
#include <vector>

#include "exec/training_run.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/training_schedule.h"
#include "tests/exec/models.h"

namespace ppplan::tests {

/// Six layers that all differ: experts, experts beside a shared one, a window, biases, query and key norms.
inline spec::ModelSpec trained_model(bool tied) {
  spec::ModelSpec model = dense_model(6, 1, 16, 20, 23);
  model.layers[1].feed_forward = {spec::FeedForwardKind::moe, 12, 4, 2, 0};
  model.layers[4].feed_forward = {spec::FeedForwardKind::moe, 12, 3, 2, 8};
  model.layers[2].attention.kind = spec::AttentionKind::sliding_window;
  model.layers[2].attention.window = 3;
  model.layers[3].attention.qkv_bias = true;
  model.layers[5].attention.qk_norm = true;
  model.tied_embedding = tied;
  return model;
}

inline exec::TrainingRun training_run(const spec::ModelSpec& model, const schedule::TrainingOrder& order) {
  exec::TrainingRun run;
  run.model = model;
  run.partition = exec::even_partition(model.layers.size(), order.pipes.front().size());
  run.sequences = 2;
  run.tokens = 5;
  run.seed = 3;
  return run;
}

/// p = 4, m = 8 (DualPipe's least), two chunks where a kind takes them.
inline schedule::TrainingOrder small_order(const std::string& kind, int ranks = 4, int micro_batches = 8) {
  const bool one = kind == "gpipe" || kind == "1f1b" || kind.starts_with("zb-h");
  return schedule::named_order({kind, ranks, micro_batches, one ? 1 : 2, 0});
}

inline schedule::Schedule schedule_of(const schedule::TrainingOrder& order, int receive_buffers = 0) {
  const schedule::StageTraining each{1, 1, 1, 0, 1};
  return schedule::training_schedule(order, schedule::uniform_costs(static_cast<int>(order.rank_of.size()), each),
                                     receive_buffers);
}

}  // namespace ppplan::tests

// A plan of training: how model, batch and time of a step are divided over the cluster, and what that is predicted to
// take. Plain data; training_plan_json.h reads and writes it as `ppplan/training-plan/1`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::spec {

/// What a step is asked to do, whatever the plan: the global batch is kept.
struct TrainingTask {
  int global_batch = 256;      // sequences of a step over all replicas
  int sequence_tokens = 4096;  // of each
  bool operator==(const TrainingTask&) const = default;
};

/// How a step is run. micro_batches = global_batch / (dp * sequences).
struct TrainingSettings {
  int sequences = 1;  // of a micro-batch
  int micro_batches = 1;
  std::string schedule = "1f1b";  // a name of schedule/named_order.h or searched_order.h, or "auto"
  int chunks = 1;                 // stages a rank
  bool recompute = false;         // layers keep their inputs alone and run forward again before their backward
  bool sharded_optimizer = true;  // optimizer state divided over the replicas
  std::string order = {};         // of the schedule "auto": whose it is, or how it was found
  bool operator==(const TrainingSettings&) const = default;
};

/// Bytes on the fullest device of a rank.
struct TrainingMemory {
  std::int64_t weights_bytes = 0;
  std::int64_t gradients_bytes = 0;
  std::int64_t optimizer_bytes = 0;
  std::int64_t activation_bytes = 0;  // peak over the step, from the schedule's own order
  std::int64_t working_bytes = 0;     // of one layer while it runs, where it keeps nothing
  std::int64_t other_bytes = 0;       // context and communicators
  std::int64_t free_bytes = 0;
  std::int64_t margin_bytes = 0;  // free - all of the above
  std::int64_t uncertainty_bytes = 0;
  bool operator==(const TrainingMemory&) const = default;
};

/// A rank of the pipeline: a tensor-parallel group per replica.
struct TrainingRank {
  std::vector<std::vector<int>> devices;  // [replica][tensor-parallel rank] -> index into the cluster's devices
  std::vector<int> stages;                // of the pipeline, ascending
  TrainingMemory memory;
  Verdict verdict = Verdict::fits;
  double busy_s = 0;              // compute of a step
  double peak_micro_batches = 0;  // (micro-batch, stage) pairs alive at once
  double gradient_sync_s = 0;     // of gradients over the replicas, alone on its links
  double exposed_sync_s = 0;      // of it, what lies after the rank's last backward
  bool operator==(const TrainingRank&) const = default;
};

/// Layers [first_layer, end_layer) and what they cost for one micro-batch.
struct TrainingStage {
  int rank = 0;
  int first_layer = 0;
  int end_layer = 0;
  double forward_s = 0;
  double backward_input_s = 0;
  double backward_weight_s = 0;
  double send_s = 0;                  // of its output to the next stage
  std::int64_t activation_bytes = 0;  // of a micro-batch, from its forward on
  bool operator==(const TrainingStage&) const = default;
};

struct TrainingPredicted {
  double step_s = 0;
  double tokens_per_s = 0;
  double pipeline_s = 0;  // of step_s: from the first forward to the last backward
  double exposed_sync_s = 0;
  double update_s = 0;
  double bubble_fraction = 0;       // 1 - busy / (ranks * pipeline_s): what a step with a global barrier sees
  double span_bubble_fraction = 0;  // 1 - largest work / largest span: without one
  double lower_bound_s = 0;         // no order of this partition is faster
  double model_flops_fraction = 0;  // of the cards' dense peak, recomputation not counted
  Range step_range_s;               // step_s and how wrong it may be
  bool operator==(const TrainingPredicted&) const = default;
};

struct TrainingPlan {
  ModelSpec model;
  ClusterSpec cluster;
  TrainingTask task;
  Parallel parallel;
  TrainingSettings settings;
  std::vector<int> partition;  // layers per position of a pipe, first to last
  std::vector<TrainingStage> stages;
  std::vector<TrainingRank> ranks;
  TrainingPredicted predicted;
  Verdict verdict = Verdict::fits;
  std::vector<std::string> warnings;
  Launch launch;  // of Megatron-LM where that runs such a schedule, else without a command
  Provenance provenance;
  std::vector<std::string> assumed;
  std::map<std::string, std::string> inputs;  // the flags as given
  double micro_batch_tokens() const { return 1.0 * settings.sequences * task.sequence_tokens; }
  bool operator==(const TrainingPlan&) const = default;
};

/// The rank with the smallest margin, the first among equals; needs one rank.
inline std::size_t fullest_rank(const TrainingPlan& plan) {
  const auto found =
      std::ranges::min_element(plan.ranks, {}, [](const TrainingRank& rank) { return rank.memory.margin_bytes; });
  return static_cast<std::size_t>(found - plan.ranks.begin());
}
/// Its margin: the room of the whole plan, negative where it does not fit.
inline std::int64_t smallest_margin_bytes(const TrainingPlan& plan) {
  return plan.ranks[fullest_rank(plan)].memory.margin_bytes;
}

}  // namespace ppplan::spec

// What every rank of a training step computes, in which order: the outcome of a rule (order_rules.h) or of a search,
// and what training_times.h evaluates and training_schedule.h turns into a Schedule with its communication.
//
// Stages are numbered over the whole model. A pipe is a chain of stages that a micro-batch passes forward and,
// reversed, backward: one for most schedules, two mirrored ones (with a copy of the weights each) for DualPipe.
#pragma once

#include <string>
#include <vector>

#include "traces/op_key.h"

namespace ppplan::schedule {

/// One compute op. `kind` is forward, backward_input, backward_weight, backward (both at once) or forward_backward: a
/// forward of (stage, micro_batch) overlapped with a backward of (with_stage, with_micro_batch), both done when it
/// ends.
struct Action {
  traces::OpKind kind = traces::OpKind::forward;
  int stage = 0;
  int micro_batch = 0;
  int with_stage = -1;
  int with_micro_batch = -1;
  bool operator==(const Action&) const = default;
};

struct TrainingOrder {
  int micro_batches = 0;
  std::vector<int> rank_of;                // [stage]
  std::vector<std::vector<int>> pipes;     // stages in forward order; every stage stands in one of them
  std::vector<int> pipe_of;                // [micro-batch]
  std::vector<std::vector<Action>> ranks;  // [rank]: actions in order
  bool operator==(const TrainingOrder&) const = default;
};

/// Where a micro-batch comes from and goes to.
struct Neighbours {
  int previous = -1;  // stage before it in its pipe; -1 for the first
  int next = -1;      // stage after it; -1 for the last
};
std::vector<Neighbours> neighbours(const TrainingOrder& order);

/// One sentence per fault, empty when sound: a rank, stage, pipe or micro-batch that is not there; a forward or
/// backward that is missing, doubled or on another rank than its stage's; a backward before its forward or a weight
/// gradient before its input gradient.
std::vector<std::string> order_faults(const TrainingOrder& order);

}  // namespace ppplan::schedule

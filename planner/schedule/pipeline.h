// Schedules of an inference pipeline from the times of its stages.
//
// forward_stream: M micro-batches of prefill run through the stages one after another.
// decode_rounds:  C cohorts are in flight; in each round a cohort passes all stages, and its next round enters the
// first
//                 stage only after its tokens came back from the last one (a TokenReturn with its latency).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/schedule/schedule.h"

namespace ppplan::schedule {

/// What one class of micro-batch costs on every stage. All vectors that are per boundary have stages - 1 entries.
struct MicroBatchCosts {
  std::vector<double> stage_s;
  std::vector<double> boundary_s;  // software latency of the transfer out of stage i
  std::vector<std::int64_t> boundary_bytes;
  double token_return_s = 0;
  double alone_fraction = 1;  // of every stage's compute, see schedule.h
  bool operator==(const MicroBatchCosts&) const = default;
};

/// `members[stage]` are the cluster devices of the stage's tensor-parallel group.
struct PipelineShape {
  std::vector<std::vector<int>> members;
  std::vector<std::string> names;  // of the schedule's devices; "stage 0", ... when empty
  int receive_buffers = 2;
  int busy_devices = 0;           // see schedule.h
  bool send_blocks_next = false;  // compute k+1 of a stage waits for send k of it (vLLM waits on its send handles)
};

/// `classes[class_of[k]]` are the costs of micro-batch k. Throws InputError when sizes disagree, there is no stage or
/// no micro-batch, or a cost is negative or not finite.
Schedule forward_stream(const PipelineShape& shape, const std::vector<MicroBatchCosts>& classes,
                        const std::vector<int>& class_of);

/// Micro-batch k of the result is round k / cohorts of cohort k % cohorts; costs[c] are the costs of cohort c.
/// A single stage has no TokenReturn transfer: its token_return_s is then part of nothing and must be 0.
Schedule decode_rounds(const PipelineShape& shape, const std::vector<MicroBatchCosts>& costs, int rounds);

}  // namespace ppplan::schedule

// A list scheduler: whenever a rank is free it takes, of what is there and fits its memory, the action that a rule
// prefers. Each rank keeps room for the chunks that its micro-batches still have to pass, so that no memory limit of
// at least one micro-batch can stop the pipeline for good.
#pragma once

#include <vector>

#include "planner/schedule/rank_clocks.h"

namespace ppplan::schedule {

/// What is preferred. The smallest key goes first: of micro-batch k on stage s, forward_key[s] + k period_s and
/// input_key[s] + k period_s. Weight gradients run when nothing else can.
struct ListRule {
  std::vector<double> forward_key, input_key;  // [stage], seconds
  double period_s = 0;
  /// Of its own duration, how much of a weight gradient must fit before what arrives next: 0 any, 1 all of it.
  std::vector<double> patience;  // [rank]
  /// A forward or input gradient waits for a preferred one that is known to arrive within this part of its duration.
  double hold = 0;
  bool whole_gradients = false;  // of input and weights at once
  bool operator==(const ListRule&) const = default;
};

/// Keys by when the first micro-batch gets there, drawn out to `stretch` times as long, and a period of the slowest
/// rank's work.
ListRule paced_rule(const TrainingOrder& layout, const TrainingCosts& costs, double stretch);
/// Input gradients before forwards, later stages before earlier ones.
ListRule gradients_first_rule(const TrainingOrder& layout, const TrainingCosts& costs);

/// Gives `clocks` (new) the whole step. The limits must hold one micro-batch (check_memory_limit).
void list_schedule(RankClocks& clocks, const ListRule& rule);

}  // namespace ppplan::schedule

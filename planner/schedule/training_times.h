// When each action of a training order starts and ends, and what it holds in memory. No link is shared here, and a
// transfer costs the devices nothing; the simulator takes both into account.
//
//   start = max(end of the rank's previous action, end of what it needs + send_s when that is on another rank)
//
// A forward needs the forward of the stage before, a backward (of the input, or whole) the backward of the stage after,
// or its own forward at the end of the pipe.
#pragma once

#include <vector>

#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

struct ActionTime {
  double start_s = 0;
  double end_s = 0;
  bool operator==(const ActionTime&) const = default;
};

struct TrainingTimes {
  std::vector<std::vector<ActionTime>> ranks;  // [rank][action]
  std::vector<std::vector<int>> settled;       // [rank][action]: a numbering of all actions in which each comes after
                                               // everything that it needs
  double makespan_s = 0;                       // end of the last action: what a step with a global barrier takes
  double span_s = 0;                           // largest end of last - start of first action over ranks: without one
  std::vector<double> busy_s;                  // [rank]
  std::vector<int> peak_micro_batches;   // [rank]: (micro-batch, stage) pairs alive at once, from forward to the end
                                         // of the (weight) gradient
  std::vector<double> peak_activations;  // [rank], in the unit of the costs
};

/// Linear in the number of actions. Throws InputError for an order with faults or one that can't complete, naming the
/// rank and the action that waits.
TrainingTimes training_times(const TrainingOrder& order, const TrainingCosts& costs);

}  // namespace ppplan::schedule

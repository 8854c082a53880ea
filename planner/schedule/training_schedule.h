// A training order with its communication, as a Schedule that simulator, executor and deadlock check interpret.
//
// Every output and gradient that another rank needs is sent right after the op that made it, on the lane of that pair
// of ranks and direction, and received in the same order: no rank waits for a receive before it may send. Transfers
// last send_s of training_costs.h and state no bytes.
#pragma once

#include "planner/schedule/schedule.h"
#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"
#include "planner/schedule/training_times.h"

namespace ppplan::schedule {

/// `receive_buffers` as in Schedule; 0 = unbounded. Device r is rank r. Throws InputError as training_times does.
Schedule training_schedule(const TrainingOrder& order, const TrainingCosts& costs, int receive_buffers = 0);
/// The same where the order's times are known.
Schedule training_schedule(const TrainingOrder& order, const TrainingCosts& costs, const TrainingTimes& times,
                           int receive_buffers);

}  // namespace ppplan::schedule

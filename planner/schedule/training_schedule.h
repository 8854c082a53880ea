// A training order with its communication, as a Schedule that simulator, executor and deadlock check interpret.
//
// Every output and gradient that another rank needs travels on the lane of that pair of ranks and direction, sent and
// received in one order; no rank waits for a receive before it may send. With unbounded receive buffers that order is
// the one in which they are made. With few it is the one in which the receiver uses them: what is made first but used
// last would hold the buffer that the receiver's next op waits for. Transfers last send_s of training_costs.h and state
// no bytes.
#pragma once

#include "planner/schedule/schedule.h"
#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"
#include "planner/schedule/training_times.h"

namespace ppplan::schedule {

/// `receive_buffers` as in Schedule; 0 = unbounded. Device r is rank r. Throws InputError as training_times does, and
/// for one buffer where an overlapped pair takes both its inputs from the same rank.
Schedule training_schedule(const TrainingOrder& order, const TrainingCosts& costs, int receive_buffers = 0);
/// The same where the order's times are known.
Schedule training_schedule(const TrainingOrder& order, const TrainingCosts& costs, const TrainingTimes& times,
                           int receive_buffers);

}  // namespace ppplan::schedule

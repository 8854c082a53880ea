// PyTorch schedules and ours, each from the other.
#pragma once

#include <string>

#include "planner/schedule/schedule.h"
#include "planner/schedule/torch_csv.h"
#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

/// What the rows compute, as an order over one pipe; transfers and sharding are left out. Throws InputError, named
/// after `source`, for forwards alone and for an order with faults.
TrainingOrder training_order(const TorchSchedule& schedule, const std::string& source);

/// The compute of a schedule's devices, a row each, in unit steps: an action stands in the first column in which its
/// rank is free and everything that it needs stands further left. Throws InputError, named after `source`, for more
/// than one pipe or replica, and for kinds that PyTorch has no action for; updates and collectives are left out, they
/// are no part of a PyTorch schedule.
TorchSchedule torch_schedule(const Schedule& schedule, const std::string& source);

/// The same rows without empty cells and with their transfers, placed as PyTorch's lowering does
/// (torch/distributed/pipelining/schedules.py, _add_send_recv, 2.7): rank by rank, round and round, each takes its next
/// action once its input was sent; its SEND follows it, and at that moment the RECV is appended to the receiving rank's
/// row. Transfers that the rows already had are placed anew. Throws InputError, named after `source`, when actions wait
/// for one another.
TorchSchedule with_transfers(const TorchSchedule& schedule, const std::string& source);

}  // namespace ppplan::schedule

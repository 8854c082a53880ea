// Whether a PyTorch schedule says each thing once, and everything that a step needs. In which order it says them is
// another question (order_faults of training_order.h, or verify).
#pragma once

#include <string>

#include "planner/schedule/torch_csv.h"

namespace ppplan::schedule {

/// Throws InputError, named after `source`, as torch_from_csv says.
void check_torch(const TorchSchedule& schedule, const std::string& source);

}  // namespace ppplan::schedule

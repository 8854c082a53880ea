// The claims of a schedule that PyTorch, or another tool, wrote as rows of actions: complete, in an order that can run,
// within memory, and with transfers that cannot wait for one another.
#pragma once

#include <optional>
#include <vector>

#include "planner/schedule/torch_csv.h"
#include "planner/verify/verify.h"

namespace ppplan::verify {

/// Most (stage, micro-batch) pairs that each rank holds at once, from a forward to the end of its last gradient. Of
/// forwards alone, all that it ran.
std::vector<int> torch_peaks(const schedule::TorchSchedule& schedule);

/// `memory_limit` bounds the peaks. Transfers are replayed where the rows name any: each rank's run one after another
/// in the order of its row, as on one NCCL communicator without groups; a computation waits for its RECV, a SEND for
/// its computation.
std::vector<Check> torch_claims(const schedule::TorchSchedule& schedule,
                                std::optional<int> memory_limit = std::nullopt);

}  // namespace ppplan::verify

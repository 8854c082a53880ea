// Times of messages between two cores as the executor's edge threads move them: from the end of the producing op to the
// start of the consuming one, both wake-ups included, while the sender goes on computing.
#pragma once

#include <cstdint>
#include <vector>

namespace ppplan::exec {

/// Seconds of each of `count` messages of `bytes` from the first core to the second; the first two are not counted.
std::vector<double> message_seconds(std::int64_t bytes, int count, int from_core, int to_core);

}  // namespace ppplan::exec

// One time for all ranks of a group.
#pragma once

#include <chrono>

#include "exec/group.h"

namespace ppplan::exec::groups {

/// What rank 0's steady clock reads more than this rank's. 0 on ranks that run under one kernel, which share the clock.
/// Elsewhere each rank in turn exchanges 16 messages with rank 0, and the quickest round trip tells: rank 0's clock in
/// its middle is taken for the moment when the other answered, wrong by at most half of it (Cristian 1989). All ranks
/// of the group call it.
std::chrono::nanoseconds ahead_of_own(Group& group);

/// A moment a little ahead, the same for all ranks of the group, on this rank's clock; waits until it has come.
std::chrono::steady_clock::time_point agreed_start(Group& group, std::chrono::nanoseconds ahead);

}  // namespace ppplan::exec::groups

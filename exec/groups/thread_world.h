// Ranks that are threads of one process: a message is one copy from the sender's buffer into the receiver's, made when
// both have come (rendezvous), so a program that only works thanks to buffering hangs here and ends at the deadline.
#pragma once

#include "exec/groups/world.h"

namespace ppplan::exec::groups {

/// The worlds of ranks 0 .. size - 1, one for each thread. A wait that lasts `deadline_s` ends the run. A rank has
/// ended when its world is destroyed; those that still need it get a GroupError.
std::vector<std::unique_ptr<World>> thread_worlds(int size, double deadline_s);

}  // namespace ppplan::exec::groups

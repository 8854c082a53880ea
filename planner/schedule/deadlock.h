// A static check that a schedule's order can finish at all under rendezvous sends.
#pragma once

#include <string>
#include <vector>

#include "planner/schedule/schedule.h"

namespace ppplan::schedule {

/// Structural faults: ids, lanes or partners that do not fit together, an op in no lane or in two, a transfer whose
/// ends name different peers, sends and receives of an edge in different orders, negative or non-finite times. One
/// sentence each; empty = sound.
std::vector<std::string> faults(const Schedule& schedule);

struct Progress {
  bool completes = false;
  std::vector<OpId> stuck;  // the heads of the lanes that can't move, one per lane
  std::string reason;       // one sentence that names them; "" when it completes
};

/// Interprets the lanes until nothing moves. Needs a schedule without faults.
Progress can_complete(const Schedule& schedule);

}  // namespace ppplan::schedule

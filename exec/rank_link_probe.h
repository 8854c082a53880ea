// Times of messages between two ranks as a run moves them: from the end of the producing op to the start of the
// consuming one, both wake-ups included, one message at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "exec/groups/world.h"
#include "traces/profile.h"

namespace ppplan::exec {

struct LinkCurveOptions {
  std::int64_t max_bytes = 1 << 24;  // messages of 1 KiB, 4 KiB, ... up to this
  double longest_s = 1;              // no size is begun that is likely to take longer
  int count = 15;                    // of each size
};

/// The link of a world of two ranks from 0 to 1, as samples "send_recv" of link "network"; on rank 1 the list is empty.
/// Both ranks call it. Throws GroupError.
std::vector<traces::LinkSample> link_curve(groups::World& world, const LinkCurveOptions& options);

}  // namespace ppplan::exec

// From what a real start-up reported to corrections of the estimate, which any plan of the same server can take.
//
// A part that was reported for a stage becomes measured - estimated of that part. What is known of the whole budget
// (KV bytes, or blocks and tokens, of a stage or of the fewest) becomes a correction of "kv" by what the parts leave
// unexplained:
//   kv = estimated KV bytes - corrections of the stage's parts - reported KV bytes
// Where only the minimum over stages is known, it is compared with the stage that the estimate calls the fullest, and
// the correction is for all stages. Blocks and tokens are whole: half a block is added to what they say at least.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/calibration.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

/// `estimated` must be assessed, with the flags of the observed server. Parts that say nothing new give none.
/// `source` is kept in each correction ("doctor: server.log").
std::vector<spec::Correction> calibrate(const spec::Plan& estimated, const std::vector<spec::Observation>& observations,
                                        const std::string& source);

}  // namespace ppplan::cost

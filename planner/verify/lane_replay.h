// Runs the lanes of a schedule without any clock: what can start ends at once, until nothing moves.
#pragma once

#include <vector>

#include "planner/verify/schedule_facts.h"

namespace ppplan::verify {

/// What an op waits for, as indices.
struct Wiring {
  std::vector<std::vector<std::size_t>> after;      // [op]
  std::vector<std::size_t> partner;                 // [op] `none` of compute
  std::vector<std::vector<std::size_t>> consumers;  // [op] ops that list it in `after`
};

/// Ops that never end, in document order; empty when the schedule completes. Sweeps over the lanes until a sweep
/// changes nothing.
std::vector<std::size_t> never_ending(const ScheduleFacts& schedule, const Wiring& wiring);

}  // namespace ppplan::verify

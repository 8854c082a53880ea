// A plan reduced to what the search keeps of it: thousands are compared, few become documents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/search/device_orders.h"
#include "planner/spec/plan.h"

namespace ppplan::search {

struct Candidate {
  spec::Parallel parallel;
  spec::MicroBatching micro_batching;
  std::vector<int> partition;
  DeviceOrder order;
  bool is_default = false;  // vLLM's own split
  spec::Predicted predicted;
  spec::Verdict verdict = spec::Verdict::fits;
  std::int64_t margin_bytes = 0;  // smallest over the stages
  bool outside = false;           // costs lie outside of what was measured: ranks behind all that lie inside
  bool within_limits = true;      // of time to first token and time per output token
  std::string reason;             // what is short or over a limit; "" when nothing is
};

/// What a plan's assessed memory, times and prediction say of it; `first` is vLLM's own split for its number of stages.
Candidate candidate_of(const spec::Plan& plan, const std::vector<int>& first);

inline int devices(const Candidate& candidate) {
  return candidate.parallel.tp * candidate.parallel.pp * candidate.parallel.dp;
}

}  // namespace ppplan::search

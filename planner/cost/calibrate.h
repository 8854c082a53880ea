// From what a real start-up reported to corrections of the estimate, which any plan of the same server can take.
//
// A part that was reported for a stage becomes measured - estimated of that part. What is known of the whole budget
// (KV bytes, or blocks and tokens, of a stage or of the fewest) becomes a correction of "kv" by what the parts leave
// unexplained:
//   kv = estimated KV bytes - corrections of the stage's parts - reported KV bytes
// Where only the minimum over stages is known, it is compared with the stage that the estimate calls the fullest, and
// the correction is for all stages. Blocks and tokens are whole: half a block is added to what they say at least.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::cost {

/// What a log says; of one stage each, or of whichever holds the fewest blocks when `stage` is not known.
struct Observed {
  std::optional<int> stage = std::nullopt;
  std::optional<std::int64_t> kv_bytes = std::nullopt;
  std::optional<std::int64_t> kv_blocks = std::nullopt;
  std::optional<std::int64_t> kv_tokens = std::nullopt;
  std::optional<std::int64_t> weights_bytes = std::nullopt;     // all of a rank: layers, ends, tower, draft
  std::optional<std::int64_t> activation_bytes = std::nullopt;  // peak of the profile run, sampler included
  std::optional<std::int64_t> non_torch_bytes = std::nullopt;
  std::optional<std::int64_t> cuda_graph_bytes = std::nullopt;
};
struct Observation {
  std::vector<Observed> stages;
  std::string source;  // "doctor: server.log"
};

/// `estimated` must be assessed, with the flags of the observed server. Parts that say nothing new give none.
std::vector<spec::Correction> calibrate(const spec::Plan& estimated, const Observation& observation);

}  // namespace ppplan::cost

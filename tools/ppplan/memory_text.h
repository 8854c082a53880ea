// Where the memory of a plan goes, for people: tables of at most 80 columns in GiB.
#pragma once

#include <string>

#include "planner/spec/plan.h"

namespace ppplan::tools {

/// "OOM: start-up ends at the KV cache of stage 7, 1.2 GiB short", "FITS: ...".
std::string verdict_text(const spec::Plan& plan);
/// One row per stage; columns that are zero on all stages are left out. The limiting stage is marked.
std::string memory_table(const spec::Plan& plan);
/// KV tokens, the stage that limits them, what others leave unused, the longest context that starts.
std::string capacity_text(const spec::Plan& plan);

}  // namespace ppplan::tools

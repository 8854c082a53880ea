// The claims of every kind of document, each read from the JSON itself and recomputed.
#pragma once

#include <vector>

#include "planner/input/document.h"
#include "planner/verify/verify.h"

namespace ppplan::verify {

using Checks = std::vector<Check>;

Checks plan_claims(const input::Node& plan);
/// A plan with fails_at, stage and short_bytes.
Checks check_claims(const input::Node& check);
Checks training_claims(const input::Node& plan);
/// Of serving or of training plans.
Checks search_claims(const input::Node& search);
Checks timeline_claims(const input::Node& timeline);
Checks schedule_claims(const input::Node& schedule);
Checks report_claims(const input::Node& report);
Checks run_claims(const input::Node& run);
Checks profile_claims(const input::Node& profile);
Checks cluster_claims(const input::Node& cluster);

}  // namespace ppplan::verify

// From a candidate's choices to a spec::Plan: stages with layer ranges, the ends they own, and devices by rank layout.
#pragma once

#include <vector>

#include "planner/search/candidate.h"
#include "planner/search/question.h"

namespace ppplan::search {

/// Replica r, stage s, rank t runs on device order[(r * pp + s) * tp + t] of the cluster. Costs are not filled in.
spec::Plan build_plan(const Question& question, const spec::Parallel& parallel, const spec::MicroBatching& setting,
                      const std::vector<int>& partition, const DeviceOrder& order);
/// The order that a plan was built with.
DeviceOrder order_of(const spec::Plan& plan);
/// Other layer ranges on the same devices; costs of before become void.
void set_partition(spec::Plan& plan, const std::vector<int>& partition);

}  // namespace ppplan::search

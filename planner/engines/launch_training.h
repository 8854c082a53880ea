// A training plan as flags of Megatron-LM, where it runs such a schedule.
// Source: Megatron-LM megatron/training/arguments.py.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/training_plan.h"

namespace ppplan::engines {

/// Megatron-LM's layout: E the embedding, t a decoder layer, L the loss, | between stages ("Et*3|t*4|t*3L").
std::string megatron_layout(const std::vector<int>& partition);
/// 1F1B, and interleaved with groups of its default size.
bool megatron_runs(const spec::TrainingSettings& settings);
/// Without a command where Megatron-LM has no such schedule.
spec::Launch megatron_launch(const spec::TrainingPlan& plan);

}  // namespace ppplan::engines

// A training plan as flags of Megatron-LM, where it runs such a schedule.
// Source: Megatron-LM megatron/training/arguments.py.
#pragma once

#include <string>

#include "planner/spec/training_plan.h"

namespace ppplan::engines {

/// 1F1B, and interleaved with groups of its default size.
bool megatron_runs(const spec::TrainingSettings& settings);
/// Without a command where Megatron-LM has no such schedule.
spec::Launch megatron_launch(const spec::TrainingPlan& plan);

}  // namespace ppplan::engines

// Training plans as documents: `ppplan/training-plan/1`, which holds all of its inputs as plan documents do.
#pragma once

#include "planner/input/document.h"
#include "planner/spec/training_plan.h"

namespace ppplan::spec {

input::Json to_json(const TrainingPlan& plan);

}  // namespace ppplan::spec

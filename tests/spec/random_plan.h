// Plans for property tests: any shape a plan can have, with figures that mean nothing.
#pragma once

#include <random>

#include "planner/spec/plan.h"

namespace ppplan::spec {

ModelSpec random_model(std::mt19937& random);
/// Consistent in all that a reader checks: sizes, ranges, devices used once.
Plan random_plan(std::mt19937& random);

}  // namespace ppplan::spec

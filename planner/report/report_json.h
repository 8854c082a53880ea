// Reports as documents.
#pragma once

#include "planner/input/document.h"
#include "planner/report/bubble_report.h"
#include "planner/report/comparison.h"

namespace ppplan::report {

/// `ppplan/report/1`, without `inputs`, which the command adds.
input::Json to_json(const BubbleReport& report);

/// The members `predicted`, `measured`, `stages` and `error_fraction` of `ppplan/run/1`. A stage has both sides:
/// {name, predicted{busy_s, idle_s}, measured{busy_s, idle_s}, error_fraction}.
input::Json to_json(const Comparison& comparison);

}  // namespace ppplan::report

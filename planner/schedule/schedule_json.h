// Schedules as documents: `ppplan/schedule/1`.
#pragma once

#include "planner/input/document.h"
#include "planner/schedule/schedule.h"

namespace ppplan::schedule {

input::Json to_json(const Schedule& schedule);
/// Throws InputError for missing fields, unknown kinds, ids that repeat or are not there, and every fault of
/// deadlock.h.
Schedule schedule_from_json(const input::Node& node);

}  // namespace ppplan::schedule

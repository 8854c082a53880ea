// Fits as parts of a profile document.
#pragma once

#include "planner/input/document.h"
#include "traces/profile_fit.h"

namespace ppplan::traces {

input::Json to_json(const Fit& fit);
/// Throws InputError: missing fields, rates that are not positive, features or trees that this version can't evaluate.
Fit fit_from_json(const input::Node& node);

}  // namespace ppplan::traces

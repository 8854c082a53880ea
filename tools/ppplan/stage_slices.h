// Which slice of a GPU each stage of a plan runs on. Slices are devices of their own: `profile --slice 32` on an h200
// measures an "h200-32sm".
#pragma once

#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::tools {

/// "h200" and 32 -> "h200-32sm".
std::string slice_name(const std::string& device, int processors);

/// [stage]: multiprocessors. `asked` is "" (none), "auto" (those that the devices' names tell) or "32,64". Throws
/// InputError for anything else, for auto where a device is no slice, and where a device is a slice of another size.
std::vector<int> stage_slices(const spec::Plan& plan, const std::string& asked);

}  // namespace ppplan::tools

// A profile for people: what was measured, on what, under which engine, and how wrong its fits are.
#pragma once

#include <string>

#include "traces/profile.h"

namespace ppplan::tools {

/// At most 80 columns.
std::string profile_text(const traces::Profile& profile);

}  // namespace ppplan::tools

// Profiles as documents: `ppplan/profile/1`.
#pragma once

#include <string>
#include <vector>

#include "planner/input/document.h"
#include "traces/profile.h"

namespace ppplan::traces {

input::Json to_json(const Operation& operation);
input::Json to_json(const LinkSample& sample);
input::Json to_json(const Profile& profile);
/// Throws InputError, as all of these: missing fields, times that are negative, not finite or zero, counts below 1.
Profile profile_from_json(const input::Node& node);
LinkSample link_from_json(const input::Node& node);

/// The document as it is written to a file: one line for each operation, message, fit, error and source, and of
/// whatever else was added to it as a list.
std::string to_text(const input::Json& document);
std::string to_text(const Profile& profile);

/// Names ("h100-sxm.vllm", ...) of the profiles embedded in the binary, and one of them.
std::vector<std::string> shipped_profile_names();
Profile shipped_profile(const std::string& name);

}  // namespace ppplan::traces

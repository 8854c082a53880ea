// Constants of vLLM's memory account by version, read from the catalog without the planner's reader.
#pragma once

#include <string>
#include <vector>

namespace ppplan::verify {

/// "0.8.5.post1" -> {0, 8, 5}; what follows three numbers does not matter.
std::vector<int> version_numbers(const std::string& text);
/// The value of `name` for a version such as "0.26"; "" = the newest. Rows of engine V1 do not hold for V0. Throws
/// InputError when there is none.
double memory_constant(const std::string& name, const std::string& version, bool v0 = false);
/// True when a rule of `since` holds for `version`; "" = the newest, for which all do.
bool is_until(const std::string& since, const std::string& version);

}  // namespace ppplan::verify

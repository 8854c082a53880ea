// What a measurement's readers want to know about the machine it was taken on.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ppplan::exec {

/// "cpu", "cores", "instructions", "load" (of the last minute), "date" (UTC), "compiler", and "governor" where the
/// kernel tells it.
std::map<std::string, std::string> machine_facts(const std::vector<int>& cores);

}  // namespace ppplan::exec

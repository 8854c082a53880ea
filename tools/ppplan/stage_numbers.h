// Flags that take one number for every stage (or rank), or one of each.
#pragma once

#include <string>
#include <vector>

namespace ppplan::tools {

/// Numbers separated by commas, one of each stage (or other `what`); one alone stands for all. Throws InputError, named
/// after `flag`.
std::vector<double> stage_numbers(const std::string& text, const std::string& flag, std::size_t stages,
                                  const char* what = "stages");

/// The same for costs: InputError for one that is negative or not finite, naming its place.
std::vector<double> stage_costs(const std::string& text, const std::string& flag, std::size_t stages);

}  // namespace ppplan::tools

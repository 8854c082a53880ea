// Flags that take one number for every stage (or rank), or one of each.
#pragma once

#include <string>
#include <vector>

namespace ppplan::tools {

/// Numbers separated by commas, one of each stage (or other `what`); one alone stands for all. Throws InputError, named
/// after `flag`.
std::vector<double> stage_numbers(const std::string& text, const std::string& flag, std::size_t stages,
                                  const char* what = "stages");

}  // namespace ppplan::tools

// The two forms of nvidia-smi's output, for read_nvidia_smi alone.
#pragma once

#include "planner/spec/nvidia_smi.h"
#include "planner/spec/text_lines.h"

namespace ppplan::spec {

/// "00000000:01:00.0" or, of old drivers, "0000:01:00.0".
bool is_bus_id(std::string_view text);
/// True when a line is of the table.
bool looks_like_table(const std::vector<TextLine>& lines);
/// Cards as they come, unchecked.
std::vector<SmiCard> read_table(const std::vector<TextLine>& lines);
/// Cards as they come, unchecked but for what a column may hold. Throws InputError.
std::vector<SmiCard> read_csv(const std::vector<TextLine>& lines, const std::string& source);

}  // namespace ppplan::spec

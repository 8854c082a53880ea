// Flags that were not typed but told: by a pasted `vllm serve` line or by a server's log.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "planner/engines/serve_line.h"
#include "tools/ppplan/inputs.h"

namespace ppplan::tools {

using ToldFlags = std::map<std::string, std::string>;  // {"--tp", "4"}; "" for a flag without value

/// Takes `told` as if typed, where `command` was given no such flag; flags that are none of ours are left out. Throws
/// InputError as the flags themselves do.
void prefill(const CLI::App& command, const ToldFlags& told, InputFlags& into);

/// A server's line in ppplan's own flags, for vLLM `version`; "" = that of the line's image, else the newest.
ToldFlags told_by(const engines::ServeLine& line, const std::string& version);

/// Its --dtype, of what is computed: "auto", "half", "bfloat16", ...
std::string server_dtype(const engines::ServeLine& line);

}  // namespace ppplan::tools

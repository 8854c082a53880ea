// ppplan profile import, and how both kinds of profile are handed over.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/ppplan/context.h"
#include "traces/profile.h"

namespace ppplan::tools {

/// Adds `import` below `profile`: measured tables of others into a profile.
void add_profile_import(CLI::App& profile, Context& context);

/// Writes the profile to `out` unless that is empty, and prints it.
void deliver_profile(const Context& context, const traces::Profile& profile, const std::string& out);

}  // namespace ppplan::tools

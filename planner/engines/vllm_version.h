// vLLM's release numbers, and the row of the rules table that a release follows.
#pragma once

#include <compare>
#include <string>

#include "planner/input/document.h"

namespace ppplan::engines {

struct VllmVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const VllmVersion&) const = default;
};

/// "0.26", "v0.8.5.post1", "0.14.0rc2" (as 0.14.0); throws InputError for anything else.
VllmVersion vllm_version(const std::string& text);
/// The row of `version`; throws InputError when it is older than the table.
input::Node vllm_row(const std::string& version);

}  // namespace ppplan::engines

// vLLM's release numbers, and the rule of the table that a release follows.
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
/// The last row that is not newer than `version`; throws InputError when `version` is older than the table. A row
/// states only what changed with it.
input::Node vllm_row(const std::string& version);
/// What the rows up to `version` say last about `key`. Throws like vllm_row, or when no row says it.
input::Node vllm_rule(const std::string& version, const std::string& key);

}  // namespace ppplan::engines

// Whether vLLM's model runner V2 serves a model, from the catalog's table of releases without the planner's reader.
#pragma once

#include <string>

#include "planner/input/document.h"

namespace ppplan::verify {

/// `model` as a plan document states it; version "" = the newest whose source the table knows. A release follows the
/// last row that lists V2's models; quantized models are served since the row that says so.
bool runs_on_v2(const input::Node& model, const std::string& version);
/// True when engine V0 serves a pipeline of `stages` on cards of that compute capability (in tenths, 0 = not known),
/// by itself or where it is asked for.
bool runs_on_v0(const std::string& version, std::int64_t stages, std::int64_t capability, bool asked);

}  // namespace ppplan::verify

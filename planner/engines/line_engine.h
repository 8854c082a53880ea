// Which engine a server's line makes vLLM take where a version has both: by a variable, by the executor, or because
// engine V1 lacks what another flag asks for. Data with the source of each word in planner/catalog/data/vllm.json
// ("v0_words").
#pragma once

#include <string>

#include "planner/engines/serve_line.h"

namespace ppplan::engines {

/// "V0" or "V1" where the line decides it, "" where vLLM's own choice for model and cards stays. Version "" = the
/// newest. Throws InputError for a version that is none.
std::string engine_of_line(const ServeLine& line, const std::string& vllm_version);

}  // namespace ppplan::engines

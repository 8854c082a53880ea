// An OpKey as the members `kind, stage, chunk, micro_batch, replica` of a JSON object: spans and planned operations
// both carry them.
#pragma once

#include "planner/input/document.h"
#include "traces/op_key.h"

namespace ppplan::traces {

/// Adds the five members to `object`.
void write_key(input::Json& object, const OpKey& key);
/// Reads them; chunk and replica may be missing (0). Throws InputError for unknown kinds and negative numbers.
OpKey read_key(const input::Node& node);

}  // namespace ppplan::traces

// Whether this machine's memory holds what a run allocates.
#pragma once

#include <cstdint>
#include <string>

namespace ppplan::exec {

/// Throws InputError, naming the model and `what` of it needs `bytes`, when that is more than the machine has.
void require_memory(const std::string& model, const std::string& what, std::int64_t bytes);

}  // namespace ppplan::exec

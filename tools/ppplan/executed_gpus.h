// Runs a plan's schedule on this machine's GPUs and holds it against the prediction.
#pragma once

#include <string>

#include "tools/ppplan/executed.h"

namespace ppplan::tools {

/// Throws Unavailable, with "no CUDA device", where there is none.
void check_has_gpu();

/// All stages in this process; transport "local" or "nccl". Throws Unavailable without a device or a library that the
/// GPUs need, for tensor-parallel groups, and what exec::execute_on_gpus throws: StagesTooLarge among it.
Execution execute_on_gpus(const spec::Plan& plan, cost::Phase phase, int count, int repeats,
                          const std::string& transport, const Step& step);

}  // namespace ppplan::tools

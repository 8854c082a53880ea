// The outputs of a run over ranks, brought to where they are compared.
#pragma once

#include <vector>

#include "exec/group.h"
#include "exec/pipeline_run.h"

namespace ppplan::exec {

/// Rank 0 gets what rank `last` of the group holds as `own`, whose sizes follow from the run; elsewhere `own` comes
/// back. All ranks call it. Throws GroupError.
std::vector<Logits> outputs_at_first(Group& everyone, const PipelineRun& run, std::vector<Logits> own, int last);

}  // namespace ppplan::exec

// Runs a plan's schedule as one rank of a job, a GPU each with messages by NCCL, and on rank 0 holds it against the
// prediction.
#pragma once

#include <optional>

#include "tools/ppplan/executed_ranks.h"

namespace ppplan::tools {

/// Ranks that a replica of the plan takes on GPUs: one for each tensor-parallel rank of each stage. A job has them for
/// one replica or for more.
int gpu_rank_count(const spec::Plan& plan);

/// Nothing on other ranks than 0. Throws Unavailable without a GPU or a library, and for a GPU that is not what the
/// plan has there; InputError, StagesTooLarge, GroupError for what others did.
std::optional<Execution> execute_on_gpu_ranks(const spec::Plan& plan, cost::Phase phase, int count,
                                              const RankSettings& settings, const Step& step);

}  // namespace ppplan::tools

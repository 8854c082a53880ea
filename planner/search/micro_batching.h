// How full the pipeline may be kept: settings of max_num_batched_tokens and max_num_seqs worth trying.
//
// max_num_batched_tokens: 512, 1024, ..., 16384, up to the first that takes all prompts of a replica at once.
// max_num_seqs counts the sequences of all batches in flight together: what the replica's share of the requests needs,
// as a multiple of the stages so that decode cohorts are equal, then halves of it down to one sequence per stage; under
// the goals ttft and tpot down to 256.
// Pinned values replace the list. Batches in flight follow vLLM's rules; CPU cores run ppplan's own executor, which
// keeps one batch per stage and does not wait for its sends.
#pragma once

#include <vector>

#include "planner/search/question.h"

namespace ppplan::search {

/// The fields that follow from the pipeline alone.
spec::MicroBatching pipeline_depth(const Question& question, const spec::Parallel& parallel);
/// All settings, the fullest first. With `few`, only the most sequences and a small and a large batch.
std::vector<spec::MicroBatching> settings(const Question& question, const spec::Parallel& parallel, bool few);

}  // namespace ppplan::search

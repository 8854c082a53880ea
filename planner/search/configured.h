// One configuration exactly as asked: nothing is searched, what is not stated takes the engine's own default.
#pragma once

#include <optional>

#include "planner/search/search.h"

namespace ppplan::search {

/// What vLLM would start with: tp, pp and dp of 1, the version's split, max_num_batched_tokens and max_num_seqs of its
/// defaults for the first card, the model's longest context. `simulate` may be empty: the closed form answers then.
/// The plan carries verdict, failure, warnings and, when it has stages to move layers between, neighbours.
/// Throws InputError for values that contradict the model or the cluster.
spec::Plan configured_plan(const Request& request, cost::CostBook& book, const Evaluator& simulate);

/// The question that a plan answers, with nothing of the answer pinned but its limits on lengths and batches.
Request request_of(const spec::Plan& plan);
/// What the other factorizations do, in closed form: the best of them that beats `plan` first.
std::vector<Alternative> alternatives_to(const spec::Plan& plan, cost::CostBook& book);

/// For a configuration that does not fit: the plan with the same tp, pp and dp, and what else the request pins apart
/// from the partition, that does; nothing when none does.
std::optional<spec::Plan> mended_plan(const Request& request, cost::CostBook& book, const Evaluator& simulate);

}  // namespace ppplan::search

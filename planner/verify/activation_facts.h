// What the profile run of a stage takes beyond its weights, recomputed from the document: activations of its widest
// layer, hidden states, workspaces, and the sampler of the last stage.
//
//   forward = (copies + [tp > 1]) * hidden + widest layer + [not the first stage] * boundary * hidden + library
//   hidden  = tokens * h elements; a layer needs its projections or its feed-forward, whichever is wider
//   sampler = what one run of it needs beyond the forward's peak, less the library, + what it keeps from the start
// Constants by version stand in the catalog's memory.json, each with its source.
#pragma once

#include "planner/input/document.h"
#include "planner/verify/plan_facts.h"

namespace ppplan::verify {

struct ActivationFacts {
  double forward_bytes = 0;
  double sampler_bytes = 0;  // of the last stage, else 0
  double compile_bytes = 0;  // counted of what compiling takes beyond both
};

/// `run` is an entry of the model's `layers`.
WidthFacts width_facts(const input::Node& run, const PlanFacts& plan, double hidden);
/// What the card's context and other processes hold of the budget, which engines of some versions count with their own;
/// 0 else, and on the host.
double held_by_others(const PlanFacts& plan, const StageFacts& stage);
/// Without the tower's share, and without what a tensor-parallel group's link asks for.
ActivationFacts activation_facts(const PlanFacts& plan, const StageFacts& stage);

}  // namespace ppplan::verify

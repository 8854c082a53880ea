// The claims of a plan document by subject. All but the first need PlanFacts::sound().
#pragma once

#include "planner/verify/claims.h"
#include "planner/verify/plan_facts.h"

namespace ppplan::verify {

/// Partition, layer ranges, devices: the plan covers every layer once and uses every device at most once.
void add_layout_claims(const PlanFacts& plan, Checks& checks);
/// The byte account of every stage, KV tokens, margins and verdicts.
void add_memory_claims(const PlanFacts& plan, const input::Node& predicted, Checks& checks);
/// Activations and sampler, and what must hold for the parts whatever their formulas: CUDA graphs, outside,
/// uncertainty.
void add_given_claims(const PlanFacts& plan, Checks& checks);
/// Stage times are sums over layers; batches match the workload and the limits.
void add_time_claims(const PlanFacts& plan, const input::Node& predicted, Checks& checks);
/// Rates, TTFT, TPOT, bubble and bound lie between what the stated costs allow; intervals hold their values.
void add_predicted_claims(const PlanFacts& plan, const input::Node& predicted, Checks& checks);
/// The line to paste says what the plan says.
void add_launch_claims(const PlanFacts& plan, const input::Node& launch, Checks& checks);
/// Neighbours are one layer away, and hold as many KV tokens as that layer's bytes leave.
void add_neighbour_claims(const PlanFacts& plan, const input::Node& neighbours, Checks& checks);

/// "stage 3".
std::string stage_name(std::size_t stage);
/// Seconds of a stage for one batch: its layers, and the embedding on the first and the head on the last stage.
double stage_seconds(const PlanFacts& plan, const BatchFacts& batch, std::size_t stage);
/// Cohorts of sequences that take turns in a decode loop.
std::int64_t decode_cohorts(const PlanFacts& plan);

}  // namespace ppplan::verify

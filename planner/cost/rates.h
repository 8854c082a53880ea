// From how fast batches move through a pipeline to what a user sees, one set of formulas for every predictor.
//
//   decode round     all cohorts pass all stages once; each running sequence gets one token
//   tpot             round_s
//   prompt           prompt_s: time of the pipeline that one prompt costs in steady state (cycles of its chunks, shared
//   by the
//                    prompts of a batch)
//   output tokens/s  dp * O / (prompt_s + O * round_s / running), O = output tokens: prefill and decode take turns
//   total tokens/s   that * (I + O) / O
//   ttft             of one prompt in an otherwise idle pipeline, from its start to its first token; no queueing
#pragma once

#include "planner/spec/plan.h"

namespace ppplan::cost {

/// What a predictor finds out about one replica.
struct Rates {
  double prompt_s = 0;
  double ttft_s = 0;
  double round_s = 0;          // 0 when nothing is decoded
  double bubble_fraction = 0;  // of the decode loop; of the prefill stream when nothing is decoded
  double lower_bound_s = 0;    // of the makespan that bubble_fraction belongs to
};

/// Fills Predicted, intervals included; kv_tokens and limiting_stage are kept from plan.predicted.
spec::Predicted predicted_from(const spec::Plan& plan, const Rates& rates, const std::string& simulated_by);

/// The same figures in closed form: steady cycle = slowest stage plus what of its transfer blocks it.
Rates analytic_rates(const spec::Plan& plan);

/// Seconds of each boundary's transfer when alone on its links.
std::vector<double> boundary_seconds(const spec::Plan& plan, const spec::BatchTimes& times);

/// Index into plan.times of the decode step, or -1.
int decode_index(const spec::Plan& plan);

}  // namespace ppplan::cost

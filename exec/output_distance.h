// How far the outputs of two runs of a model in bf16 may be apart that differ in nothing but how they round: other
// algorithms of a product, or tensor parallelism, where each rank rounds its part before the sum.
//
// Symbols: u = 2^-8, the largest relative error of one rounding to bf16, in the mean of squares at most u / sqrt(3); R
// tensor-parallel ranks; b blocks of a layer that add to the residual stream (attention, feed-forward, shared experts).
// Between the two runs lie, of each block, the roundings of R parts, of their R - 1 sums, and of the one sum of the
// other run: 2 R. Once inputs differ, what lies between them rounds independently in both runs: two times normed, qkv,
// rotated, attended, normed, gated, activated and the output of experts, 16 a layer; of latent attention besides the
// latent of queries, its norm, absorbed queries and the projected values, 24; and two times the last norm and the
// logits, 4. Independent errors add in squares, so that a logit is apart from the other run's by
//
//     u sqrt(n / 3),  n = sum over layers of (2 R b + 16 or 24) + 4
//
// of the logits' own size in the mean of squares; the largest of many differences is to the largest of as many logits
// as the two means are.
#pragma once

#include <vector>

#include "exec/pipeline_run.h"
#include "planner/spec/model_spec.h"

namespace ppplan::exec {

/// The formula above, a fraction of the largest logit.
double rounding_tolerance(const spec::ModelSpec& model, int tensor_ranks);

/// Of every sequence of every micro-batch that samples, in this order: the largest difference of its logits, as a
/// fraction of the largest that was expected of all; infinite where one is not finite or a size differs. Two runs may
/// sample different tokens where logits all but tie; what goes on from another token than expected answers another
/// question and is left out.
std::vector<double> row_distances(const PipelineRun& run, const std::vector<Logits>& outputs,
                                  const std::vector<Logits>& expected);

/// Whether some layer leaves experts out: two that all but tie for a token's last place are then taken for each other.
bool is_routed(const spec::ModelSpec& model);

/// Whether distances, of which there are some, are roundings: all of them within the tolerance; of a routed model at
/// least half, since no rounding bounds what another expert says.
bool outputs_agree(const spec::ModelSpec& model, int tensor_ranks, const std::vector<double>& distances);

}  // namespace ppplan::exec

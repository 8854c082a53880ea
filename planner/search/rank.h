// Order of candidates by the workload's goal.
//
//   score   throughput: output tokens/s; ttft and tpot: 1 / seconds; max-context: KV tokens. Larger is better.
//   class   plans with room for one request within the limits of time, costed inside of what was measured; then those
//           costed outside of it; then those over a limit; then those whose estimate is short of memory by less than
//           its uncertainty (under max-context these count like the first, so that more memory never ranks fewer tokens
//           higher)
//   ties    Candidates of a class within 1 % of its best one left (under max-context: equal ones) are 'no difference',
//           ordered by: FITS before TIGHT, fewer devices, evener partition, vLLM's default split, then time to first
//           token (goal throughput) or throughput (other goals), then score.
// Why 1 %: two candidates of one search share their costs, so errors of the costs cancel in the comparison, and the
// intervals of single figures (tens of percent) say nothing about it; what is left is the error of the closed form.
// The order is total: the same candidates in any order give the same result.
#pragma once

#include <vector>

#include "planner/search/candidate.h"

namespace ppplan::search {

inline constexpr double no_difference = 0.01;

double score(const spec::Workload& workload, const spec::Predicted& predicted);
/// Largest minus smallest number of layers of a stage.
int unevenness(const Candidate& candidate);
/// Best first.
void rank(std::vector<Candidate>& candidates, const spec::Workload& workload);
/// True when the two are no difference under the goal.
bool indistinguishable(const spec::Workload& workload, const spec::Predicted& a, const spec::Predicted& b);

}  // namespace ppplan::search

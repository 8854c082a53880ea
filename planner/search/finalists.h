// From the ranked candidates to finished plans: which go to the simulator, what it says, and the order after that.
#pragma once

#include <vector>

#include "planner/search/candidate.h"
#include "planner/search/question.h"

namespace ppplan::search {

/// So many are looked at even when fewer are asked for: the best plan must not depend on how many are shown.
inline constexpr int least_top = 5;
/// The best ones with distinct (tp, pp, dp, partition), 2 * top of them, and as many with distinct (tp, pp, dp,
/// micro-batching): which batch is best for a partition is what the closed form tells worst. When the best has pp = 1,
/// the best with pp > 1 is among them.
std::vector<Candidate> finalists(const std::vector<Candidate>& ranked, int top);
/// The best one's micro-batching with the cuts of the others, and its cut with their micro-batchings, as far as these
/// have its (tp, pp, dp) and are not among `tried`.
std::vector<Candidate> crossed(const std::vector<Candidate>& tried, const Candidate& best);
/// A complete plan with its closed-form prediction.
spec::Plan finished_plan(const Question& question, const Candidate& candidate);
/// The line to paste, and what people should know before they paste it.
void add_launch(spec::Plan& plan);
/// Replaces predictions by the evaluator's, one batch; KV tokens and limiting stage stay what memory says.
/// Throws std::logic_error when the evaluator answers for another number of plans.
void simulate_all(std::vector<spec::Plan>& plans, const Evaluator& simulate, Counts& counts);
/// The finalists and what crosses the best of them, over again until the best stays, as the evaluator ranks them.
std::vector<spec::Plan> simulated_finalists(const Question& question, const std::vector<Candidate>& ranked,
                                            const Evaluator& simulate, Counts& counts);
/// Best first by the predictions they carry; of those that differ in their micro-batching alone only the best is left.
std::vector<spec::Plan> ranked_plans(const Question& question, std::vector<spec::Plan> plans);

}  // namespace ppplan::search

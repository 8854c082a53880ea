// What one layer either way does to a plan, over every boundary of the stage whose memory limits it and of its slowest
// one.
#pragma once

#include <vector>

#include "planner/search/question.h"

namespace ppplan::search {

/// Fills plan.neighbours, predictions by the same evaluator that predicted the plan (closed form when it is empty).
/// Cuts that vLLM can't run are left out, what does not fit has no throughput. Returns what fits, without launch line.
std::vector<spec::Plan> add_neighbours(const Question& question, spec::Plan& plan, const Evaluator& simulate,
                                       Counts& counts);
/// The best plan moves by single layers until none gains more than no difference: the evaluator sees what the closed
/// form that chose the plan does not. `ranked` is best first, before and after; its first has neighbours. A pinned
/// partition stays.
void climb(const Question& question, std::vector<spec::Plan>& ranked, const Evaluator& simulate, Counts& counts);

}  // namespace ppplan::search

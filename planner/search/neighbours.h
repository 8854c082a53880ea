// What one layer either way does to a plan, over every boundary of the stage whose memory limits it and of its slowest
// one.
#pragma once

#include "planner/search/question.h"

namespace ppplan::search {

/// Fills plan.neighbours, predictions by the same evaluator that predicted the plan (closed form when it is empty).
/// A neighbour that does not fit has no throughput.
void add_neighbours(const Question& question, spec::Plan& plan, const Evaluator& simulate, Counts& counts);

}  // namespace ppplan::search

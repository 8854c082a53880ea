// Right documents of every kind, small ones, as the product writes them.
#pragma once

#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::tests {

/// Plans for 4 equal cards and 12 layers: a pipeline of 4, one of 2 with tensor parallelism, two replicas of a
/// pipeline, and one that is short of memory.
std::vector<input::Json> plan_documents();
input::Json search_document();
input::Json timeline_document();
/// Two stages, three micro-batches, a decode loop.
input::Json schedule_document();
input::Json report_document();
/// Three repeats; PASS at a tolerance of 0.1.
input::Json run_document();
input::Json profile_document();
input::Json cluster_document();
/// One of each kind.
std::vector<input::Json> all_documents();

}  // namespace ppplan::tests

// Recomputes the claims of a document from what the document itself states, sharing no code with cost, search or report.
#pragma once

#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::verify {

struct Check {
  std::string claim;  // "partition sums to the model's layers"
  bool holds = false;
  std::string detail;  // stated and recomputed figures
};

/// All checks of a document of ours (kinds plan, search, timeline, schedule, report, run, profile, cluster). Throws InputError
/// for a kind it does not know or a document it can't read.
std::vector<Check> verify(const input::Document& document);

}  // namespace ppplan::verify

// Recomputes the claims of a document from what the document itself states, sharing no code with cost, search or
// report.
//
// Figures that follow from others in the document are recomputed exactly (sums, minima, byte accounts, fractions).
// Figures of a simulation (rates, TTFT, TPOT, bubble of a plan) are held between bounds that hold for every simulation
// of the stated costs. Estimates that are inputs to the rest (activation, sampler and CUDA-graph bytes, memory
// outside the budget, uncertainty) are taken as stated: they are checked through the sums they enter, and for what must
// hold whatever their formulas (plan_given.cpp).
#pragma once

#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::verify {

struct Check {
  std::string claim;  // "partition sums to the model's layers"
  bool holds = false;
  std::string detail;  // stated and recomputed figures; of a claim made in several places, the first that is false
  bool operator==(const Check&) const = default;
};

/// All checks of a document of ours (kinds plan, check, search, timeline, schedule, report, run, profile, cluster).
/// Throws InputError for a kind it does not know or a document it can't read.
std::vector<Check> verify(const input::Document& document);

}  // namespace ppplan::verify

// The best training order found for given costs and memory limits: every named order that the sizes allow, every
// searched one, list schedules (list_scheduler.h) on each layout with rules that are varied at random, and a local
// search (order_improvement.h) from the best of them. Never longer than any order that it tried; what it left out it
// says.
//
// A layout gives each rank up to `chunks` stages. The costs are those of ranks x chunks stages, in the order in which
// a micro-batch passes them; with fewer chunks v a stage is chunks / v neighbours together, and where v does not
// divide chunks, that part of the whole if all stages cost the same (else v is left out).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/schedule/searched_order.h"

namespace ppplan::schedule {

struct AutoRequest {
  int ranks = 1;
  int micro_batches = 1;
  int chunks = 1;                    // most stages a rank
  TrainingCosts costs;               // of ranks x chunks stages
  std::vector<double> memory_limit;  // [rank]; empty = none
  Objective objective = Objective::barrier;
  double time_limit_s = 10;  // of the search; the result is the same for any limit that does not end it
  std::uint64_t seed = 1;
  bool mirrored = true;        // two mirrored pipes, with the weights twice, may be tried
  bool only_divisors = false;  // no stages a rank but those that divide `chunks`
};

struct AutoOrder {
  TrainingOrder order;
  TrainingCosts costs;  // of the order's stages
  std::string winner;
  double bound_s = 0;         // of the objective, over all layouts tried: no order of them is shorter
  double layout_bound_s = 0;  // over orders of the winner's layout
  double gap = 0;             // how much longer than the bound the order is, as a fraction of the bound
  std::vector<Candidate> tried;
  std::vector<std::string> not_tried;  // one sentence each
};

/// Throws InputError for sizes below 1, costs that check_costs refuses, a limit that one micro-batch exceeds with all
/// chunks, a time limit that is negative or not a number.
AutoOrder auto_order(const AutoRequest& request);

/// The costs of `fewer` chunks a rank from those of `chunks`; nothing where stages would have to be cut unevenly.
std::optional<TrainingCosts> regrouped(const TrainingCosts& costs, int ranks, int chunks, int fewer);

}  // namespace ppplan::schedule

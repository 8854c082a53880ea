// Training orders that no fixed rule gives: they are made by simulation from the costs of every stage under a limit of
// activation memory on every rank.
//
// zb-auto  one stage a rank. Warm-up forwards as memory and idle time before the first input gradient allow, then a
//          forward and an input gradient a micro-batch, weight gradients where the rank would wait or memory is full.
//          Eight variants. Qi et al., Zero Bubble Pipeline Parallelism; sail-sg scheduler/zb.py, read for its rules.
// zb-v     two stages a rank in the shape of a V, the same idea. Four variants. sail-sg scheduler/zbv.py.
// v-half, v-min, 1f1b-v   a building block of six slots, repeated once a micro-batch, with warm-up and end squeezed.
//          Qi et al., Pipeline Parallelism with Controllable Memory; sail-sg scheduler/zbv_greedy.py and v1f1b.py.
//
// To each come orders of the same layout that a list scheduler (list_scheduler.h) makes for the same costs and limits.
#pragma once

#include <string>
#include <vector>

#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"
#include "planner/schedule/training_times.h"

namespace ppplan::schedule {

/// What is to be short: `barrier` the end of the last action, `span` the longest time that a rank is in use.
enum class Objective { barrier, span };

struct SearchedRequest {
  std::string kind;
  int ranks = 1;
  int micro_batches = 1;
  TrainingCosts costs;               // of ranks x chunks stages
  std::vector<double> memory_limit;  // [rank] of activations, in the unit of the costs; empty = no limit
  Objective objective = Objective::barrier;
};

/// One order that was made, and what it takes.
struct Candidate {
  std::string name;
  double makespan_s = 0;
  double span_s = 0;
  bool fits = true;
  bool operator==(const Candidate&) const = default;
};

struct SearchedOrder {
  TrainingOrder order;
  std::string winner;
  std::vector<Candidate> tried;
};

/// "zb-auto", "zb-v", "v-half", "v-min", "1f1b-v".
const std::vector<std::string>& searched_names();
/// Stages a rank of that kind: 1 or 2.
int chunks_of_searched(const std::string& kind);
/// The best by the objective, then by the other one, of those that fit. Throws InputError for another kind, for costs
/// that check_costs refuses, and for a limit that one micro-batch exceeds on some rank.
SearchedOrder searched_order(const SearchedRequest& request);

/// Whether every rank has room for one micro-batch in all of its stages.
bool holds_one(const TrainingOrder& layout, const TrainingCosts& costs, const std::vector<double>& limit);
/// Throws InputError unless every rank has room for one micro-batch in all of its stages, naming the rank.
void check_memory_limit(const TrainingOrder& layout, const TrainingCosts& costs, const std::vector<double>& limit);
/// Whether no rank's peak is above its limit; rounding is forgiven.
bool within(const TrainingTimes& times, const std::vector<double>& limit);

}  // namespace ppplan::schedule

// Plans of training: every (tp, pp, dp) of all devices, micro-batch size, schedule, chunks and recomputation that keep
// the global batch, each with the partition that suits it; pruned with counted reasons; ranked by the time of a step.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "planner/search/search.h"
#include "planner/spec/training_plan.h"

namespace ppplan::search {

struct TrainingRequest {
  spec::TrainingPlan question;  // model, cluster, task, inputs, assumed
  std::optional<int> tp, pp, dp;
  std::optional<int> sequences;  // of a micro-batch
  std::optional<int> chunks;
  std::optional<std::string> schedule;  // a name of training_schedules()
  std::optional<bool> recompute;
  std::optional<std::vector<int>> partition;  // layers per position of a pipe
  int top = 5;
};

struct TrainingResult {
  std::vector<spec::TrainingPlan> plans;  // best first; the least short one alone when none fits
  std::vector<Alternative> alternatives;  // of every other (tp, pp, dp)
  Counts counts;
  bool interrupted = false;
  bool feasible = true;
};

/// Throws InputError for pinned values that contradict model, cluster, task or each other.
TrainingResult training_search(const TrainingRequest& request, cost::CostBook& book,
                               const std::function<void(long, long)>& progress, const std::atomic<bool>& stop);

}  // namespace ppplan::search

#include <algorithm>

#include "planner/schedule/auto_order.h"

namespace ppplan::schedule {
namespace {

StageTraining sum(const StageTraining& a, const StageTraining& b) {
  return {a.forward_s + b.forward_s, a.backward_input_s + b.backward_input_s, a.backward_weight_s + b.backward_weight_s,
          b.send_s, a.activation + b.activation};
}

/// The same work in another number of equal stages; what is sent stays as large.
TrainingCosts evenly(const TrainingCosts& costs, int stages) {
  const double part = static_cast<double>(costs.stages.size()) / stages;
  StageTraining each = costs.stages.front();
  each.forward_s *= part;
  each.backward_input_s *= part;
  each.backward_weight_s *= part;
  each.activation *= part;
  TrainingCosts out = costs;
  out.stages.assign(static_cast<std::size_t>(stages), each);
  return out;
}

}  // namespace

std::optional<TrainingCosts> regrouped(const TrainingCosts& costs, int ranks, int chunks, int fewer) {
  if (fewer == chunks) return costs;
  const auto& stages = costs.stages;
  if (chunks % fewer != 0) {
    const bool even = std::ranges::all_of(stages, [&](const StageTraining& s) { return s == stages.front(); });
    return even ? std::optional(evenly(costs, ranks * fewer)) : std::nullopt;
  }
  TrainingCosts out = costs;
  out.stages.clear();
  const std::size_t together = static_cast<std::size_t>(chunks / fewer);
  for (std::size_t s = 0; s < stages.size(); s += together) {
    StageTraining stage = stages[s];
    for (std::size_t k = 1; k < together; ++k) stage = sum(stage, stages[s + k]);
    out.stages.push_back(stage);
  }
  return out;
}

}  // namespace ppplan::schedule

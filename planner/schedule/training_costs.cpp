#include "planner/schedule/training_costs.h"

#include <cmath>
#include <string>

#include "planner/input/input_error.h"

namespace ppplan::schedule {
namespace {

[[noreturn]] void fail(const std::string& place, const std::string& expected, double found) {
  throw input::InputError("training costs", place, expected, std::to_string(found));
}

void check_stage(const StageTraining& stage, std::size_t index) {
  const auto check = [&](const char* name, double value) {
    if (!std::isfinite(value) || value < 0)
      fail("/stages/" + std::to_string(index) + "/" + name, "a finite number of at least 0", value);
  };
  check("forward_s", stage.forward_s);
  check("backward_input_s", stage.backward_input_s);
  check("backward_weight_s", stage.backward_weight_s);
  check("send_s", stage.send_s);
  check("activation", stage.activation);
}

}  // namespace

double compute_s(const StageTraining& stage, traces::OpKind kind) {
  switch (kind) {
    case traces::OpKind::forward:
      return stage.forward_s;
    case traces::OpKind::backward_input:
      return stage.backward_input_s;
    case traces::OpKind::backward_weight:
      return stage.backward_weight_s;
    case traces::OpKind::backward:
      return stage.backward_input_s + stage.backward_weight_s;
    default:
      throw input::InputError("training costs", "", "a forward, a gradient or a backward", std::string(name(kind)));
  }
}

TrainingCosts uniform_costs(int stages, const StageTraining& each) {
  TrainingCosts costs;
  costs.stages.assign(static_cast<std::size_t>(stages), each);
  return costs;
}

void check_costs(const TrainingCosts& costs, int stages) {
  if (static_cast<int>(costs.stages.size()) != stages)
    fail("/stages", std::to_string(stages) + " stages", static_cast<double>(costs.stages.size()));
  for (std::size_t s = 0; s < costs.stages.size(); ++s) check_stage(costs.stages[s], s);
  const double released = costs.released_by_input_gradient;
  if (!(released >= 0 && released <= 1)) fail("/released_by_input_gradient", "a fraction from 0 to 1", released);
  if (!std::isfinite(costs.overlap_factor) || costs.overlap_factor <= 0)
    fail("/overlap_factor", "a finite number above 0", costs.overlap_factor);
}

}  // namespace ppplan::schedule

// Schedules of other tools, as files: PyTorch's CSV.
#pragma once

#include <string>

#include "planner/schedule/training_costs.h"
#include "tools/ppplan/simulated.h"

namespace CLI {
class App;
}

namespace ppplan::tools {

/// By its name: "*.csv" holds rows of PyTorch actions.
bool is_torch_csv(const std::string& path);

/// What the stages of a foreign schedule cost, as the flags of `schedule` say it.
struct StageCostFlags {
  std::string forward = "1", backward = "1", weight = "1", comm = "0";
};
void add_stage_costs(CLI::App& command, StageCostFlags& flags);

/// The rows at those costs. Throws InputError for rows that verify would not let pass, with its sentence.
SimulatedPhase simulate_torch(const std::string& path, const StageCostFlags& flags);

}  // namespace ppplan::tools

// Runs a training schedule on the host with real layers, and holds it against one device and against its prediction.
#pragma once

#include <string>
#include <vector>

#include "exec/training_backend.h"
#include "planner/schedule/training_costs.h"
#include "tools/ppplan/executed.h"

namespace ppplan::tools {

struct TrainingRequest {
  exec::TrainingRun run;  // its partition may be empty: layers shared out evenly, the first stages one larger
  schedule::Schedule schedule;
  int repeats = 3;
};

struct TrainedSchedule {
  Execution execution;            // `outputs_match`: the losses of every step equal one device's, bit for bit
  bool gradients_match = false;   // every gradient of every step equals one device's, bit for bit
  bool weights_match = false;     // after the last step, on every copy and replica
  std::vector<double> losses;     // [step]
  schedule::TrainingCosts costs;  // measured before the run; what it is predicted from
  std::vector<int> partition;
  std::vector<std::int64_t> peak_activation_bytes;      // [device], measured
  std::vector<double> predicted_peak_activation_bytes;  // [device], from `costs` and the order
};

/// One step to warm up, then `repeats` steps; the first replica's timelines count. The prediction is the schedule with
/// costs measured on these cores just before, stage by stage. Throws Unavailable where replicas and devices exceed the
/// cores, InputError as exec::Training does.
TrainedSchedule execute_training(const TrainingRequest& request, const Step& step);

}  // namespace ppplan::tools

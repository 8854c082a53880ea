// Runs a plan's schedule on the host, for real or in replay, and holds it against the prediction.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "exec/cuda_execution.h"
#include "planner/cost/assess.h"
#include "planner/report/comparison.h"
#include "tools/ppplan/core_drift.h"
#include "tools/ppplan/simulated.h"

namespace ppplan::tools {

/// Where one rank of a run on GPUs ran, and what the plan has there.
struct RankPlace {
  int stage = 0;
  int tp_rank = 0;
  int device = 0;       // of the plan's cluster
  std::string planned;  // its name
  std::string host;
  int gpu = 0;       // as the process counts
  std::string name;  // as the driver calls it
  std::string bus_id;
  int replica = 0;
};

/// What a run on GPUs tells besides its times.
struct GpuSide {
  std::vector<int> slices;                           // [stage]; empty where stages have whole GPUs
  std::vector<exec::StageBusy> busy;                 // [stage]
  std::vector<exec::StageMemory> memory;             // [stage]
  std::vector<std::vector<exec::GemmChoice>> gemms;  // [stage]
  std::map<std::string, std::string> machine;
  std::vector<RankPlace> ranks = {};  // of a run of one process each
  bool correctness_only = false;      // ranks share GPUs: times mean nothing
  bool plan_wires = false;            // messages were held as long as the plan's links would take
};

struct Execution {
  SimulatedPhase predicted;  // of real compute: for the cores' speed during the run, where it is trusted
  CoreDrift drift;
  std::vector<traces::Timeline> measured;  // one per repeat, in the prediction's time unit
  report::Comparison comparison;
  std::optional<bool> outputs_match;  // of real compute: the pipeline's logits equal one device's, bit for bit
  std::optional<GpuSide> gpus;
  int planned_replicas = 1;                      // of the plan
  std::vector<double> replica_makespans_s = {};  // [replica that ran]: medians; the rest here is of the first
  double scale = 1;                              // by which replay stretched all times; `measured` is scaled back
};

using Step = std::function<void(double fraction)>;

/// Real transformer layers on CPU cores. Throws Unavailable for a plan of other devices, or with more stages than
/// cores.
Execution execute_real(const spec::Plan& plan, cost::Phase phase, int count, int repeats, const Step& step);
/// Waits the predicted durations in the order of the schedule; any plan.
Execution execute_replay(const spec::Plan& plan, cost::Phase phase, int count, int repeats, const Step& step);
/// The same for a schedule whose times may be in a unit of their own: the median operation lasts 5 ms.
Execution execute_replay(SimulatedPhase predicted, int repeats, const Step& step);

}  // namespace ppplan::tools

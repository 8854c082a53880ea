// Plans through the simulator: the evaluator of finalists, and the figures of one plan's phases.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "planner/cost/assess.h"
#include "planner/report/bubble_report.h"
#include "planner/schedule/schedule.h"
#include "planner/spec/plan.h"
#include "traces/timeline.h"

namespace ppplan::tools {

struct SimulatedPhase {
  schedule::Schedule schedule;
  std::vector<double> alone_s;  // of every op when alone on its links
  traces::Timeline timeline;
  report::BubbleReport report;
};

/// `count` micro-batches of prefill, or decode rounds.
SimulatedPhase simulate_phase(const spec::Plan& plan, cost::Phase phase, int count);

/// A schedule document has no cluster: its transfers last their own seconds. Throws InputError for one in bytes.
SimulatedPhase simulate_schedule(const std::string& path);

/// One Predicted per plan: prefill stream and decode rounds of every plan, all in one batch of simulations.
std::vector<spec::Predicted> simulated_predictions(std::span<const spec::Plan> plans);

}  // namespace ppplan::tools

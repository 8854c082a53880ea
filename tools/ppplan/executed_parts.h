// What running a plan in one process and running it over ranks have in common.
#pragma once

#include <vector>

#include "exec/host_backend.h"
#include "tools/ppplan/executed.h"

namespace ppplan::tools {

/// Replicas are independent copies: each is a plan of its own, of which this is the first.
spec::Plan one_replica(spec::Plan plan);
/// Throws Unavailable where real compute of the plan can't run on this machine's cores, `stages_here` of it.
void check_runs_here(const spec::Plan& plan, int stages_here);
/// Micro-batches as `expand` orders them: chunks of prompts in turn, or rounds of cohorts.
std::vector<exec::MicroBatch> micro_batches(const spec::Plan& plan, cost::Phase phase, int count);
/// Of all stages, on no cores yet.
exec::HostRun host_run(const spec::Plan& plan, cost::Phase phase, int count);

/// [op]: durations as predicted, contention included: what the simulated spans lasted.
std::vector<double> predicted_durations(const SimulatedPhase& predicted);
Execution predicted_for(const spec::Plan& plan, cost::Phase phase, int count);
void scale_back(traces::Timeline& timeline, double scale);
/// Predicts anew for cores as fast as they were during the repeats.
void follow_cores(Execution& execution, const spec::Plan& plan, cost::Phase phase, int count);
void compare(Execution& execution);

}  // namespace ppplan::tools

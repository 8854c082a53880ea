// Runs a plan's schedule as one rank of a job, a stage each, and on rank 0 holds it against the prediction.
#pragma once

#include <optional>
#include <string>

#include "exec/launch/job_place.h"
#include "tools/ppplan/executed.h"

namespace ppplan::tools {

struct RankSettings {
  exec::launch::JobPlace place;
  std::string transport = "tcp";
  bool real_compute = true;
  bool real_wires = true;  // else messages wait their predicted durations, as compute does in replay
  int repeats = 3;
  double heartbeat_s = 1;  // three without a sign of life, and a rank is taken for dead
};

/// Ranks that a replica of the plan takes: a stage each. A job has them for one replica or for more.
int rank_count(const spec::Plan& plan);

/// A wait of a run that is predicted to last so long ends the run after 20 times that, or 5 s where that is more.
double deadline_s(double predicted_makespan_s);

/// Nothing on other ranks than 0. Outputs of real compute come to rank 0, which compares them with one device's. Throws
/// Unavailable and InputError as execute_real, GroupError for what others did.
std::optional<Execution> execute_on_ranks(const spec::Plan& plan, cost::Phase phase, int count,
                                          const RankSettings& settings, const Step& step);

}  // namespace ppplan::tools

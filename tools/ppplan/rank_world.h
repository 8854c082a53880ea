// The ranks of a job that carries a command out together.
#pragma once

#include <memory>
#include <string>

#include "exec/groups/world.h"
#include "exec/launch/job_place.h"

namespace ppplan::tools {

struct RankLink {
  std::string transport = "tcp";  // or mpi
  double deadline_s = 10;         // for one wait
  double heartbeat_s = 1;         // three without a sign of life, and a rank is taken for dead
};

/// Throws InputError where MPI counts the ranks otherwise than `place`, GroupError when they don't come together.
std::unique_ptr<exec::groups::World> join_ranks(const exec::launch::JobPlace& place, const RankLink& link);

/// What to say where `--transport mpi` was asked for and no launcher runs.
std::string not_under_mpirun(int ranks);

}  // namespace ppplan::tools

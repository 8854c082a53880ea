// Ranks that are processes of an MPI job, whose library carries their messages.
//
// A thread of each rank tests what is under way and tells all ranks why a run fails: rank 0 decides the cause, as over
// sockets. A message is one MPI message, so its size is known before it is received. A pair of ranks uses one tag for
// each of its groups, which the lower rank draws at first use. mpirun ends all ranks when one dies; one that hangs is
// missed at the deadline.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/groups/world.h"

namespace ppplan::exec::groups {

/// Whether this build found an MPI library.
bool mpi_is_built();

/// What mpirun tells this process. Starts MPI at the first call, which the main thread makes. Throws InputError where
/// mpi_is_built() is false.
int mpi_rank();
int mpi_size();

struct MpiSettings {
  int size = 1;            // the first so many ranks of the job
  double deadline_s = 10;  // for one wait
  /// After a run that failed, the process ends with MPI_Abort and status 6, since others may never come to their end.
  bool failure_ends_job = true;
};

/// Each of the ranks calls it, one world at a time. Throws InputError as mpi_rank, or for a rank outside of the size.
std::unique_ptr<World> join_mpi_world(const MpiSettings& settings);

/// `mine` of every rank of the job, in their order, on all of them; when no world exists.
std::vector<std::string> mpi_gather(const std::string& mine);

}  // namespace ppplan::exec::groups

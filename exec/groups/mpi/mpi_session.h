// MPI in this process, from the first use to its end.
#pragma once

#include <mpi.h>

namespace ppplan::exec::groups {

/// Starts MPI at the first call.
struct MpiSession {
  static MpiSession& get();
  int rank = 0;
  int size = 1;
  bool failed = false;  // a run did: when the process ends, MPI is aborted, since others may never come to its end

 private:
  MpiSession();
  ~MpiSession();
};

}  // namespace ppplan::exec::groups

// Starts the ranks of a run on this host, as processes of this program, and sees to it that all of them end.
#pragma once

#include <string>
#include <vector>

namespace ppplan::exec::launch {

struct LocalRanks {
  int size = 1;
  std::vector<std::string> command;  // of this program; the name first
  double stopped_s = 3;              // a rank that stays stopped for so long is killed
};

/// Returns when every rank has ended: 0, or the status of the first that failed (6 of one that a signal ended, 128 +
/// the signal when SIGINT or SIGTERM ended the launcher).
///
/// Ranks find each other by torchrun's variables, on a port that this process has bound for rank 0. What rank 0 writes
/// on standard output goes there as it is; everything else goes to standard error, each line with its rank in front.
/// SIGINT and SIGTERM are passed on. When a rank fails, those that have not ended 2 s later get SIGTERM, and SIGKILL
/// after another 2 s. Ranks die with the launcher (PR_SET_PDEATHSIG). Needs a process without threads. Throws
/// InputError where no socket or process can be made.
int run_local_ranks(const LocalRanks& ranks);

}  // namespace ppplan::exec::launch

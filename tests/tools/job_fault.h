// What a run over ranks must do when a fault is done to one of them.
#pragma once

#include "tests/tools/job.h"

namespace ppplan::tests {

constexpr double patience_s = 120;  // a run that takes longer hangs, however busy the machine is

/// A run of a plan of so many stages (made once) in replay, for Job.
std::vector<std::string> replay(int stages, int repeats, const std::string& heartbeat_s);

struct FaultyRun {
  Fault fault = Fault::kill;
  int stages = 2;
  int rank = 0;        // to whom it is done
  double after_s = 0;  // of the run
  unsigned seed = 0;   // which of the rank's connections
  std::string heartbeat_s = "1";
};
struct Ending {
  std::optional<int> status;  // nothing: it hangs
  std::string err;
  bool fault_was_done = false;
  int left = 0;  // processes
};
/// How long such a run lasts without a fault, from the moment at which all of its ranks are there; measured once.
double undisturbed_s(int stages);
Ending run_with(const FaultyRun& run, double limit_s);

/// It ends, no process is left, and where the run needed the rank, the status is 6 and every message names it.
void expect_clean(const FaultyRun& run, const Ending& ending);

}  // namespace ppplan::tests

// A hundred faults at random points of short runs over 2 to 4 ranks. A point is a share of the time that the run takes
// on this machine without a fault.
#include <gtest/gtest.h>

#include <random>

#include "tests/tools/job_fault.h"

namespace ppplan::tests {
namespace {

constexpr int kSeeds = 100;
constexpr double kLimit_s = 10;  // for all ranks to end, at a heartbeat of 0.4 s

FaultyRun drawn(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
  FaultyRun run;
  run.fault = static_cast<Fault>(below(may_drop_sockets() ? 3 : 2));
  run.stages = 2 + below(3);
  run.rank = below(run.stages);
  run.after_s = 0.01 * below(100) * undisturbed_s(run.stages);
  run.seed = seed;
  run.heartbeat_s = "0.4";
  return run;
}

TEST(JobSeeds, EveryFaultAtEveryPointEndsTheRunCleanly) {
  int cut_short = 0;
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const FaultyRun run = drawn(seed);
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": fault " << static_cast<int>(run.fault) << " to rank "
                                    << run.rank << " of " << run.stages << " after " << run.after_s << " s");
    const Ending ending = run_with(run, kLimit_s);
    expect_clean(run, ending);
    cut_short += ending.status == 6;
  }
  RecordProperty("cut_short", cut_short);
  EXPECT_GT(cut_short, kSeeds / 2);  // or the faults came too late to say something
}

}  // namespace
}  // namespace ppplan::tests

#include "planner/engines/plan_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/engines/vllm_rules.h"
#include "tests/engines/launch_plans.h"

namespace ppplan::engines {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

spec::Plan pipeline() {
  spec::Plan plan = plan_on({{"l4"}, {"l4"}, {"l4"}, {"l4"}}, {.tp = 1, .pp = 4, .dp = 1});
  plan.gpu_memory_utilization = 0.92;
  return plan;
}

TEST(LaunchWarnings, AreNoneForOneCardByTheRules) {
  spec::Plan plan = plan_on({{"l4"}}, {.tp = 1, .pp = 1, .dp = 1});
  EXPECT_THAT(launch_warnings(plan), IsEmpty());
}

TEST(LaunchWarnings, TellOfFewerSequencesThanStages) {
  spec::Plan plan = pipeline();
  plan.micro_batching.max_num_seqs = 4;
  EXPECT_THAT(launch_warnings(plan), Contains(HasSubstr("max_num_seqs is 4 for 4 stages")));
  plan.micro_batching.max_num_seqs = 5;
  EXPECT_THAT(launch_warnings(plan), Not(Contains(HasSubstr("max_num_seqs"))));
}

TEST(LaunchWarnings, TellOfMemoryThatIsNotFree) {
  spec::Plan plan = pipeline();
  plan.cluster.devices[2].free_bytes = std::int64_t{20} << 30;  // of 24 GiB: 0.833
  EXPECT_THAT(launch_warnings(plan), Contains(testing::AllOf(HasSubstr("device 2"), HasSubstr("at most 0.83"))));
  plan.gpu_memory_utilization = 0.83;
  EXPECT_THAT(launch_warnings(plan), Not(Contains(HasSubstr("device 2"))));
}

TEST(LaunchWarnings, TellOfAHighShare) {
  spec::Plan plan = pipeline();
  plan.gpu_memory_utilization = 0.97;
  EXPECT_THAT(launch_warnings(plan), Contains(HasSubstr("leaves little")));
}

TEST(LaunchWarnings, TellOfAsynchronousSchedulingOnTheOldRunner) {
  spec::Plan plan = pipeline();
  plan.provenance.vllm = "0.20";
  EXPECT_THAT(launch_warnings(plan), Contains(HasSubstr("--no-async-scheduling")));
  plan.provenance.vllm = "0.26";  // model runner V2 for dense models
  EXPECT_THAT(launch_warnings(plan), Not(Contains(HasSubstr("--no-async-scheduling"))));
  plan.provenance.vllm = "0.14";  // not asynchronous with pipelines
  EXPECT_THAT(launch_warnings(plan), Not(Contains(HasSubstr("--no-async-scheduling"))));
}

TEST(LaunchWarnings, TellOfCohortsOnPipelinesAlone) {
  EXPECT_THAT(launch_warnings(pipeline()), Contains(HasSubstr("cohorts")));
}

TEST(LaunchWarnings, TellOfReleasesPastTheTable) {
  spec::Plan plan = pipeline();
  plan.provenance.vllm = latest_vllm_release();
  EXPECT_THAT(launch_warnings(plan), Contains(HasSubstr("extrapolated")));
}

TEST(LaunchWarnings, TellOfASplitThatIsNotVllmsOwn) {
  spec::Plan plan = pipeline();
  plan.partition = {9, 8, 8, 7};
  EXPECT_THAT(launch_warnings(plan), Contains(HasSubstr("vLLM's own split is 8,8,8,8")));
  plan.partition = {8, 8, 8, 8};
  EXPECT_THAT(launch_warnings(plan), Not(Contains(HasSubstr("own split"))));
}

}  // namespace
}  // namespace ppplan::engines

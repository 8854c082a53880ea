#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "planner/search/training_search.h"
#include "planner/spec/training_plan_json.h"
#include "tests/search/small_case.h"
#include "tests/verify/falsified.h"

namespace ppplan::verify {
namespace {

using ::testing::IsEmpty;
using tests::false_claims;

std::vector<spec::TrainingPlan> plans(const char* schedule) {
  search::TrainingRequest request;
  request.question.model = search::tests::small_model(12);
  request.question.cluster = search::tests::cluster_of({{"card", 4, 8, 1}}, 2);
  request.question.task = {16, 256};
  request.schedule = schedule;
  cost::CostBook book{{}};
  const std::atomic<bool> stop{false};
  return search::training_search(request, book, {}, stop).plans;
}

TEST(TrainingClaims, HoldForEveryPlanOfEverySchedule) {
  for (const char* schedule : {"1f1b", "gpipe", "interleaved", "zb-h1", "zb-h2", "zbv-torch", "dualpipe", "dualpipev"})
    for (const spec::TrainingPlan& plan : plans(schedule))
      EXPECT_THAT(false_claims(spec::to_json(plan)), IsEmpty()) << schedule;
}

TEST(TrainingClaims, EveryFalsifiedFigureIsFound) {
  const input::Json right = spec::to_json(plans("1f1b").at(1));
  const auto wanted = [](const std::string& pointer) {
    for (const char* part : {"/parallel/", "/partition/", "/ranks/", "/training/micro_batch", "/training/global_batch"})
      if (pointer.starts_with(part))
        return !pointer.ends_with("gradient_sync_s") && !pointer.ends_with("exposed_sync_s") &&
               !pointer.ends_with("peak_micro_batches") && !pointer.ends_with("uncertainty_bytes") &&
               pointer.find("/stages/") == std::string::npos && pointer.find("/devices/") == std::string::npos;
    return pointer.starts_with("/predicted/") && !pointer.ends_with("lower_bound_s") &&
           !pointer.ends_with("span_bubble_fraction") && !pointer.ends_with("model_flops_fraction") &&
           pointer.find("uncertainty") == std::string::npos;
  };
  EXPECT_THAT(tests::overlooked(right, 1.3, wanted), IsEmpty());
}

TEST(TrainingClaims, ADeviceThatServesTwiceAndAFalseVerdictAreFound) {
  const input::Json right = spec::to_json(plans("1f1b").at(0));
  EXPECT_TRUE(tests::is_found(tests::with(right, "/ranks/0/devices/0/0", 3)));
  EXPECT_TRUE(tests::is_found(tests::with(right, "/verdict", "OOM")));
}

}  // namespace
}  // namespace ppplan::verify

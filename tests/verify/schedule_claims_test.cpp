// Schedules that cannot run are found, without the schedule library's own checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "planner/schedule/deadlock.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/schedule_json.h"
#include "planner/schedule/training_schedule.h"
#include "tests/report/example_schedules.h"
#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"

namespace ppplan {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::false_claims;
using tests::is_found;
using tests::overlooked;
using tests::with;

TEST(ScheduleClaims, HoldForRightSchedules) {
  EXPECT_THAT(false_claims(tests::schedule_document()), IsEmpty());
  tests::Random random(51);
  for (int round = 0; round < 100; ++round)
    EXPECT_THAT(false_claims(schedule::to_json(tests::random_schedule(random))), IsEmpty());
}

TEST(ScheduleClaims, EveryFalsifiedTransferIsFound) {
  const auto right = tests::schedule_document();
  const auto& devices = right.at("devices");
  for (std::size_t d = 0; d < devices.size(); ++d)
    for (std::size_t l = 1; l < devices[d].at("lanes").size(); ++l) {
      const std::string lane =
          std::string("/devices/").append(std::to_string(d)).append("/lanes/").append(std::to_string(l));
      EXPECT_THAT(overlooked(right, 1.5,
                             [&](const std::string& pointer) {
                               return pointer.starts_with(lane) && pointer.find("/after/") == std::string::npos &&
                                      !pointer.ends_with("/ops/0/peer") && pointer.find("/peer") == std::string::npos;
                             }),
                  IsEmpty());
      EXPECT_TRUE(is_found(with(right, lane + "/peer", 7)));
    }
}

TEST(ScheduleClaims, ALaneInTheWrongOrderIsFound) {
  auto schedule = tests::schedule_document();
  auto& ops = schedule["devices"][1]["lanes"][0]["ops"];
  std::swap(ops[0], ops[1]);  // the second cohort before the first one, whose input arrives first
  std::swap(ops[0], ops[ops.size() - 1]);
  EXPECT_THAT(false_claims(schedule), Contains(HasSubstr("the lanes run to their end")));
}

TEST(ScheduleClaims, AWaitForSomethingLaterIsFound) {
  auto schedule = tests::schedule_document();
  auto& ops = schedule["devices"][0]["lanes"][0]["ops"];
  ops[0]["after"].push_back(ops[1].at("id"));
  EXPECT_TRUE(is_found(schedule));
}

TEST(ScheduleClaims, AMissingMicroBatchIsFound) {
  // A stage that leaves one out; nothing else waits for the last one.
  schedule::Schedule schedule;
  schedule.devices = {{"a", {0}, {}}, {"b", {1}, {}}};
  for (int m = 0; m < 3; ++m) add_compute(schedule, 0, {.stage = 0, .micro_batch = m}, 1, {});
  for (int m = 0; m < 2; ++m) add_compute(schedule, 1, {.stage = 1, .micro_batch = m}, 1, {});
  EXPECT_THAT(false_claims(schedule::to_json(schedule)),
              Contains(HasSubstr("every stage runs every micro-batch of its pipe")));
}

TEST(ScheduleClaims, HoldForTrainingAndFindALostOrDoubledGradient) {
  for (const char* kind : {"1f1b", "interleaved", "zb-h2", "zbv-torch", "dualpipe"}) {
    const int chunks = std::string(kind) == "zbv-torch" || std::string(kind) == "dualpipe" ? 2 : 1;
    const auto order = schedule::named_order({kind, 4, 8, chunks});
    const auto costs = schedule::uniform_costs(static_cast<int>(order.rank_of.size()), {1, 1, 1, 0.5, 1});
    const auto right = schedule::to_json(schedule::training_schedule(order, costs));
    EXPECT_THAT(false_claims(right), IsEmpty()) << kind;
    auto wrong = right;
    wrong["devices"][1]["lanes"][0]["ops"].back()["micro_batch"] = 0;  // the last is a gradient of the last micro-batch
    EXPECT_THAT(false_claims(wrong), Contains(HasSubstr("has its gradients once"))) << kind;
  }
}

TEST(ScheduleClaims, AgreeWithTheStaticCheckOnShuffledLanes) {
  tests::Random random(52);
  int completing = 0;
  int stuck = 0;
  for (int round = 0; round < 300; ++round) {
    schedule::Schedule schedule = tests::random_schedule(random);
    auto& device = schedule.devices[static_cast<std::size_t>(
        tests::between(0, static_cast<int>(schedule.devices.size()) - 1, random))];
    auto& ops = device.lanes.front().ops;
    if (ops.size() < 2) continue;
    const auto at = static_cast<std::size_t>(tests::between(0, static_cast<int>(ops.size()) - 2, random));
    std::swap(ops[at], ops[at + 1]);
    if (!schedule::faults(schedule).empty()) continue;
    const bool completes = schedule::can_complete(schedule).completes;
    EXPECT_EQ(false_claims(schedule::to_json(schedule)).empty(), completes);
    ++(completes ? completing : stuck);
  }
  EXPECT_GT(completing, 20);
  EXPECT_GT(stuck, 20);
}

}  // namespace
}  // namespace ppplan

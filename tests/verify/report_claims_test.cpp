// A report's sums.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/report/report_json.h"
#include "tests/report/example_schedules.h"
#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"

namespace ppplan {
namespace {

using testing::IsEmpty;
using tests::false_claims;
using tests::is_found;
using tests::overlooked;
using tests::with;

TEST(ReportClaims, HoldForRightReports) {
  EXPECT_THAT(false_claims(tests::report_document()), IsEmpty());
  tests::Random random(61);
  for (int round = 0; round < 100; ++round) {
    const auto schedule = tests::random_schedule(random);
    const auto alone = schedule::own_seconds(schedule);
    EXPECT_THAT(
        false_claims(report::to_json(report::bubble_report(schedule, schedule::longest_path(schedule, alone), alone))),
        IsEmpty());
  }
}

TEST(ReportClaims, EveryFalsifiedFigureIsFound) {
  // Not recomputable from a report alone: the steady rate, what was held, and which operation a step of the path was.
  EXPECT_THAT(overlooked(tests::report_document(), 1.001,
                         [](const std::string& pointer) {
                           return pointer.find("peak") == std::string::npos && pointer != "/steady_rate_per_s" &&
                                  pointer != "/lower_bound_s" && pointer.find("/critical_path/") == std::string::npos;
                         }),
              IsEmpty());
}

TEST(ReportClaims, ABoundAboveTheMakespanOrBelowTheWorkIsFound) {
  const auto report = tests::report_document();
  EXPECT_TRUE(is_found(with(report, "/lower_bound_s", report.at("makespan_s").get<double>() * 1.01)));
  EXPECT_TRUE(is_found(with(report, "/lower_bound_s", 0.5)));
}

TEST(ReportClaims, ACriticalPathThatGoesBackOrEndsEarlyIsFound) {
  const auto report = tests::report_document();
  const std::size_t steps = report.at("critical_path").size();
  ASSERT_GE(steps, 3u);
  EXPECT_TRUE(is_found(with(report, "/critical_path/2/start_s", 0.0)));
  EXPECT_TRUE(is_found(with(report, "/critical_path/1/device", 9)));
  EXPECT_TRUE(is_found(
      with(report, std::string("/critical_path/").append(std::to_string(steps - 1)).append("/end_s"), 1000.0)));
  EXPECT_TRUE(is_found(with(report, "/stages/0/peak_activations", -1)));
}

}  // namespace
}  // namespace ppplan

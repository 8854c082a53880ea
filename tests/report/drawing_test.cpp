// Drawings and tables fit the terminal and show what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "planner/report/report_text.h"
#include "planner/report/time_text.h"
#include "planner/report/timeline_text.h"
#include "tests/report/example_schedules.h"

namespace ppplan::report {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

void expect_fits(const std::string& text, std::size_t columns) {
  for (const std::string& line : lines_of(text)) {
    EXPECT_LE(line.size(), columns) << line;
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << line;
  }
}

traces::Timeline timeline_of(const schedule::Schedule& schedule) {
  auto timeline = schedule::longest_path(schedule, schedule::own_seconds(schedule));
  timeline.devices.clear();
  for (const auto& device : schedule.devices) timeline.devices.push_back(device.name);
  return timeline;
}

TEST(TimelineText, ShowsTheStaircaseOfAPipeline) {
  // 2 stages, 3 micro-batches of 1 s: 4 s in 50 - 7 - 3 = 40 characters, so 10 for each second.
  const std::string text = timeline_text(timeline_of(tests::forward({1, 1}, 0, 3)), {.columns = 50});
  const auto lines = lines_of(text);
  EXPECT_EQ(lines[0], std::string("stage 0 |") + std::string(10, '0') + std::string(10, '1') + std::string(10, '2') +
                          std::string(10, '.') + "|");
  EXPECT_THAT(lines[1], HasSubstr("stage 1 |..........0"));
  EXPECT_THAT(lines[3], HasSubstr("4.00 s"));
  EXPECT_THAT(text, HasSubstr(". idle"));
}

TEST(TimelineText, TellsForwardFromBackward) {
  const std::string text = timeline_text(timeline_of(tests::one_forward_one_backward(2, 2, {{.split = true}})));
  EXPECT_THAT(text, HasSubstr("00"));
  EXPECT_THAT(text, HasSubstr("aa"));
  EXPECT_THAT(text, HasSubstr("AA"));
}

TEST(TimelineText, FitsItsColumnsOnRandomTimelines) {
  tests::Random random(41);
  for (int round = 0; round < 100; ++round) {
    const auto schedule = tests::random_schedule(random);
    const auto timeline = timeline_of(schedule);
    for (const std::size_t columns : {40u, 80u, 133u}) {
      const std::string text = timeline_text(timeline, {.columns = columns});
      const auto lines = lines_of(text);
      for (std::size_t i = 0; i < schedule.devices.size(); ++i) EXPECT_LE(lines[i].size(), columns) << lines[i];
    }
    expect_fits(timeline_text(timeline), 80);
  }
}

TEST(TimelineText, LeavesOutTheMiddleOfManyDevicesAndSaysSo) {
  const auto timeline = timeline_of(tests::forward(std::vector<double>(64, 1.0), 0, 8));
  const std::string text = timeline_text(timeline);
  expect_fits(text, 80);
  EXPECT_THAT(text, HasSubstr("40 devices are not drawn"));
  EXPECT_THAT(text, HasSubstr("stage 0 "));
  EXPECT_THAT(text, HasSubstr("stage 63"));
  EXPECT_THAT(text, Not(HasSubstr("stage 30")));
  EXPECT_THAT(timeline_text(timeline, {.rows = 64}), HasSubstr("stage 30"));
}

TEST(TimelineText, OfNothingIsAnEmptyScale) { expect_fits(timeline_text({}), 80); }

TEST(ReportText, FitsEightyColumnsForAnySize) {
  for (const double scale : {1e-7, 1e-3, 1.0, 5000.0}) {
    const auto schedule = tests::forward(std::vector<double>(64, scale), scale / 10, 100);
    const auto alone = schedule::own_seconds(schedule);
    expect_fits(report_text(bubble_report(schedule, timeline_of(schedule), alone)), 80);
    const auto timeline = timeline_of(schedule);
    expect_fits(comparison_text(compare(schedule, timeline, {&timeline, 1})), 80);
  }
}

TEST(ReportText, SaysTheUnitOnceAndTheFiguresUnderIt) {
  const auto schedule = tests::forward({3e-3, 1e-3}, 0.5e-3, 3);
  const auto alone = schedule::own_seconds(schedule);
  const std::string text = report_text(bubble_report(schedule, timeline_of(schedule), alone));
  EXPECT_THAT(text, HasSubstr("stage (ms)"));
  EXPECT_THAT(text, HasSubstr("stage 1               3.00      3.50      0.00      3.00      1.00         1"));
  EXPECT_THAT(text, HasSubstr("makespan            10.50 ms"));
}

TEST(TimeText, ChoosesTheUnitInWhichTheFigureIsAtLeastOne) {
  EXPECT_EQ(time_text(12.345), "12.35 s");
  EXPECT_EQ(time_text(0.25), "250.0 ms");
  EXPECT_EQ(time_text(1.5e-6), "1.50 us");
  EXPECT_EQ(time_text(2e-9), "2.00 ns");
  EXPECT_EQ(time_text(0), "0.00 s");
}

}  // namespace
}  // namespace ppplan::report

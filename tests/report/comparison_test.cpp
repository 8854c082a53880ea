// Predicted against measured: medians over repeats, errors, and when a prediction holds.
#include "planner/report/comparison.h"

#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/report/report_text.h"
#include "tests/report/example_schedules.h"

namespace ppplan::report {
namespace {

/// All times of a timeline multiplied.
traces::Timeline stretched(traces::Timeline timeline, double factor) {
  for (traces::Span& span : timeline.spans) {
    span.start_s *= factor;
    span.end_s *= factor;
  }
  return timeline;
}

class ComparisonOfForward : public testing::Test {
 protected:
  schedule::Schedule schedule_ = tests::forward({2, 1}, 0, 4);  // makespan 9, busy 8 and 4
  traces::Timeline predicted_ = schedule::longest_path(schedule_, schedule::own_seconds(schedule_));
};

TEST_F(ComparisonOfForward, TakesTheMedianOfTheRepeats) {
  const std::vector<traces::Timeline> runs = {stretched(predicted_, 1.5), stretched(predicted_, 1.1),
                                              stretched(predicted_, 1.2)};
  const Comparison found = compare(schedule_, predicted_, runs);
  EXPECT_DOUBLE_EQ(found.predicted_makespan_s, 9);
  EXPECT_DOUBLE_EQ(found.median_makespan_s, 9 * 1.2);
  EXPECT_DOUBLE_EQ(found.min_makespan_s, 9 * 1.1);
  EXPECT_DOUBLE_EQ(found.max_makespan_s, 9 * 1.5);
  EXPECT_NEAR(found.error_fraction, 0.2, 1e-12);
  EXPECT_NEAR(found.predicted_bubble, 1 - 12.0 / 18, 1e-12);
  EXPECT_NEAR(found.median_bubble, 1 - 12.0 / 18, 1e-12);  // stretching changes no fraction
  ASSERT_EQ(found.stages.size(), 2u);
  EXPECT_NEAR(found.stages[0].measured_busy_s, 8 * 1.2, 1e-12);
  EXPECT_NEAR(found.stages[1].predicted_idle_s, 5, 1e-12);
  EXPECT_NEAR(found.stages[1].measured_idle_s, 5 * 1.2, 1e-12);
  EXPECT_NEAR(found.stages[1].error_fraction, 0.2, 1e-12);
}

TEST_F(ComparisonOfForward, OfAnEvenNumberTakesTheMiddleOfTheMiddleTwo) {
  const std::vector<traces::Timeline> runs = {stretched(predicted_, 1.0), stretched(predicted_, 2.0)};
  EXPECT_DOUBLE_EQ(compare(schedule_, predicted_, runs).median_makespan_s, 13.5);
}

TEST_F(ComparisonOfForward, HoldsWithinToleranceOrWithinTheRepeats) {
  const std::vector<traces::Timeline> above = {stretched(predicted_, 1.2), stretched(predicted_, 1.3)};
  EXPECT_FALSE(compare(schedule_, predicted_, above).holds(0.1));
  EXPECT_TRUE(compare(schedule_, predicted_, above).holds(0.26));
  const std::vector<traces::Timeline> around = {stretched(predicted_, 0.9), stretched(predicted_, 1.6),
                                                stretched(predicted_, 1.7)};
  EXPECT_TRUE(compare(schedule_, predicted_, around).holds(0.1));  // off by 60 %, but the repeats span it
  const std::vector<traces::Timeline> below = {stretched(predicted_, 0.7)};
  EXPECT_FALSE(compare(schedule_, predicted_, below).holds(0.1));
}

TEST_F(ComparisonOfForward, SaysWhereOnlyTheSpreadLetsItPass) {
  const std::vector<traces::Timeline> around = {stretched(predicted_, 0.9), stretched(predicted_, 1.6),
                                                stretched(predicted_, 1.7)};
  EXPECT_EQ(verdict_text(compare(schedule_, predicted_, around), true, 3, 0.1),
            "PASS: the median of 3 runs is +60.0 % off the prediction (tolerance 10 %; repeats spread so far that they "
            "cover it)\n");
  const std::vector<traces::Timeline> near = {stretched(predicted_, 1.02)};
  EXPECT_EQ(verdict_text(compare(schedule_, predicted_, near), true, 1, 0.1),
            "PASS: the run is +2.0 % off the prediction (tolerance 10 %)\n");
  const std::vector<traces::Timeline> above = {stretched(predicted_, 1.2)};
  EXPECT_EQ(verdict_text(compare(schedule_, predicted_, above), false, 1, 0.1),
            "FAIL: the run is +20.0 % off the prediction (tolerance 10 %)\n");
}

TEST_F(ComparisonOfForward, OfATimelineWithItselfIsExact) {
  const Comparison found = compare(schedule_, predicted_, {&predicted_, 1});
  EXPECT_EQ(found.error_fraction, 0);
  for (const StageComparison& stage : found.stages) {
    EXPECT_EQ(stage.error_fraction, 0);
    EXPECT_EQ(stage.predicted_busy_s, stage.measured_busy_s);
    EXPECT_EQ(stage.predicted_idle_s, stage.measured_idle_s);
  }
  EXPECT_TRUE(found.holds(0));
}

TEST_F(ComparisonOfForward, RefusesNoRunsAndOtherRuns) {
  EXPECT_THROW(compare(schedule_, predicted_, {}), input::InputError);
  traces::Timeline other = predicted_;
  other.spans.pop_back();
  EXPECT_THROW(compare(schedule_, predicted_, {&other, 1}), input::InputError);
  const traces::Timeline nothing = stretched(predicted_, 0);
  EXPECT_THROW(compare(schedule_, nothing, {&predicted_, 1}), input::InputError);
}

}  // namespace
}  // namespace ppplan::report

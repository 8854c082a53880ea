// A run's errors and verdict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"

namespace ppplan {
namespace {

using testing::IsEmpty;
using tests::false_claims;
using tests::is_found;
using tests::overlooked;
using tests::with;

TEST(RunClaims, HoldForARightRun) { EXPECT_THAT(false_claims(tests::run_document()), IsEmpty()); }

TEST(RunClaims, EveryFalsifiedFigureIsFound) {
  // Of three repeats the shortest, the longest, idle medians and the median bubble are only bounded.
  EXPECT_THAT(overlooked(tests::run_document(), 1.001,
                         [](const std::string& pointer) {
                           const bool measured = pointer.find("/measured/") != std::string::npos;
                           const bool bounded =
                               pointer.ends_with("/min") || pointer.ends_with("/max") ||
                               (measured && (pointer.ends_with("/idle_s") || pointer.ends_with("/bubble_fraction")));
                           return !bounded && pointer != "/repeats" && pointer != "/tolerance";
                         }),
              IsEmpty());
}

TEST(RunClaims, BoundedFiguresOutOfBoundsAreFound) {
  const auto run = tests::run_document();
  EXPECT_TRUE(is_found(with(run, "/measured/makespan_s/min", 1000.0)));
  EXPECT_TRUE(is_found(with(run, "/measured/makespan_s/max", 0.1)));
  EXPECT_TRUE(is_found(with(run, "/stages/0/measured/idle_s", 1000.0)));
  EXPECT_TRUE(is_found(with(run, "/measured/bubble_fraction", 1.5)));
  EXPECT_TRUE(is_found(with(run, "/repeats", 1)));
}

TEST(RunClaims, AVerdictThatDoesNotFollowIsFound) {
  // The median is 5 % off, and no repeat was as short as predicted.
  const auto run = tests::run_document();
  EXPECT_TRUE(is_found(with(run, "/verdict", "FAIL")));
  EXPECT_TRUE(is_found(with(run, "/tolerance", 0.01)));
  EXPECT_TRUE(is_found(with(run, "/outputs_match", false)));
  EXPECT_FALSE(is_found(with(with(run, "/tolerance", 0.01), "/verdict", "FAIL")));
  EXPECT_FALSE(is_found(with(run, "/outputs_match", nullptr)));
}

}  // namespace
}  // namespace ppplan

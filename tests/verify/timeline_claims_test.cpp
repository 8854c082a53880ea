// A timeline that could not have happened is found.
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

TEST(TimelineClaims, HoldForARightTimeline) { EXPECT_THAT(false_claims(tests::timeline_document()), IsEmpty()); }

TEST(TimelineClaims, EveryFalsifiedTransferAndTheMakespanAreFound) {
  const auto right = tests::timeline_document();
  EXPECT_TRUE(is_found(with(right, "/makespan_s", right.at("makespan_s").get<double>() * 1.001)));
  for (std::size_t i = 0; i < right.at("spans").size(); ++i) {
    const std::string kind = right.at("spans")[i].at("kind");
    if (kind == "forward") continue;
    const std::string here = std::string("/spans/").append(std::to_string(i)).append("/");
    EXPECT_THAT(overlooked(right, 1.01,
                           [&](const std::string& pointer) {
                             return pointer == here + "start_s" || pointer == here + "end_s" ||
                                    pointer == here + "bytes" || pointer == here + "micro_batch";
                           }),
                IsEmpty());
  }
}

/// Stage 0 runs [0, 1] and [1, 2] of its two cohorts, stage 1 [1.25, 3.25] and [3.25, 5.25].
TEST(TimelineClaims, ComputeThatOverlapsOrComesTooEarlyIsFound) {
  const auto right = tests::timeline_document();
  for (std::size_t i = 0; i < right.at("spans").size(); ++i) {
    const auto& span = right.at("spans")[i];
    const std::string here = std::string("/spans/").append(std::to_string(i));
    if (span.at("kind") != "forward") continue;
    // Later than its Send leaves, or past the next compute; the last compute has neither behind it but the token
    // return.
    EXPECT_TRUE(is_found(with(right, here + "/end_s", span.at("end_s").get<double>() + 100))) << i;
    if (span.at("stage") == 1 && span.at("start_s") > 1) {
      EXPECT_TRUE(is_found(with(right, here + "/start_s", span.at("start_s").get<double>() - 0.5))) << i;
    }
    EXPECT_TRUE(is_found(with(right, here + "/start_s", span.at("end_s").get<double>() + 0.5))) << i;
    EXPECT_TRUE(is_found(with(right, here + "/device", 7))) << i;
  }
}

TEST(TimelineClaims, AnOperationThatRanTwiceIsFound) {
  auto timeline = tests::timeline_document();
  auto again = timeline.at("spans")[0];
  again["start_s"] = again["end_s"] = timeline.at("makespan_s");
  timeline["spans"].push_back(again);
  EXPECT_TRUE(is_found(timeline));
}

TEST(TimelineClaims, AnEndWithoutItsOtherEndIsFound) {
  auto timeline = tests::timeline_document();
  auto& spans = timeline["spans"];
  for (std::size_t i = 0; i < spans.size(); ++i)
    if (spans[i].at("kind") == "recv") {
      spans.erase(i);
      break;
    }
  EXPECT_TRUE(is_found(timeline));
}

}  // namespace
}  // namespace ppplan

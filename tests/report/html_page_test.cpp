// The HTML page holds all it needs, and text of the run cannot become markup.
#include "planner/report/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/report/html_data.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/training_schedule.h"

namespace ppplan::report {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Sample {
  schedule::Schedule schedule;
  std::vector<double> seconds;
  traces::Timeline timeline;
};

/// 1F1B of 2 ranks and 2 micro-batches, one second for each part.
Sample sample_of(const std::string& device) {
  Sample run;
  run.schedule = schedule::training_schedule(schedule::named_order({"1f1b", 2, 2, 1, 0}),
                                             schedule::uniform_costs(2, {1, 1, 1, 0.5, 1}));
  run.schedule.devices.front().name = device;
  run.seconds = schedule::own_seconds(run.schedule);
  run.timeline = schedule::longest_path(run.schedule, run.seconds);
  return run;
}

PageContent content_of(const Sample& run) {
  PageContent content;
  content.title = "a run";
  content.schedule = &run.schedule;
  content.alone_s = &run.seconds;
  content.activations.bytes = {4};
  content.predicted = &run.timeline;
  return content;
}

TEST(HtmlPage, LoadsNothingFromAnywhere) {
  const Sample run = sample_of("rank 0");
  const std::string page = html_page(content_of(run));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* reaching : {"<link", " src=", "@import", "<iframe"}) EXPECT_THAT(page, Not(HasSubstr(reaching)));
  EXPECT_THAT(page, Not(HasSubstr("@DATA@")));
  EXPECT_THAT(page, HasSubstr("d3js.org"));  // the library's own notice: it is inside
}

TEST(HtmlPage, TextOfTheRunCannotEndItsElement) {
  const std::string hostile = "</script><script>alert(1)</script>&\"'<!--";
  const Sample run = sample_of(hostile);
  PageContent content = content_of(run);
  content.title = hostile;
  content.facts = {{hostile, hostile}};
  const std::string page = html_page(content);
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)"));
  const auto data = page.find("application/json");
  const auto open = page.find('>', data) + 1, close = page.find("</script>", open);
  const auto read = input::parse_document(page.substr(open, close - open), "data");
  EXPECT_EQ(read.root().at("sides").items().front().at("devices").items().front().text(), hostile);
}

TEST(HtmlPage, DataHoldsEverySpanMemoryAndBound) {
  const Sample run = sample_of("rank 0");
  const input::Document data(page_data(content_of(run)), "data");
  const input::Node side = data.root().at("sides").items().front();
  // 2 ranks x 2 micro-batches x (forward + backward), and 2 outputs and 2 gradients with two ends each.
  EXPECT_EQ(side.at("spans").at("count").count(), 16);
  EXPECT_TRUE(side.at("spans").at("chunk").is_number());
  // Rank 0 holds micro-batch 0 from 0 s and both from 1 s.
  std::vector<double> memory;
  for (const input::Node& value : side.at("memory").items().front().items()) memory.push_back(value.number());
  ASSERT_GE(memory.size(), 6U);
  EXPECT_THAT(std::vector(memory.begin() + 1, memory.begin() + 3), testing::ElementsAre(1, 4));
  EXPECT_NEAR(memory[3] * data.root().at("tick_s").number(), 1, 1e-6);
  EXPECT_THAT(std::vector(memory.begin() + 4, memory.begin() + 6), testing::ElementsAre(2, 8));
  // The first forward, its way to rank 1, then all work of rank 1, and the gradient's way back to rank 0: the last
  // rank's 6 s of work with 1.5 s before and 2.5 s after is what no order beats.
  const input::Node bound = data.root().at("bound");
  EXPECT_TRUE(bound.at("of_lane").boolean());
  EXPECT_NEAR(bound.at("seconds").number(), 10, 1e-9);
  EXPECT_FALSE(side.at("critical").items().empty());
}

}  // namespace
}  // namespace ppplan::report

#include "traces/timeline_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "planner/input/input_error.h"

namespace ppplan::traces {
namespace {

using input::Json;

/// Two stages, two micro-batches: 1 s of compute, 0.5 s of transfer, a token return at the end.
Timeline two_stages() {
  Timeline timeline{"simulated", {"first", "second"}, {}};
  for (int k = 0; k < 2; ++k) {
    timeline.spans.push_back({0, {OpKind::forward, 0, 0, k, 0}, 1.0 * k, 1.0 * k + 1, 0});
    timeline.spans.push_back({0, {OpKind::send, 0, 0, k, 0}, 1.0 * k + 1, 1.0 * k + 1.5, 64});
    timeline.spans.push_back({1, {OpKind::recv, 0, 0, k, 0}, 1.0 * k + 1, 1.0 * k + 1.5, 64});
    timeline.spans.push_back({1, {OpKind::forward, 1, 0, k, 0}, 1.0 * k + 1.5, 1.0 * k + 2.5, 0});
  }
  timeline.spans.push_back({1, {OpKind::token_return, 1, 0, 0, 0}, 2.5, 2.75, 0});
  timeline.spans.push_back({0, {OpKind::token_return, 1, 0, 0, 0}, 2.5, 2.75, 0});
  sort_spans(timeline);
  return timeline;
}

Timeline reread(const Json& json) { return timeline_from_json(input::Document(json, "t.json").root()); }

void expect_rejected(const Json& json, const std::string& part) {
  try {
    reread(json);
    FAIL() << "accepted: " << part;
  } catch (const input::InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(part));
  }
}

TEST(TimelineJson, ReadsBackWhatItWrote) {
  EXPECT_EQ(reread(to_json(two_stages())), two_stages());
  EXPECT_EQ(reread(to_json(Timeline{"measured", {}, {}})), (Timeline{"measured", {}, {}}));
}

TEST(TimelineJson, SurvivesTextWithoutLosingABit) {
  Timeline timeline{"t", {"a"}, {{0, {}, 0.1 + 0.2, 1.0 / 3 + 1, 0}}};
  EXPECT_EQ(timeline_from_json(input::parse_document(to_json(timeline).dump(), "t.json").root()), timeline);
}

TEST(TimelineJson, HoldsTheFieldsOthersRead) {
  const Json json = to_json(two_stages());
  EXPECT_EQ(json.at("format"), "ppplan/timeline/1");
  EXPECT_EQ(json.at("origin"), "simulated");
  EXPECT_EQ(json.at("makespan_s"), 3.5);
  EXPECT_EQ(json.at("devices"), (Json{"first", "second"}));
  for (const char* field : {"device", "kind", "stage", "chunk", "micro_batch", "replica", "start_s", "end_s", "bytes"})
    EXPECT_TRUE(json.at("spans").at(0).contains(field)) << field;
}

TEST(TimelineJson, RejectsWhatMakesNoSense) {
  const Json good = to_json(two_stages());
  Json json = good;
  json["format"] = "ppplan/plan/1";
  expect_rejected(json, "/format");
  json = good;
  json["spans"][0]["device"] = 2;
  expect_rejected(json, "/spans/0/device");
  json = good;
  json["spans"][1]["kind"] = "forwards";
  expect_rejected(json, "/spans/1/kind");
  json = good;
  json["spans"][1]["end_s"] = -1;
  expect_rejected(json, "/spans/1/end_s");
  json = good;
  json["spans"][0]["micro_batch"] = -1;
  expect_rejected(json, "/spans/0/micro_batch");
  json = good;
  json.erase("origin");
  expect_rejected(json, "'origin'");
}

std::vector<Json> events(const Json& trace, const std::string& phase) {
  std::vector<Json> found;
  for (const Json& event : trace.at("traceEvents"))
    if (event.at("ph") == phase) found.push_back(event);
  return found;
}

TEST(ChromeTrace, HasASlicePerSpanInMicroseconds) {
  const std::vector<Json> slices = events(chrome_trace(two_stages()), "X");
  ASSERT_EQ(slices.size(), two_stages().spans.size());
  EXPECT_EQ(slices[0].at("ts"), 0);
  EXPECT_EQ(slices[0].at("dur"), 1e6);
  EXPECT_EQ(slices[0].at("args").at("micro_batch"), 0);
}

TEST(ChromeTrace, NamesAProcessPerDeviceWithThreadsByRole) {
  std::map<int, std::set<std::string>> threads;
  std::map<int, std::string> processes;
  for (const Json& event : events(chrome_trace(two_stages()), "M")) {
    if (event.at("name") == "process_name") processes[event.at("pid").get<int>()] = event.at("args").at("name");
    if (event.at("name") == "thread_name")
      threads[event.at("pid").get<int>()].insert(event.at("args").at("name").get<std::string>());
  }
  EXPECT_EQ(processes, (std::map<int, std::string>{{0, "first"}, {1, "second"}}));
  // The token return is received by the first device and sent by the second.
  EXPECT_EQ(threads[0], (std::set<std::string>{"compute", "send", "recv"}));
  EXPECT_EQ(threads[1], (std::set<std::string>{"compute", "send", "recv"}));
}

TEST(ChromeTrace, DrawsAnArrowFromEverySendToItsRecv) {
  const Json trace = chrome_trace(two_stages());
  const std::vector<Json> starts = events(trace, "s"), ends = events(trace, "f");
  ASSERT_EQ(starts.size(), 3u);  // two activations and a token return
  ASSERT_EQ(ends.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(starts[k].at("id"), ends[k].at("id"));
    EXPECT_NE(starts[k].at("pid"), ends[k].at("pid"));
  }
  EXPECT_EQ(starts[0].at("pid"), 0);
  EXPECT_EQ(starts[2].at("pid"), 1);
}

TEST(ChromeTrace, SlicesOfOneThreadNeverOverlap) {
  Timeline timeline{"t", {"a"}, {}};
  // Sends to two peers that overlap without nesting: [0, 2) and [1, 3).
  timeline.spans.push_back({0, {OpKind::send, 0, 0, 0, 0}, 0, 2, 0});
  timeline.spans.push_back({0, {OpKind::send, 0, 0, 1, 0}, 1, 3, 0});
  timeline.spans.push_back({0, {OpKind::send, 0, 0, 2, 0}, 2, 4, 0});
  const std::vector<Json> slices = events(chrome_trace(timeline), "X");
  EXPECT_NE(slices[0].at("tid"), slices[1].at("tid"));
  EXPECT_EQ(slices[0].at("tid"), slices[2].at("tid"));
}

TEST(ChromeTrace, ColoursByMicroBatch) {
  const std::vector<Json> slices = events(chrome_trace(two_stages()), "X");
  std::map<int, std::set<std::string>> colours;
  for (const Json& slice : slices)
    colours[slice.at("args").at("micro_batch").get<int>()].insert(slice.at("cname").get<std::string>());
  EXPECT_EQ(colours[0].size(), 1u);
  EXPECT_NE(colours[0], colours[1]);
}

}  // namespace
}  // namespace ppplan::traces

#include "planner/schedule/schedule_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "tests/schedule/random_schedules.h"

namespace ppplan::schedule {
namespace {

using input::Json;
using tests::Random;

Schedule reread(const Json& json) { return schedule_from_json(input::Document(json, "s.json").root()); }

Schedule small() {
  Random random(41);
  PipelineShape shape = tests::random_shape(random, 2);
  shape.receive_buffers = 2;
  return decode_rounds(shape, {tests::random_costs(random, 2, true)}, 2);
}

TEST(ScheduleJson, ReadsBackWhatItWrote) {
  Random random(42);
  for (int trial = 0; trial < 500; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    if (trial % 2 == 0) tests::add_groups(random, schedule);
    if (trial % 3 == 0) schedule.busy_devices = tests::uniform(random, 1, 8);
    for (Op& op : schedule.ops)
      if (!is_transfer(op) && trial % 5 == 0) op.alone_fraction = 0.1 * tests::uniform(random, 1, 10);
    ASSERT_EQ(schedule_from_json(input::parse_document(to_json(schedule).dump(), "s.json").root()), schedule);
  }
}

TEST(ScheduleJson, FindsPartnersThatAreNotWritten) {
  Json json = to_json(small());
  for (Json& device : json["devices"])
    for (Json& lane : device["lanes"])
      for (Json& op : lane["ops"]) {
        op.erase("partner");
        op.erase("peer");
        op.erase("replica");
      }
  EXPECT_EQ(reread(json), small());
}

TEST(ScheduleJson, IdsMayBeAnyDistinctNumbers) {
  Json json = to_json(small());
  const auto moved = [](Json& id) { id = id.get<int>() * 10 + 7; };
  for (Json& device : json["devices"])
    for (Json& lane : device["lanes"])
      for (Json& op : lane["ops"]) {
        moved(op["id"]);
        if (op.contains("partner")) moved(op["partner"]);
        for (Json& awaited : op["after"]) moved(awaited);
      }
  EXPECT_EQ(reread(json), small());
}

TEST(ScheduleJson, BuffersMayBeUnbounded) {
  Schedule schedule = small();
  schedule.receive_buffers = 0;
  EXPECT_EQ(to_json(schedule).at("receive_buffers"), "unbounded");
  EXPECT_EQ(reread(to_json(schedule)), schedule);
}

TEST(ScheduleJson, NamesThePlaceOfWhatIsWrong) {
  const auto rejects = [](const char* place, const std::function<void(Json&)>& apply) {
    Json json = to_json(small());
    apply(json);
    try {
      reread(json);
      FAIL() << "accepted: " << place;
    } catch (const input::InputError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("s.json"), testing::HasSubstr(place)));
    }
  };
  rejects("/format", [](Json& s) { s["format"] = "ppplan/schedule/9"; });
  rejects("'receive_buffers'", [](Json& s) { s.erase("receive_buffers"); });
  rejects("/receive_buffers", [](Json& s) { s["receive_buffers"] = "many"; });
  rejects("/devices/0/lanes/0/kind", [](Json& s) { s["devices"][0]["lanes"][0]["kind"] = "copy"; });
  rejects("/devices/0/lanes/0/ops/0/kind", [](Json& s) { s["devices"][0]["lanes"][0]["ops"][0]["kind"] = "fwd"; });
  rejects("/devices/0/lanes/0/ops/1/id", [](Json& s) { s["devices"][0]["lanes"][0]["ops"][1]["id"] = 0; });
  rejects("/devices/0/lanes/0/ops/0/seconds", [](Json& s) { s["devices"][0]["lanes"][0]["ops"][0]["seconds"] = -1; });
  for (const double fraction : {0.0, 1.5})
    rejects("/devices/0/lanes/0/ops/0/alone_fraction",
            [fraction](Json& s) { s["devices"][0]["lanes"][0]["ops"][0]["alone_fraction"] = fraction; });
  rejects("/devices/0/lanes/0/ops/1/after/0", [](Json& s) { s["devices"][0]["lanes"][0]["ops"][1]["after"][0] = 999; });
  rejects("sound schedule", [](Json& s) { s["devices"][0]["lanes"][0]["ops"][1]["micro_batch"] = 0; });
  rejects("another end", [](Json& s) {
    s["devices"][0]["lanes"][1]["ops"][0].erase("partner");
    s["devices"][0]["lanes"][1]["ops"][0]["micro_batch"] = 77;
  });
}

}  // namespace
}  // namespace ppplan::schedule

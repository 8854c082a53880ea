#include "traces/profile_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "planner/input/input_error.h"
#include "tests/traces/profile_mutation.h"

namespace ppplan::traces {
namespace {

using input::InputError;

Profile example() {
  Profile out;
  out.engine = "ppplan 0.1";
  out.device = "cpu-core";
  out.machine = {{"cpu", "some core"}, {"clock", "2.1 GHz"}};
  out.core_speed = 200;
  out.alone_core_speed = 250;
  out.busy_cores = 2;
  out.operations = {{"layer", "fp32", {{"hidden", 384}, {"heads", 6}}, 1, 128, 1, 64, 2e-3, 1.9e-3, 2.2e-3, 9, 1.8e-3},
                    {"gemm", "bf16", {{"n", 1024}, {"k", 512}}, 2, 1, 1, 0, 1e-5, 1e-5, 1e-5, 1, 0}};
  out.links = {{"send_recv", "memory", 2, 0, 1, 4096, 3e-6, ""},
               {"all_reduce", "nvlink", 8, 0, 7, 1 << 20, 3e-5, "nccl 2.18"}};
  out.errors = {{"layer", "rows", 12, 0.01, 0.05}};
  out.sources = {{"a project: a file", "0123abc", "MIT"}};
  return out;
}

Profile read(const std::string& text) { return profile_from_json(input::parse_document(text, "profile.json").root()); }

std::string with(const std::string& pointer, const input::Json& value) {
  input::Json json = to_json(example());
  json[input::Json::json_pointer(pointer)] = value;
  return json.dump();
}

std::string without(const std::string& pointer, const std::string& key) {
  input::Json json = to_json(example());
  json[input::Json::json_pointer(pointer)].erase(key);
  return json.dump();
}

std::string complaint(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "none";
}

TEST(ProfileJson, RoundTrips) { EXPECT_EQ(read(to_json(example()).dump(1)), example()); }

TEST(ProfileJson, SaysWhatItIs) {
  const input::Json json = to_json(example());
  EXPECT_EQ(json.begin().key(), "format");
  EXPECT_EQ(json["format"], "ppplan/profile/1");
  EXPECT_EQ(json["machine"]["device"], "cpu-core");
}

TEST(ProfileJson, FillsInWhatMayBeLeftOut) {
  const Profile profile = read(R"({"format":"ppplan/profile/1","engine":"e","device":"d",
    "operations":[{"op":"layer","tokens":4,"batch":1,"kv_tokens":0,"median_s":0.5}]})");
  ASSERT_EQ(profile.operations.size(), 1u);
  EXPECT_EQ(profile.operations[0].p10_s, 0.5);
  EXPECT_EQ(profile.operations[0].p90_s, 0.5);
  EXPECT_EQ(profile.operations[0].tp, 1);
}

TEST(ProfileJson, RefusesImpossibleValuesAndNamesThem) {
  using testing::AllOf;
  using testing::HasSubstr;
  for (const auto& value :
       {input::Json(0), input::Json(-1e-3), input::Json("fast"), input::Json(1e-320), input::Json()})
    EXPECT_THAT(complaint(with("/operations/1/median_s", value)),
                AllOf(HasSubstr("profile.json"), HasSubstr("/operations/1/median_s")))
        << value;
  for (const char* field : {"tokens", "batch", "tp", "repeats"})
    EXPECT_THAT(complaint(with(std::string("/operations/0/") + field, 0)),
                HasSubstr(std::string("/operations/0/") + field));
  EXPECT_THAT(complaint(with("/operations/0/kv_tokens", -1)), HasSubstr("/operations/0/kv_tokens"));
  EXPECT_THAT(complaint(with("/operations/0/shape/hidden", 1.5)), HasSubstr("/operations/0/shape/hidden"));
  EXPECT_THAT(complaint(with("/operations/0/p90_s", 1e-3)), HasSubstr("p10_s"));
  EXPECT_THAT(complaint(with("/links/0/bytes", 0)), HasSubstr("/links/0/bytes"));
  EXPECT_THAT(complaint(with("/links/0/ranks", 1)), HasSubstr("/links/0/ranks"));
  EXPECT_THAT(complaint(with("/links/1/median_s", -2)), HasSubstr("/links/1/median_s"));
  EXPECT_THAT(complaint(with("/errors/0/p90", -0.1)), HasSubstr("/errors/0/p90"));
  EXPECT_THAT(complaint(with("/operations", 3)), HasSubstr("an array"));
  EXPECT_THAT(complaint(with("/format", "ppplan/plan/1")), HasSubstr("ppplan/profile/1"));
}

TEST(ProfileJson, RefusesMissingFieldsAndNamesThem) {
  for (const char* field : {"op", "tokens", "batch", "kv_tokens", "median_s"})
    EXPECT_THAT(complaint(without("/operations/0", field)), testing::HasSubstr(std::string("'") + field + "'"));
  for (const char* field : {"op", "link", "bytes", "median_s"})
    EXPECT_THAT(complaint(without("/links/0", field)), testing::HasSubstr(std::string("'") + field + "'"));
  for (const char* field : {"format", "engine", "device"})
    EXPECT_THAT(complaint(without("", field)), testing::HasSubstr(std::string("'") + field + "'"));
}

TEST(ProfileJson, NumbersThatJsonCannotHoldAreRefused) {
  EXPECT_THAT(complaint(R"({"format":"ppplan/profile/1","engine":"e","device":"d","links":[
    {"op":"send_recv","link":"nvlink","bytes":1,"median_s":1e999}]})"),
              testing::HasSubstr("profile.json"));
  EXPECT_THAT(complaint(R"({"format":"ppplan/profile/1","engine":"e","device":"d","links":[
    {"op":"send_recv","link":"nvlink","bytes":1,"median_s":NaN}]})"),
              testing::HasSubstr("line 2"));
}

TEST(ProfileJson, AMissingFileIsNamed) { EXPECT_THROW(input::read_document("no/such/profile.json"), InputError); }

/// Bytes changed, cut out or doubled: the reader answers with a profile or an InputError, nothing else.
TEST(ProfileJson, SurvivesMutations) {
  const std::string text = to_json(example()).dump();
  std::mt19937 random(20);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string damaged = tests::mutated(text, "0123456789-.eE\"{}[],:", random);
    try {
      read(damaged);
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace ppplan::traces

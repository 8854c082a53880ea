// Calibrations keep what was measured: written and read again they are equal, and what contradicts itself is refused.
#include "planner/spec/calibration.h"

#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "tests/input/damage.h"

namespace ppplan::spec {
namespace {

Calibration example() {
  Calibration out;
  out.model = "meta-llama/Meta-Llama-3-70B";
  out.gpu = "l4";
  out.vllm = "0.5.4";
  out.parallel = {.tp = 1, .pp = 2, .dp = 1};
  out.partition = {41, 39};
  out.corrections = {{"activation", 123'456'789, 1, "doctor: server.log"},
                     {"kv", -5, std::nullopt, "doctor: server.log"}};
  out.observations = {{.stage = 0, .weights_bytes = 9'000, .kv_bytes = -7, .kv_tokens = 100},
                      {.stage = 1, .non_torch_bytes = 5, .activation_bytes = 6, .graph_bytes = 0},
                      {.kv_tokens = 90, .kv_blocks = 6}};
  out.source = "server.log";
  return out;
}

Calibration read(const input::Json& json) {
  const input::Document document(json, "calibration.json");
  return calibration_from_json(document.root());
}

TEST(Calibration, ReadsWhatItWrote) { EXPECT_EQ(read(to_json(example())), example()); }

TEST(Calibration, StagesLieWithinThePipeline) {
  for (const char* list : {"observations", "corrections"}) {
    input::Json json = to_json(example());
    json[list][0]["stage"] = 2;
    EXPECT_THROW(read(json), input::InputError) << list;
  }
}

TEST(Calibration, APartitionHasAnEntryPerStageOrNone) {
  input::Json json = to_json(example());
  json["partition"] = {80};
  EXPECT_THROW(read(json), input::InputError);
  json["partition"] = input::Json::array();
  EXPECT_TRUE(read(json).partition.empty());
}

TEST(Calibration, ObservationsAreOptional) {
  input::Json json = to_json(example());
  json.erase("observations");
  EXPECT_TRUE(read(json).observations.empty());
}

TEST(Calibration, DamageIsReadOrRefused) {
  tests::Random random(1);
  for (int round = 0; round < 3000; ++round) {
    input::Json json = to_json(example());
    tests::damage(json, random);
    try {
      const Calibration once = read(json);
      EXPECT_EQ(read(to_json(once)), once);
    } catch (const input::InputError&) {
    }
  }
}

}  // namespace
}  // namespace ppplan::spec

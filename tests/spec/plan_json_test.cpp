#include "planner/spec/plan_json.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/spec/error_text.h"
#include "tests/spec/random_plan.h"

namespace ppplan::spec {
namespace {

using input::Json;

Plan read(const Json& json) {
  const input::Document document = input::parse_document(json.dump(), "plan.json");
  return plan_from_json(document.root());
}

Plan a_plan() {
  std::mt19937 random(11);
  Plan plan = random_plan(random);
  while (plan.parallel.pp < 3 || plan.times.empty() || plan.neighbours.empty()) plan = random_plan(random);
  return plan;
}

/// The error after one member, named by its pointer, was given another value.
std::string refusal(const std::string& pointer, const Json& value) {
  Json json = to_json(a_plan());
  json[Json::json_pointer(pointer)] = value;
  return error_text([&] { read(json); });
}

TEST(PlanDocument, IsReadBackAsWritten) {
  std::mt19937 random(5);
  for (int round = 0; round < 150; ++round) {
    const Plan plan = random_plan(random);
    ASSERT_EQ(read(to_json(plan)), plan) << to_json(plan).dump(1);
  }
}

TEST(PlanDocument, IsWrittenTheSameEveryTime) {
  const Plan plan = a_plan();
  EXPECT_EQ(to_json(plan).dump(), to_json(read(to_json(plan))).dump());
}

TEST(PlanDocument, HasTheFieldsOthersRelyOn) {
  const Json json = to_json(a_plan());
  EXPECT_EQ(json.begin().key(), "format");
  EXPECT_EQ(json["format"], "ppplan/plan/1");
  for (const char* pointer : {"/model/name",
                              "/model/num_layers",
                              "/cluster/devices/0/index",
                              "/cluster/devices/0/name",
                              "/cluster/devices/0/memory_bytes",
                              "/cluster/devices/0/free_bytes",
                              "/parallel/tp",
                              "/parallel/pp",
                              "/parallel/dp",
                              "/partition/0",
                              "/stages/0/first_layer",
                              "/stages/0/end_layer",
                              "/stages/0/devices/0/0",
                              "/stages/0/verdict",
                              "/stages/0/memory/budget_bytes",
                              "/stages/0/memory/weights_bytes",
                              "/stages/0/memory/embedding_bytes",
                              "/stages/0/memory/head_bytes",
                              "/stages/0/memory/activation_bytes",
                              "/stages/0/memory/cuda_graph_bytes",
                              "/stages/0/memory/other_bytes",
                              "/stages/0/memory/kv_bytes",
                              "/stages/0/memory/margin_bytes",
                              "/stages/0/kv_tokens",
                              "/stages/0/time/prefill_s",
                              "/stages/0/time/decode_s",
                              "/micro_batching/in_flight",
                              "/micro_batching/max_num_batched_tokens",
                              "/micro_batching/max_num_seqs",
                              "/predicted/output_tokens_per_s",
                              "/predicted/total_tokens_per_s",
                              "/predicted/ttft_s",
                              "/predicted/tpot_s",
                              "/predicted/bubble_fraction",
                              "/predicted/balance",
                              "/predicted/kv_tokens",
                              "/predicted/limiting_stage",
                              "/predicted/lower_bound_s",
                              "/predicted/uncertainty/ttft_s/1",
                              "/verdict",
                              "/warnings/0",
                              "/neighbours/0/partition/0",
                              "/neighbours/0/kv_tokens",
                              "/neighbours/0/output_tokens_per_s",
                              "/neighbours/0/verdict",
                              "/launch/env",
                              "/launch/command",
                              "/provenance/costs",
                              "/provenance/engine",
                              "/provenance/profile",
                              "/provenance/vllm",
                              "/inputs/assumed/0"})
    EXPECT_TRUE(json.contains(Json::json_pointer(pointer))) << pointer;
}

TEST(PlanDocument, IsTakenFromASearchAsItsFirstPlan) {
  const Plan plan = a_plan();
  Json search = {{"format", "ppplan/search/1"}, {"plans", {to_json(plan), "not looked at"}}};
  EXPECT_EQ(read(search), plan);
  search["plans"] = Json::array();
  EXPECT_EQ(error_text([&] { read(search); }), "plan.json: /plans: expected at least one plan, found an array of 0");
}

TEST(PlanDocument, NamesThePlaceOfEveryContradiction) {
  const auto expect = [](const std::string& pointer, const Json& value, const std::string& place) {
    const std::string sentence = refusal(pointer, value);
    EXPECT_EQ(sentence.find("plan.json: " + place), 0U) << pointer << ": " << sentence;
  };
  expect("/format", "ppplan/plan/2", "/format:");
  expect("/format", "ppplan/report/1", "/format:");
  expect("/partition", {1}, "/partition:");
  expect("/partition/0", 0, "/partition/0:");
  expect("/partition/0", 10000, "/partition/0:");
  expect("/stages/1/first_layer", 0, "/stages/1/first_layer:");
  expect("/stages/1/end_layer", 100000, "/stages/1/end_layer:");
  expect("/stages/0/embedding", false, "/stages/0/embedding:");
  expect("/stages/1/devices", Json::array(), "/stages/1/devices:");
  expect("/stages/1/devices/0/0", 1000, "/stages/1/devices/0/0:");
  expect("/stages/1/devices/0/0", a_plan().stages[0].devices[0][0], "/stages/1/devices/0/0:");
  expect("/stages/1/verdict", "GOOD", "/stages/1/verdict:");
  expect("/stages/1/memory/weights_bytes", -1, "/stages/1/memory/weights_bytes:");
  expect("/stages/1/time/decode_s", -1, "/stages/1/time/decode_s:");
  expect("/stages/1/time/decode_s", std::numeric_limits<double>::quiet_NaN(), "/stages/1/time/decode_s:");
  expect("/parallel/tp", 0, "/parallel/tp:");
  expect("/parallel/dp", 4096, "/parallel:");
  expect("/model/num_layers", 1, "/model/num_layers:");
  expect("/model/name", "another", "/model/name:");
  expect("/cluster/devices", Json::array(), "/cluster/devices:");
  expect("/cluster/devices/0/memory_bytes", 1, "/cluster/devices/0/memory_bytes:");
  expect("/inputs/costs/0/layer_s", Json::array(), "/inputs/costs/0/layer_s:");
  expect("/inputs/costs/0/layer_s/0", -1e-9, "/inputs/costs/0/layer_s/0:");
  expect("/inputs/costs/0/boundary_bytes", Json::array(), "/inputs/costs/0/boundary_bytes:");
  expect("/inputs/costs/0/boundary_latency_s/0", nullptr, "/inputs/costs/0/boundary_latency_s/0:");
  expect("/inputs/model/layers/0/count", 0, "/inputs/model/layers/0/count:");
  expect("/inputs/model/layers/0/attention/kv_heads", 0, "/inputs/model/layers/0/attention/kv_heads:");
  expect("/inputs/cluster/links/0/bandwidth_bytes_per_s", 0, "/inputs/cluster: /links/0/bandwidth_bytes_per_s:");
  expect("/inputs/gpu_memory_utilization", 1.5, "/inputs/gpu_memory_utilization:");
  expect("/predicted/limiting_stage", 99, "/predicted/limiting_stage:");
  expect("/predicted/bubble_fraction", 1.5, "/predicted/bubble_fraction:");
  expect("/predicted/uncertainty/ttft_s", {2, 1}, "/predicted/uncertainty/ttft_s/1:");
  expect("/neighbours/0/partition", {1, 1}, "/neighbours/0/partition:");
  expect("/launch/env/X", 1, "/launch/env/X:");
}

TEST(PlanDocument, NamesWhatIsMissing) {
  const Json whole = to_json(a_plan());
  for (const auto& member : whole.items()) {
    if (member.key() == "longest_context") continue;  // newer than the first documents
    Json json = whole;
    json.erase(member.key());
    EXPECT_NE(error_text([&] { read(json); }).find("a member '" + member.key() + "'"), std::string::npos)
        << member.key();
  }
}

TEST(ModelDocument, WritesEqualLayersOnce) {
  ModelSpec model;
  model.name = "m";
  model.architecture = "a";
  model.hidden = model.vocabulary = model.max_position = 1;
  Layer layer;
  layer.attention = {AttentionKind::gqa, 1, 1, 1, 0, false, false};
  layer.feed_forward.intermediate = 1;
  model.layers.assign(80, layer);
  model.layers[40].feed_forward.intermediate = 2;
  const Json json = to_json(model);
  ASSERT_EQ(json["layers"].size(), 3U);
  EXPECT_EQ(json["layers"][2]["count"], 39);
  const input::Document document(json, "model");
  EXPECT_EQ(model_from_json(document.root()), model);
}

}  // namespace
}  // namespace ppplan::spec

#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/spec/config_dtype.h"

namespace ppplan::spec {
namespace {

WeightFormats formats(const char* quantization) {
  input::Json config;
  config["quantization_config"] = input::Json::parse(quantization);
  const input::Document document(config, "config.json");
  return weight_formats(document.root(), DType::bf16, 4);
}

ScaleGroup group(const char* quantization) {
  input::Json config;
  config["quantization_config"] = input::Json::parse(quantization);
  const input::Document document(config, "config.json");
  return scale_group(document.root());
}

TEST(ScaleGroup, IsABlockOfFp8OrRunsAlongTheInputs) {
  EXPECT_EQ(group(R"({"quant_method": "fp8", "weight_block_size": [128, 64]})"), (ScaleGroup{64, 128}));
  EXPECT_EQ(group(R"({"quant_method": "fp8", "weight_block_size": null})"), ScaleGroup{});
  EXPECT_EQ(group(R"({"quant_method": "awq", "bits": 4, "group_size": 128})"), (ScaleGroup{128, 1}));
  EXPECT_EQ(group(R"({"quant_method": "gptq", "bits": 4, "group_size": -1})"), ScaleGroup{});
  EXPECT_EQ(group(R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights":
      {"strategy": "block", "block_structure": [128, 128], "group_size": null}}}})"),
            (ScaleGroup{128, 128}));
  EXPECT_EQ(group(R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights":
      {"strategy": "group", "group_size": 32}}}})"),
            (ScaleGroup{32, 1}));
  EXPECT_THROW(group(R"({"quant_method": "fp8", "weight_block_size": [128]})"), input::InputError);
  EXPECT_THROW(group(R"({"quant_method": "fp8", "weight_block_size": [128, 0]})"), input::InputError);
}

TEST(WeightFormats, Mxfp4IsOfExpertsAlone) {
  EXPECT_EQ(formats(R"({"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]})"),
            (WeightFormats{DType::bf16, DType::bf16, DType::mxfp4}));
}

TEST(WeightFormats, AlternativesOfAnExpressionAreTaken) {
  EXPECT_EQ(formats(R"x({"quant_method": "compressed-tensors",
    "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"],
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int"}}}})x"),
            (WeightFormats{DType::bf16, DType::bf16, DType::int4}));
}

TEST(WeightFormats, NamesAreWholeComponents) {
  EXPECT_EQ(formats(R"({"quant_method": "fp8", "modules_to_not_convert": ["mlp.gate", "lm_head"]})"),
            (WeightFormats{DType::fp8, DType::fp8, DType::fp8}));
  EXPECT_EQ(formats(R"({"quant_method": "awq", "bits": 4, "modules_to_not_convert": ["self_attn"]})"),
            (WeightFormats{DType::int4, DType::bf16, DType::int4}));
}

TEST(WeightFormats, OneLayerLeftAloneChangesNothing) {
  EXPECT_EQ(formats(R"({"quant_method": "fp8", "ignored_layers": ["model.layers.0.self_attn.q_proj"]})").attention,
            DType::fp8);
}

}  // namespace
}  // namespace ppplan::spec

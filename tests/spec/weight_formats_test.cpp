#include <gtest/gtest.h>

#include "planner/spec/config_dtype.h"

namespace ppplan::spec {
namespace {

WeightFormats formats(const char* quantization) {
  input::Json config;
  config["quantization_config"] = input::Json::parse(quantization);
  const input::Document document(config, "config.json");
  return weight_formats(document.root(), DType::bf16, 4);
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

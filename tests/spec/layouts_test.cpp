// Configs that describe layers one by one, name their fields otherwise, or wrap another model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "planner/spec/read_model.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

using input::Json;
using testing::HasSubstr;

ModelSpec read(const Json& config) {
  const input::Document document(config, "config.json");
  return model_from_config(document.root(), "model");
}

std::string refusal(const Json& config) {
  return error_text([&] { read(config); });
}

std::int64_t part(const ModelSpec& model, std::size_t layer, std::string_view name) {
  for (const WeightPart& it : weight_parts(model, model.layers[layer]))
    if (it.name == name) return it.elements;
  return 0;
}

Json nemotron_h() {
  return Json::parse(
      R"({"architectures": ["NemotronHForCausalLM"], "hidden_size": 64, "hybrid_override_pattern": "M*-E",
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "vocab_size": 100,
    "max_position_embeddings": 128, "mamba_num_heads": 8, "mamba_head_dim": 4, "ssm_state_size": 16, "n_groups": 2,
    "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "moe_latent_size": 32,
    "moe_shared_expert_intermediate_size": 40, "mamba_ssm_cache_dtype": "float32"})");
}

TEST(Layouts, NemotronHsLayersAreAMixerOrABlock) {
  const ModelSpec model = read(nemotron_h());
  ASSERT_EQ(model.layers.size(), 4U);
  EXPECT_EQ(model.layers[0].attention.kind, AttentionKind::linear);
  EXPECT_EQ(model.layers[0].feed_forward.kind, FeedForwardKind::none);
  EXPECT_EQ(model.layers[1].attention.kind, AttentionKind::gqa);
  EXPECT_EQ(model.layers[2].attention.kind, AttentionKind::none);
  for (const Layer& layer : model.layers) EXPECT_EQ(layer.norms, 1);
  // Up and down alone: 2 * 64 * 96. Experts between 64 to 32 and back: 8 * 2 * 32 * 24; the shared one 2 * 64 * 40.
  EXPECT_EQ(part(model, 2, "dense"), 12288);
  EXPECT_EQ(part(model, 3, "experts"), 12288);
  EXPECT_EQ(part(model, 3, "narrowing"), 2 * 64 * 32);
  EXPECT_EQ(part(model, 3, "shared expert"), 5120);
  // Convolution of (2 * 2 * 16 + 8 * 4) channels over 3 steps in 2 bytes, 8 states of 4 * 16 in 4; half on two ranks.
  EXPECT_EQ(state_bytes_per_sequence(model, model.layers[0], 2), 48 * 3 * 2 + 4 * 4 * 16 * 4);
}

TEST(Layouts, NemotronHsWordsSayWhatItsLettersSay) {
  Json words = nemotron_h();
  words.erase("hybrid_override_pattern");
  words["layers_block_type"] = {"mamba", "attention", "mlp", "moe"};
  EXPECT_EQ(read(words), read(nemotron_h()));
  words["layers_block_type"][1] = "sliding";
  EXPECT_THAT(refusal(words), HasSubstr("mamba, attention, mlp or moe"));
  Json letters = nemotron_h();
  letters["hybrid_override_pattern"] = "M*-X";
  EXPECT_THAT(refusal(letters), HasSubstr("letters M, *, - and E"));
  letters["hybrid_override_pattern"] = "M*-E";
  letters["num_hidden_layers"] = 5;
  EXPECT_THAT(refusal(letters), HasSubstr("as many as there are kinds of layers"));
}

TEST(Layouts, NemotronNasBlocksHaveSizesOfTheirOwn) {
  const ModelSpec model = read_model("nvidia/Llama-3_3-Nemotron-Super-49B-v1");
  // Two thirds of 2 * 2.625 * 8192 are 14336; of 2 * 0.5 * 8192 they are 2730.7, which 11 times 256 holds.
  EXPECT_EQ(model.layers[0].feed_forward.intermediate, 14336);
  EXPECT_EQ(model.layers[62].feed_forward.intermediate, 2816);
  EXPECT_EQ(model.layers[0].attention.kv_heads, 8);
  EXPECT_EQ(model.layers[6].attention.kind, AttentionKind::none);
  EXPECT_EQ(model.layers[6].norms, 1);
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[6]), 0);
}

TEST(Layouts, NemotronNasRefusesWhatItsEngineLacks) {
  Json config = Json::parse(R"({"architectures": ["DeciLMForCausalLM"], "hidden_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 128,
    "block_configs": [{"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 3.0}}]})");
  EXPECT_EQ(read(config).layers[0].attention.kv_heads, 2);
  Json linear = config, odd = config, few = config;
  linear["block_configs"][0]["ffn"] = {{"replace_with_linear", true}};
  EXPECT_THAT(refusal(linear), HasSubstr("no linear layers"));
  odd["block_configs"][0]["attention"]["n_heads_in_group"] = 3;
  EXPECT_THAT(refusal(odd), HasSubstr("a divisor of the 4 attention heads"));
  few["num_hidden_layers"] = 2;
  EXPECT_THAT(refusal(few), HasSubstr("one block for each of 2 layers"));
}

TEST(Layouts, FieldsMayHaveOtherNames) {
  const ModelSpec glm = read_model("zai-org/glm-4-9b-chat");
  EXPECT_EQ(glm.layers.size(), 40U);
  EXPECT_EQ(glm.layers[0].attention.kv_heads, 2);
  EXPECT_TRUE(glm.layers[0].attention.qkv_bias);
  EXPECT_EQ(glm.max_position, 131072);
  const ModelSpec dbrx = read_model("dbrx");  // of its members' members
  EXPECT_EQ(dbrx.layers[0].feed_forward, (FeedForward{FeedForwardKind::moe, 10752, 16, 4}));
  EXPECT_EQ(read_model("tiiuae/falcon-7b").layers[0].attention.kv_heads, 1);
  EXPECT_EQ(read_model("tiiuae/falcon-40b").layers[0].attention.kv_heads, 8);
  EXPECT_EQ(read_model("gpt2").layers[0].feed_forward.intermediate, 4 * 768);
}

TEST(Layouts, AListOfEqualNumbersIsThatNumber) {
  Json config = Json::parse(R"({"architectures": ["HunYuanMoEV1ForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24, "vocab_size": 100,
    "max_position_embeddings": 128, "num_experts": 8, "moe_topk": [2, 2], "moe_intermediate_size": [24, 24],
    "num_shared_expert": [1, 1]})");
  EXPECT_EQ(read(config).layers[1].feed_forward, (FeedForward{FeedForwardKind::moe, 24, 8, 2, 24}));
  config["moe_topk"][1] = 4;
  EXPECT_THAT(refusal(config), HasSubstr("2 as in the other layers"));
}

TEST(Layouts, WrappersTakeTheRulesOfTheModelInside) {
  const ModelSpec moe = read_model("OpenGVLab/InternVL3_5-30B-A3B");
  EXPECT_EQ(moe.architecture, "InternVLChatModel");
  EXPECT_TRUE(has_experts(moe));
  EXPECT_TRUE(moe.layers[0].attention.qk_norm);
  EXPECT_GT(moe.tower.parameters, 300'000'000);
  const ModelSpec dense = read_model("internvl3-78b");
  EXPECT_TRUE(dense.layers[0].attention.qkv_bias);
  // 45 layers of 4 * 3200^2 + 2 * 3200 * 12800, projections of 12800 * 8192 and 8192^2, less than 0.1 % of vectors.
  EXPECT_NEAR(static_cast<double>(dense.tower.parameters), 45 * 122.88e6 + 172.0e6, 0.008e9);
  const ModelSpec omni = read_model("qwen3-omni");
  EXPECT_EQ(omni.tower.deepstack_layers, 3);
  EXPECT_EQ(omni.layers[0].feed_forward.experts, 128);
}

TEST(Layouts, ATowerStopsAtTheLayerThatTheModelTakes) {
  Json config = Json::parse(R"({"architectures": ["LlavaForConditionalGeneration"], "vision_feature_layer": -1,
    "text_config": {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 96,
    "vocab_size": 100, "max_position_embeddings": 128}, "vision_config": {"hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 4, "patch_size": 14, "image_size": 28}})");
  const std::int64_t whole = read(config).tower.parameters;
  config.erase("vision_feature_layer");
  // 4 * 32^2 + 2 * 32 * 64 of matrices, 4 * 32 of norms, 4 * 32 + 64 + 32 of biases.
  EXPECT_EQ(whole - read(config).tower.parameters, 4096 + 4096 + 128 + 128 + 96);
  config["text_config"]["architectures"] = {"NoSuchModel"};
  EXPECT_THAT(refusal(config), HasSubstr("one of the known architectures"));
}

TEST(Layouts, CommandRHasOneNormAndWindowsInThreeLayersOfFour) {
  const ModelSpec model = read_model("command-a");
  EXPECT_EQ(model.layers[0].norms, 1);
  EXPECT_EQ(model.layers[0].attention.window, 4096);
  EXPECT_EQ(model.layers[3].attention.kind, AttentionKind::gqa);
  // Norms of queries and keys over all 96 and 8 heads.
  EXPECT_EQ(part(read_model("command-r-plus"), 0, "query norm"), 96 * 128);
}

TEST(Layouts, KimiK3sGatesComeFromTheHiddenState) {
  const ModelSpec model = read_model("kimi-k3");
  EXPECT_EQ(part(model, 3, "output gate"), 96LL * 128 * 7168);
  EXPECT_EQ(part(model, 0, "decay and gate compression"), 7168 * 128);
  EXPECT_EQ(part(model, 0, "decay and gate"), 128LL * 12288 + 7168LL * 12288);
  EXPECT_EQ(part(model, 1, "experts"), 896LL * 3 * 3584 * 3072);
  EXPECT_EQ(model.expert_dtype, DType::mxfp4);
  EXPECT_EQ(model.attention_dtype, DType::bf16);
}

TEST(Layouts, SurviveTheirDocuments) {
  for (const char* name : {"nemotron-3-super", "nemotron-super-49b", "kimi-k3", "facebook/opt-13b", "command-r-plus"}) {
    const ModelSpec model = read_model(name);
    const input::Document document(to_json(model), "model");
    EXPECT_EQ(model_from_json(document.root()), model) << name;
  }
}

}  // namespace
}  // namespace ppplan::spec

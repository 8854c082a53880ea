#include <gtest/gtest.h>

#include "planner/spec/read_model.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

using input::Json;

Json llama() {
  return Json::parse(R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 100,
    "max_position_embeddings": 128, "torch_dtype": "bfloat16"})");
}

Json qwen_moe() {
  Json config = llama();
  config["architectures"] = {"Qwen3MoeForCausalLM"};
  config["num_experts"] = 8;
  config["num_experts_per_tok"] = 2;
  config["moe_intermediate_size"] = 24;
  return config;
}

ModelSpec read(const Json& config) {
  const input::Document document(config, "config.json");
  return model_from_config(document.root(), "model");
}

std::string refusal(const Json& config) {
  return error_text([&] { read(config); });
}

TEST(Config, DefaultsHeadDimensionAndKvHeads) {
  Json config = llama();
  EXPECT_EQ(read(config).layers[0].attention.head_dim, 16);
  config["head_dim"] = 32;
  EXPECT_EQ(read(config).layers[0].attention.head_dim, 32);
  config.erase("num_key_value_heads");
  EXPECT_EQ(read(config).layers[0].attention.kv_heads, 4);
  config["head_dim"] = nullptr;
  EXPECT_EQ(read(config).layers[0].attention.head_dim, 16) << "null counts as left out";
}

TEST(Config, GivesEachFamilyItsAttention) {
  Json config = llama();
  EXPECT_FALSE(read(config).layers[0].attention.qkv_bias);
  config["attention_bias"] = true;
  EXPECT_TRUE(read(config).layers[0].attention.qkv_bias);
  config = llama();
  config["architectures"] = {"Qwen2ForCausalLM"};
  EXPECT_TRUE(read(config).layers[0].attention.qkv_bias);
  EXPECT_FALSE(read(config).layers[0].attention.qk_norm);
  config["architectures"] = {"Qwen3ForCausalLM"};
  EXPECT_FALSE(read(config).layers[0].attention.qkv_bias);
  EXPECT_TRUE(read(config).layers[0].attention.qk_norm);
}

std::vector<int> windows(const Json& config) {
  std::vector<int> out;
  for (const Layer& layer : read(config).layers) out.push_back(layer.attention.window);
  return out;
}

TEST(Config, TakesQwensWindowOnlyWhenItIsSwitchedOn) {
  Json config = llama();
  config["architectures"] = {"Qwen2ForCausalLM"};
  config["sliding_window"] = 32;
  config["max_window_layers"] = 2;
  EXPECT_EQ(windows(config), (std::vector<int>{0, 0, 0, 0}));
  config["use_sliding_window"] = true;
  EXPECT_EQ(windows(config), (std::vector<int>{0, 0, 32, 32}));
  config["layer_types"] = {"sliding_attention", "full_attention", "full_attention", "sliding_attention"};
  EXPECT_EQ(windows(config), (std::vector<int>{32, 0, 0, 32}));
}

TEST(Config, TakesMistralsWindowAsItStands) {
  Json config = llama();
  config["architectures"] = {"MistralForCausalLM"};
  config["sliding_window"] = nullptr;
  EXPECT_EQ(windows(config), (std::vector<int>{0, 0, 0, 0}));
  config["sliding_window"] = 64;
  EXPECT_EQ(windows(config), (std::vector<int>{64, 64, 64, 64}));
  config["architectures"] = {"LlamaForCausalLM"};
  EXPECT_EQ(windows(config), (std::vector<int>{0, 0, 0, 0}));
}

TEST(Config, PlacesExpertsByStepAndList) {
  const auto kinds = [](const Json& config) {
    std::string out;
    for (const Layer& layer : read(config).layers) out += layer.feed_forward.kind == FeedForwardKind::moe ? 'e' : 'd';
    return out;
  };
  Json config = qwen_moe();
  EXPECT_EQ(kinds(config), "eeee");
  config["decoder_sparse_step"] = 2;
  EXPECT_EQ(kinds(config), "dede");
  config["mlp_only_layers"] = {3};
  EXPECT_EQ(kinds(config), "dedd");
  EXPECT_EQ(read(config).layers[1].feed_forward.intermediate, 24);
  EXPECT_EQ(read(config).layers[0].feed_forward.intermediate, 96);
}

TEST(Config, ReadsMixtralsExperts) {
  Json config = llama();
  config["architectures"] = {"MixtralForCausalLM"};
  config["num_local_experts"] = 8;
  config["num_experts_per_tok"] = 2;
  const FeedForward block = read(config).layers[3].feed_forward;
  EXPECT_EQ(block, (FeedForward{FeedForwardKind::moe, 96, 8, 2, 0}));
}

TEST(Config, ReadsMamba2LayersByTheirHeadsAndStates) {
  Json config = llama();
  config["architectures"] = {"GraniteMoeHybridForCausalLM"};
  config.update({{"layer_types", {"mamba", "attention", "mamba", "mamba"}},
                 {"mamba_n_heads", 8},
                 {"mamba_d_head", 16},
                 {"mamba_d_state", 32},
                 {"num_local_experts", 0},
                 {"shared_intermediate_size", 48}});
  const ModelSpec model = read(config);
  EXPECT_EQ(model.layers[1].attention.kind, AttentionKind::gqa);
  EXPECT_EQ(model.layers[0].attention.kind, AttentionKind::linear);
  EXPECT_EQ(model.layers[0].feed_forward, (FeedForward{FeedForwardKind::dense, 48}));
  // Convolution: 3 steps of 8 * 16 + 2 * 32 channels; state: 8 heads of 16 * 32. Both in 2 bytes.
  EXPECT_EQ(state_bytes_per_sequence(model, model.layers[0], 1), 2 * 3 * (128 + 64) + 2 * 8 * 16 * 32);
  EXPECT_EQ(state_bytes_per_sequence(model, model.layers[1], 1), 0);
}

TEST(Config, UntiesTheHeadUnlessToldOtherwise) {
  Json config = llama();
  EXPECT_FALSE(read(config).tied_embedding);
  config["tie_word_embeddings"] = true;
  EXPECT_TRUE(read(config).tied_embedding);
}

TEST(Config, ReadsRopeFromEitherPlace) {
  Json config = llama();
  EXPECT_EQ(read(config).rope_theta, 10000);
  config["rope_theta"] = 5e5;
  EXPECT_EQ(read(config).rope_theta, 5e5);
  config["rope_parameters"] = {{"rope_theta", 1e6}};
  EXPECT_EQ(read(config).rope_theta, 1e6);
}

TEST(Config, ReadsDtypes) {
  Json config = llama();
  config["torch_dtype"] = "float16";
  EXPECT_EQ(read(config).dtype, DType::fp16);
  config.erase("torch_dtype");
  EXPECT_EQ(read(config).dtype, DType::bf16);
  config["dtype"] = "float32";
  EXPECT_EQ(read(config).dtype, DType::fp32);
  config["torch_dtype"] = "complex64";
  EXPECT_EQ(refusal(config), "config.json: /torch_dtype: expected bfloat16, float16 or float32, found \"complex64\"");
}

TEST(Config, ReadsQuantization) {
  const auto weights = [](const char* quantization) {
    Json config = llama();
    config["quantization_config"] = Json::parse(quantization);
    const ModelSpec model = read(config);
    EXPECT_EQ(model.kv_dtype, DType::bf16);
    return model.dtype;
  };
  EXPECT_EQ(weights(R"({"quant_method": "fp8"})"), DType::fp8);
  EXPECT_EQ(weights(R"({"quant_method": "awq", "bits": 4})"), DType::int4);
  EXPECT_EQ(weights(R"({"quant_method": "gptq", "bits": 4, "group_size": 32})"), DType::int4_g32);
  EXPECT_EQ(weights(R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": false})"), DType::int4_g32_zeros);
  EXPECT_EQ(weights(R"({"quant_method": "awq", "bits": 4, "group_size": 32})"), DType::int4_g32_zeros);
  EXPECT_EQ(weights(R"({"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": false})"), DType::int4_g32);
  EXPECT_EQ(weights(R"({"quant_method": "gptq", "bits": 8, "group_size": -1})"), DType::int8);
  EXPECT_EQ(weights(R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})"), DType::nvfp4);
  EXPECT_EQ(weights(R"({"quant_method": "modelopt", "quantization": {"quant_algo": "FP8"}})"), DType::fp8);
  EXPECT_EQ(weights(R"({"quant_method": "compressed-tensors",
                        "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}})"),
            DType::fp8);
  EXPECT_EQ(weights(R"({"quant_method": "compressed-tensors",
                        "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}}})"),
            DType::int4);
  EXPECT_EQ(weights(R"({"quant_method": "compressed-tensors",
                        "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}}})"),
            DType::int4_g32);
  Json config = llama();
  config["quantization_config"] = {{"quant_method", "hqq"}};
  EXPECT_NE(refusal(config).find("/quantization_config/quant_method"), std::string::npos);
}

TEST(Config, RefusesUnknownArchitecturesByName) {
  Json config = llama();
  config["architectures"] = {"MambaForCausalLM"};
  const std::string sentence = refusal(config);
  EXPECT_NE(sentence.find("MambaForCausalLM"), std::string::npos);
  for (const std::string& known : known_architectures()) EXPECT_NE(sentence.find(known), std::string::npos) << known;
  config["architectures"] = Json::array();
  EXPECT_NE(refusal(config).find("/architectures"), std::string::npos);
}

TEST(Config, NamesThePlaceOfEveryBadField) {
  const auto with = [](const char* key, const Json& value) {
    Json config = llama();
    config[key] = value;
    return refusal(config);
  };
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
                          "intermediate_size", "vocab_size", "max_position_embeddings", "head_dim"})
    for (const Json& value : {Json(0), Json(-1), Json(1.5), Json("64"), Json(true), Json(1e18), Json::array()})
      EXPECT_NE(with(key, value).find(std::string("/") + key), std::string::npos) << key << " " << value;
  EXPECT_NE(with("num_key_value_heads", 3).find("a divisor of the 4 attention heads"), std::string::npos);
  EXPECT_NE(with("hidden_size", 66).find("/hidden_size"), std::string::npos) << "66 / 4 heads is no whole number";
  EXPECT_NE(with("tie_word_embeddings", 1).find("/tie_word_embeddings"), std::string::npos);
}

TEST(Config, NamesWhatIsMissing) {
  for (const char* key : {"architectures", "hidden_size", "num_hidden_layers", "num_attention_heads",
                          "intermediate_size", "vocab_size", "max_position_embeddings"}) {
    Json config = llama();
    config.erase(key);
    EXPECT_NE(refusal(config).find(std::string("a member '") + key), std::string::npos) << key;
  }
}

TEST(Config, RefusesModelsBeyondAnyMachine) {
  Json config = qwen_moe();
  config["num_hidden_layers"] = 10000;
  config["num_experts"] = 16384;
  config["moe_intermediate_size"] = 4194304;
  config["hidden_size"] = 1048576;
  EXPECT_NE(refusal(config).find("at most 1e17 parameters"), std::string::npos);
}

}  // namespace
}  // namespace ppplan::spec

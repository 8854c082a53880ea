// Families whose layers keep, share or mix what others do not: Gemma 4, Kimi-Linear, DeepSeek-V4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "planner/catalog/catalog.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "planner/spec/read_model.h"

namespace ppplan::spec {
namespace {

using input::Json;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::int64_t part(const ModelSpec& model, std::size_t layer, std::string_view name) {
  for (const WeightPart& it : weight_parts(model, model.layers[layer]))
    if (it.name == name) return it.elements;
  return 0;
}

double off(const std::string& name, double billions) {
  return std::abs(static_cast<double>(parameters(read_model(name))) / (billions * 1e9) - 1);
}

TEST(Families, HaveTheirPublishedSizes) {
  for (const char* name : {"gemma-4-e2b", "gemma-4-e4b", "gemma-4-26b-a4b", "gemma-4-31b", "deepseek-v4-flash"})
    EXPECT_LT(off(name, static_cast<double>(*published_parameters(name)) / 1e9), 0.01) << name;
  // 28.44 GiB: routed experts of 4 bits and a scale of 2 bytes for 32, all else in 2 bytes.
  const ModelSpec kimi = read_model("cyankiwi/Kimi-Linear-48B-A3B-Instruct-AWQ-4bit");
  double bytes = static_cast<double>(embedding_bytes(kimi) + head_bytes(kimi));
  for (std::size_t l = 0; l < kimi.layers.size(); ++l) bytes += static_cast<double>(layer_bytes(kimi, l, {}));
  EXPECT_NEAR(bytes / (1 << 30), 28.44, 0.002 * 28.44);
}

TEST(Families, EveryModelOfTheCatalogHasItsPublishedSize) {
  int checked = 0;
  for (const input::Node& entry : catalog::models().root().at("models").items()) {
    const auto published = entry.find("published_parameters");
    if (!published) continue;
    const std::string id = entry.at("id").text();
    // Rounded names: 27 for 27.36 billion with the tower.
    EXPECT_LT(off(id, published->number() / 1e9), id == "Qwen/Qwen3.5-27B" ? 0.02 : 0.01)
        << id << " " << parameters(read_model(id));
    ++checked;
  }
  EXPECT_GT(checked, 150);
}

TEST(Families, Gemma4HasWiderHeadsInFullLayersWhoseValuesAreTheirKeys) {
  const ModelSpec model = read_model("gemma-4-31b");
  const Attention& window = model.layers[4].attention;
  const Attention& full = model.layers[5].attention;
  EXPECT_EQ(window.kind, AttentionKind::sliding_window);
  EXPECT_EQ(full.kind, AttentionKind::gqa);
  EXPECT_EQ(std::pair(window.kv_heads, window.head_dim), std::pair(16, 256));
  EXPECT_EQ(std::pair(full.kv_heads, full.head_dim), std::pair(4, 512));
  // One matrix [5376, 4 * 512] for both, which a token still keeps twice: 2 * 4 * 512 * 2 bytes.
  EXPECT_EQ(part(model, 5, "key and value"), 5376LL * 2048);
  EXPECT_EQ(part(model, 4, "key and value"), 2 * 5376LL * 4096);
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[5]), 8192);
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[4]), 16384);
}

TEST(Families, Gemma4sLastLayersReadTheKeysAndValuesOfTheLastOfTheirKind) {
  const ModelSpec model = read_model("gemma-4-e2b");
  ASSERT_EQ(model.layers.size(), 35U);
  for (std::size_t l = 0; l < 35; ++l) {
    EXPECT_EQ(model.layers[l].attention.shares_kv, l >= 15) << l;
    // Every fifth layer is full; of the 15 that keep their own, 13 is the last with a window and 14 the last full one.
    const std::size_t read = l < 15 ? l : (l + 1) % 5 == 0 ? 14 : 13;
    EXPECT_EQ(kv_layer(model, l), read) << l;
    EXPECT_EQ(model.layers[l].feed_forward.intermediate, l < 15 ? 6144 : 12288) << l;
    EXPECT_EQ(kv_bytes_per_token(model, model.layers[l]) == 0, l >= 15) << l;
  }
  // 262,144 rows and a projection from 1536, each of 35 * 256, and a norm of 256.
  EXPECT_EQ(layer_table_parameters(model), (262144LL + 1536) * 35 * 256 + 256);
  EXPECT_EQ(embedding_parameters(model), 262144LL * 1536 + layer_table_parameters(model));
  EXPECT_EQ(head_parameters(model), 262144LL * 1536);
  EXPECT_EQ(boundary_bytes_per_token(model), 2 * (2 * 1536 + 35 * 256));
}

TEST(Families, Gemma4sExpertsStandBesideADenseBlock) {
  const ModelSpec model = read_model("gemma-4-26b-a4b");
  const FeedForward& block = model.layers[0].feed_forward;
  EXPECT_EQ(block, (FeedForward{FeedForwardKind::moe, 704, 128, 8, 2112}));
  EXPECT_EQ(model.layers[0].norms, 8);
  EXPECT_EQ(read_model("gemma-4-31b").layers[0].norms, 4);
  EXPECT_EQ(read_model("gemma-4-31b").layers[0].feed_forward.kind, FeedForwardKind::dense);
}

TEST(Families, KimiLinearHasAGateForEveryChannel) {
  const ModelSpec model = read_model("kimi-linear");
  EXPECT_EQ(model.max_position, 1048576);
  int latent = 0;
  for (const Layer& layer : model.layers) latent += layer.attention.kind == AttentionKind::mla ? 1 : 0;
  EXPECT_EQ(latent, 7);
  EXPECT_EQ(model.layers[3].attention.kind, AttentionKind::mla);
  // 32 heads of 128: q, k, v, o 4 * 2304 * 4096; two projections through 128; beta 2304 * 32; convolutions 3 * 4096 *
  // 4; decay's bias 4096 + 32; the norm 128.
  EXPECT_EQ(attention_parameters(model, model.layers[0]),
            4LL * 2304 * 4096 + 2 * (2304 * 128 + 128 * 4096) + 2304 * 32 + 3 * 4096 * 4 + 4096 + 32 + 128);
  // Three convolutions keep 3 steps of 4096 channels in 2 bytes, the recurrence 32 * 128 * 128 in 4; half on two ranks.
  EXPECT_EQ(state_bytes_per_sequence(model, model.layers[0], 2), 3 * 3 * 2048 * 2 + 16 * 128 * 128 * 4);
  EXPECT_EQ(model.layers[0].feed_forward.kind, FeedForwardKind::dense);
  EXPECT_EQ(model.layers[1].feed_forward.experts_per_token, 8);
}

TEST(Families, DeepSeekV4KeepsAnEntryForSeveralTokens) {
  const ModelSpec model = read_model("deepseek-v4-flash");
  const std::vector<int> ratios{model.layers[1].attention.compress_ratio, model.layers[2].attention.compress_ratio,
                                model.layers[3].attention.compress_ratio};
  EXPECT_EQ(ratios, (std::vector<int>{1, 4, 128}));
  // 448 in fp8, 64 in 2 bytes, 8 of scales; 128 in fp8 with a scale of 4 bytes for the indexer, where 4 are joined.
  EXPECT_EQ(entry_bytes(model.layers[2]), 584);
  EXPECT_EQ(indexer_bytes_per_token(model.layers[2]), 132);
  EXPECT_EQ(indexer_bytes_per_token(model.layers[3]), 0);
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[2]), (584 + 132) / 4);
  EXPECT_TRUE(model.layers[2].feed_forward.hashed);
  EXPECT_FALSE(model.layers[2].feed_forward.router_bias);
  EXPECT_TRUE(model.layers[3].feed_forward.router_bias);
  EXPECT_EQ(model.expert_dtype, DType::mxfp4);
  EXPECT_EQ(model.attention_dtype, DType::fp8);
  // Four residual streams travel; 24 mixes of 4 * 4096 and as many offsets, before attention and before the experts.
  EXPECT_EQ(boundary_bytes_per_token(model), 2 * 4 * 4096);
  EXPECT_EQ(part(model, 0, "streams"), 2 * (24 * (4 * 4096 + 1) + 3));
  EXPECT_EQ(part(model, 2, "hash table"), 129280LL * 6);
  ASSERT_EQ(model.draft_layers.size(), 1U);
  EXPECT_EQ(model.draft_layers[0].attention.compress_ratio, 1);
}

TEST(Families, SurviveTheirDocuments) {
  for (const char* name : {"gemma-4-e2b", "gemma-4-26b-a4b", "kimi-linear", "deepseek-v4-flash"}) {
    const ModelSpec model = read_model(name);
    const input::Document document(to_json(model), "model");
    EXPECT_EQ(model_from_json(document.root()), model) << name;
  }
}

TEST(Families, RefuseLayersThatShareWithNone) {
  // All layers with a window would share, and the three full ones before them keep theirs.
  Json config = Json::parse(R"({"architectures": ["Gemma4ForCausalLM"], "num_hidden_layers": 6, "layer_types": [
      "full_attention", "full_attention", "full_attention", "sliding_attention", "sliding_attention",
      "full_attention"], "num_kv_shared_layers": 3})");
  const auto read = [&] { return model_from_config(input::Document(config, "config.json").root(), "model"); };
  EXPECT_THAT(read, ThrowsMessage<input::InputError>(HasSubstr("a layer that keeps keys and values")));
  config["num_kv_shared_layers"] = 1;
  EXPECT_EQ(kv_layer(read(), 5), 2U);
}

}  // namespace
}  // namespace ppplan::spec

// Families that mix layers of different kinds or sizes: Jamba, MiMo-V2, Nemotron-Ultra; and towers of sounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "planner/spec/read_model.h"

namespace ppplan::spec {
namespace {

using input::Json;
using testing::HasSubstr;
using testing::ThrowsMessage;

Json small(const char* architecture) {
  return {{"architectures", {architecture}},
          {"hidden_size", 128},
          {"num_hidden_layers", 8},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"intermediate_size", 256},
          {"vocab_size", 512},
          {"max_position_embeddings", 64}};
}

ModelSpec read(Json config) {
  const input::Document document(std::move(config), "config.json");
  return model_from_config(document.root(), "small");
}

std::int64_t key_and_value(const ModelSpec& model, std::size_t layer) {
  for (const WeightPart& it : weight_parts(model, model.layers[layer]))
    if (it.name == "key and value") return it.elements;
  return 0;
}

// Attention in layers 4, 12, 20 and 28, experts in every second layer from 1.
TEST(MixedLayers, JambaPutsAttentionAndExpertsByPeriodAndOffset) {
  const ModelSpec model = read_model("ai21labs/AI21-Jamba-1.5-Mini");
  ASSERT_EQ(model.layers.size(), 32U);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    EXPECT_EQ(layer.attention.kind, i % 8 == 4 ? AttentionKind::gqa : AttentionKind::linear) << i;
    EXPECT_EQ(layer.feed_forward.kind, i % 2 == 1 ? FeedForwardKind::moe : FeedForwardKind::dense) << i;
  }
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[4]), 2 * 8 * 128 * 2);
  // 2 * 4096 channels with a state of 16 each, in 2 bytes; the convolution keeps 3 steps of the channels, B and C.
  EXPECT_EQ(state_bytes_per_sequence(model, model.layers[0], 1), 2 * 8192 * 16 + 2 * 3 * (8192 + 32));
}

TEST(MixedLayers, AnOffsetIsWithinItsPeriod) {
  Json config = small("JambaForCausalLM");
  config["num_experts"] = 4;
  EXPECT_EQ(read(config).layers[4].attention.kind, AttentionKind::gqa);
  config["attn_layer_offset"] = 8;
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<input::InputError>(HasSubstr("attn_layer_offset")));
  config["attn_layer_offset"] = 4;
  config["expert_layer_offset"] = 2;
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<input::InputError>(HasSubstr("expert_layer_offset")));
}

// Keys of 192 and values of 128 numbers: 320 of each KV head, of which full layers have 4 and windows 8.
TEST(MixedLayers, MiMosWindowsHaveKvHeadsOfTheirOwnAndNarrowerValues) {
  const ModelSpec model = read_model("XiaomiMiMo/MiMo-V2-Flash");
  EXPECT_EQ(model.layers[0].attention.kind, AttentionKind::gqa);
  EXPECT_EQ(model.layers[1].attention.kind, AttentionKind::sliding_window);
  EXPECT_EQ(model.layers[1].attention.window, 128);
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[0]), 4 * 320 * 2);
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[1]), 8 * 320 * 2);
  EXPECT_EQ(key_and_value(model, 0), 4096LL * 4 * 320);
  EXPECT_EQ(key_and_value(model, 1), 4096LL * 8 * 320);
  EXPECT_EQ(std::count_if(model.layers.begin(), model.layers.end(),
                          [](const Layer& it) { return it.attention.kind == AttentionKind::gqa; }),
            9);
  EXPECT_EQ(model.layers[0].feed_forward.kind, FeedForwardKind::dense);
  EXPECT_EQ(model.layers[47].feed_forward.kind, FeedForwardKind::moe);
}

TEST(MixedLayers, WidthsAndHeadsOfWindowsMustDivide) {
  Json config = small("MiMoV2FlashForCausalLM");
  config.update({{"head_dim", 48},
                 {"v_head_dim", 32},
                 {"sliding_window", 16},
                 {"moe_layer_freq", {0, 0, 0, 0, 0, 0, 0, 0}},
                 {"n_routed_experts", 4},
                 {"num_experts_per_tok", 2},
                 {"moe_intermediate_size", 64},
                 {"hybrid_layer_pattern", {0, 1, 1, 0, 1, 1, 1, 1}},
                 {"swa_num_key_value_heads", 4}});
  EXPECT_EQ(read(config).layers[1].attention.kv_heads, 4);
  EXPECT_EQ(read(config).layers[3].attention.kv_heads, 2);
  EXPECT_EQ(read(config).layers[3].attention.head_dim, 40);
  config["swa_num_key_value_heads"] = 3;
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<input::InputError>(HasSubstr("swa_num_key_value_heads")));
  config["swa_num_key_value_heads"] = 4;
  config["v_head_dim"] = 33;
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<input::InputError>(HasSubstr("v_head_dim")));
  config["v_head_dim"] = 32;
  config["hybrid_layer_pattern"] = {0, 1};
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<input::InputError>(HasSubstr("one mark per layer")));
}

// Of its 162 layers 81 hold nothing at all, 64 attention, the widest block ffn_mult 39: 2/3 * 39 * 16384 columns.
TEST(MixedLayers, LayersOfNemotronUltraMayHoldNothing) {
  const ModelSpec model = read_model("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1");
  int empty = 0, attending = 0, widest = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const bool nothing =
        layer.attention.kind == AttentionKind::none && layer.feed_forward.kind == FeedForwardKind::none;
    empty += nothing;
    attending += layer.attention.kind == AttentionKind::gqa;
    widest = std::max(widest, layer.feed_forward.intermediate);
    if (nothing) EXPECT_EQ(kv_bytes_per_token(model, layer), 0);
    if (layer.attention.kind == AttentionKind::gqa) EXPECT_EQ(layer.attention.kv_heads, 8);
  }
  EXPECT_EQ(empty, 81);
  EXPECT_EQ(attending, 64);
  EXPECT_EQ(widest, (2 * 39 * 16384 / 3 + 255) / 256 * 256);
}

// 57 of 60 layers choose 16 blocks of 128 tokens by an indexer of 4 queries and a key of 128 numbers, which is kept in
// 2 bytes beside 4 heads of 128; over 4 ranks each keeps one head and the whole key.
TEST(MixedLayers, MiniMaxM3sLayersKeepAKeyToChooseBlocks) {
  const ModelSpec model = read_model("MiniMaxAI/MiniMax-M3");
  const Layer& full = model.layers[2];
  const Layer& choosing = model.layers[3];
  EXPECT_EQ(full.attention.index_heads, 0);
  EXPECT_EQ(choosing.attention.index_topk, 2048);
  EXPECT_EQ(kv_bytes_per_token(model, full), 2 * 4 * 128 * 2);
  EXPECT_EQ(kv_bytes_per_token(model, choosing), 2 * 4 * 128 * 2 + 2 * 128);
  EXPECT_EQ(kv_bytes_per_token(model, choosing, 4), 2 * 128 * 2 + 2 * 128);
  std::int64_t more = 0;
  for (const WeightPart& it : weight_parts(model, choosing))
    if (it.name.starts_with("selecting")) more += it.elements;
  EXPECT_EQ(more, 6144LL * (4 + 1) * 128 + 2 * 128);
  EXPECT_EQ(std::count_if(model.layers.begin(), model.layers.end(),
                          [](const Layer& it) { return it.attention.index_heads > 0; }),
            57);
}

TEST(MixedLayers, ASelectorIsReadBackAndRefusedWithoutItsMarks) {
  Json config = small("MiniMaxM3SparseForCausalLM");
  config.update({{"num_local_experts", 4},
                 {"num_experts_per_tok", 2},
                 {"dense_intermediate_size", 512},
                 {"sparse_attention_config",
                  {{"sparse_num_index_heads", 2},
                   {"sparse_index_dim", 16},
                   {"sparse_topk_blocks", 2},
                   {"sparse_block_size", 8},
                   {"sparse_attention_freq", {0, 1, 1, 1, 1, 1, 1, 1}}}}});
  const ModelSpec model = read(config);
  const input::Document written(to_json(model), "plan.json");
  EXPECT_EQ(model_from_json(written.root()).layers, model.layers);
  config["sparse_attention_config"]["sparse_attention_freq"] = {0, 1};
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<input::InputError>(HasSubstr("one mark per layer")));
}

// A token keeps 20 of 35 layers, every fifth in full; two towers, which the catalog states in one number.
TEST(MixedLayers, Gemma3nSharesKeysAndHasTowersOfAStatedSize) {
  const ModelSpec model = read_model("google/gemma-3n-E4B-it");
  ASSERT_EQ(model.layers.size(), 35U);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    EXPECT_EQ(model.layers[i].attention.window, i % 5 == 4 ? 0 : 512) << i;
    EXPECT_EQ(model.layers[i].attention.shares_kv, i >= 20) << i;
    EXPECT_EQ(model.layers[i].own_embedding, 256) << i;
  }
  EXPECT_EQ(kv_layer(model, 34), 19U);
  EXPECT_EQ(kv_layer(model, 33), 18U);
  EXPECT_EQ(model.tower.parameters, 980'000'000);
  EXPECT_TRUE(model.tower.assumed);
}

// An encoder as Whisper's: 32 layers of 4 * 1280^2 + 2 * 1280 * 5120 weights, two convolutions of 3 taps from 128 bins,
// one projection; the same model without the ears is the difference.
TEST(MixedLayers, TowersOfSoundsCountBesideThoseOfImages) {
  Json config = small("Qwen2_5OmniModel");
  Json text = config;
  text.erase("architectures");
  const Json vision = {{"depth", 2},       {"hidden_size", 64},        {"intermediate_size", 128},
                       {"patch_size", 14}, {"temporal_patch_size", 2}, {"spatial_merge_size", 2}};
  Json outer = {{"architectures", {"Qwen2_5OmniModel"}},
                {"thinker_config", {{"text_config", text}, {"vision_config", vision}}}};
  const std::int64_t deaf = read(outer).tower.parameters;
  outer["thinker_config"]["audio_config"] = {{"d_model", 1280}, {"encoder_layers", 32}, {"encoder_ffn_dim", 5120}};
  const double heard = static_cast<double>(read(outer).tower.parameters - deaf);
  const double matrices = 32 * (4.0 * 1280 * 1280 + 2.0 * 1280 * 5120) + 3 * 1280.0 * (128 + 1280) + 1280.0 * 128;
  EXPECT_NEAR(heard, matrices, 0.005 * matrices);
}

}  // namespace
}  // namespace ppplan::spec

// Blocks of DeepSeek-V4's cache against what servers of several versions printed.
#include "planner/engines/kv_slabs.h"

#include <gtest/gtest.h>

#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

KvLayout layout_of(const char* model, const std::string& version, bool draft = false) {
  return kv_layout(spec::read_model(model), 2, 16, 1, draft, memory_rules(version));
}

/// vllm issue 54703 lists the groups of DeepSeek-V4-Flash with 0.28.1: layers, bytes of their pages, tokens a block.
TEST(KvSlabs, HaveTheGroupsThatAServerListed) {
  const KvLayout layout = layout_of("deepseek-v4-flash", "0.28.1");
  struct Row {
    std::size_t pages;
    std::int64_t bytes;
    int block;
  };
  const std::vector<Row> listed = {
      {62, 1002240, 256}, {22, 823680, 64}, {21, 786240, 64}, {42, 870912, 4}, {20, 656640, 8}};
  ASSERT_EQ(layout.groups.size(), listed.size());
  for (std::size_t g = 0; g < listed.size(); ++g) {
    std::int64_t bytes = 0;
    for (const KvPage& page : layout.groups[g].pages) bytes += page.bytes;
    EXPECT_EQ(layout.groups[g].pages.size(), listed[g].pages) << g;
    EXPECT_EQ(bytes, listed[g].bytes) << g;
    EXPECT_EQ(layout.groups[g].block_tokens, listed[g].block) << g;
  }
  EXPECT_EQ(block_bytes(layout, 0, 43), 1002240);
}

/// Pages of 37,440, 8,640 and 1,728 bytes: at first 22 of each; then 22, 21 and 20, 1.16 % less (pull request 44454);
/// then the largest group's (48993).
TEST(KvSlabs, ShrinkWithTheVersions) {
  EXPECT_EQ(block_bytes(layout_of("deepseek-v4-flash", "0.22"), 0, 43), 22 * (37440 + 8640 + 1728));
  EXPECT_EQ(block_bytes(layout_of("deepseek-v4-flash", "0.25"), 0, 43), 22 * 37440 + 21 * 8640 + 20 * 1728);
  EXPECT_EQ(block_bytes(layout_of("deepseek-v4-flash", "0.27"), 0, 43), 21 * (37440 + 8640) + 20 * 1728);
  // DeepSeek-V4-Pro with its draft layer: 1,473,408 bytes before pull request 48993.
  EXPECT_EQ(block_bytes(layout_of("deepseek-v4-pro", "0.25", true), 0, 62), 1473408);
}

/// A comment in vllm issue 44376: 0.22, 30,000 tokens in batches of 16,384: 6.66 GiB are needed, 13,528 tokens would
/// fit 5.44.
TEST(KvSlabs, NeedForARequestWhatAServerAskedFor) {
  const KvLayout layout = layout_of("deepseek-v4-flash", "0.22");
  const auto gib = [&](std::int64_t tokens) {
    return static_cast<double>(request_blocks(layout, tokens, 16384, 1) * block_bytes(layout, 0, 43)) / (1 << 30);
  };
  EXPECT_NEAR(gib(30000), 6.66, 0.005);
  EXPECT_LE(gib(13528), 5.445);
  EXPECT_GT(gib(13600), 5.435);
}

TEST(KvSlabs, OfAStageAreThoseOfItsLayers) {
  const KvLayout layout = layout_of("deepseek-v4-flash", "0.28");
  // Layers 0 and 1 have windows alone, one in each of two groups; 2 joins 4 tokens, 3 joins 128.
  EXPECT_EQ(block_bytes(layout, 0, 2), 37440);
  EXPECT_EQ(block_bytes(layout, 2, 3), 37440 + 8640);
  EXPECT_EQ(block_bytes(layout, 3, 4), 37440) << "its window is larger than its entries";
  EXPECT_EQ(block_bytes(layout, 0, 0), 0);
}

TEST(KvGroups, OfGemma4KeepNothingForLayersThatShare) {
  const KvLayout layout = kv_layout(spec::read_model("gemma-4-e4b"), 1, 16, 1, false, memory_rules("0.28"));
  for (std::size_t l = 0; l < 42; ++l) EXPECT_EQ(layout.page_bytes[l] == 0, l >= 24) << l;
  // 20 layers with windows and 4 full ones keep their own: six groups of 4. Full layers keep 2 * 2 * 512 * 2 bytes a
  // token, the others half, so that their blocks have twice the tokens.
  ASSERT_EQ(layout.groups.size(), 6U);
  EXPECT_EQ(block_bytes(layout, 0, 42), 4 * 16 * 4096);
  for (const KvGroup& group : layout.groups)
    EXPECT_EQ(group.block_tokens, group.kind == spec::AttentionKind::gqa ? 16 : 32);
}

/// A bench of Gemma 4 E4B on an L4 with 0.28.0 (file id 68910250822): in 3.1 GiB 150,167 tokens at a context of 32,768
/// and 186,796 at 131,072; in 5.97 GiB 288,826. All three follow from whole numbers of blocks of 256 KiB.
TEST(KvGroups, OfGemma4HoldTheTokensThatAServerPrinted) {
  const KvLayout layout = kv_layout(spec::read_model("gemma-4-e4b"), 1, 16, 1, false, memory_rules("0.28"));
  EXPECT_EQ(tokens_of(layout, 12708, 32768, 2048, 2), 150167);
  EXPECT_EQ(tokens_of(layout, 12708, 131072, 2048, 2), 186796);
  EXPECT_EQ(tokens_of(layout, 24442, 32768, 2048, 2), 288826);
  EXPECT_NEAR(12708.0 * 262144 / (1 << 30), 3.1, 0.05);
  EXPECT_NEAR(24442.0 * 262144 / (1 << 30), 5.97, 0.005);
}

/// vllm issue 49878: a request of 262,144 tokens in batches of 32,768 of Gemma 4 31B needs 45.79 GiB with 0.25.1, 70.79
/// with 0.26.0, where 58,368 tokens would fit 49.
TEST(KvGroups, OfGemma4NeedForARequestWhatAServerAskedFor) {
  const spec::ModelSpec model = spec::read_model("gemma-4-31b");
  const auto gib = [&](const char* version, std::int64_t tokens) {
    const KvLayout layout = kv_layout(model, 1, 16, 1, false, memory_rules(version));
    return static_cast<double>(request_blocks(layout, tokens, 32768, 2) * block_bytes(layout, 0, 60)) / (1 << 30);
  };
  EXPECT_NEAR(gib("0.25.1", 262144), 45.79, 0.005);
  EXPECT_NEAR(gib("0.26.0", 262144), 70.79, 0.005);
  EXPECT_LE(gib("0.26.0", 58368), 49);
  EXPECT_GT(gib("0.26.0", 58368 + 32), 49);
}

/// States of 2,138,112 / 2 bytes lie in pages of latents: 1,152 bytes a token, in steps of 64 tokens, later of 128.
TEST(KvGroups, OfKimiLinearHoldAStateInAPageOfLatents) {
  const spec::ModelSpec model = spec::read_model("kimi-linear");
  const KvLayout layout = kv_layout(model, 2, 16, 1, false, memory_rules("0.12"));
  const std::int64_t state = 3 * 3 * 2048 * 2 + 16 * 128 * 128 * 4;
  const auto page = [&](std::int64_t step) { return (state + step * 1152 - 1) / (step * 1152) * step * 1152; };
  EXPECT_EQ(layout.page_bytes[0], page(64));
  EXPECT_EQ(kv_layout(model, 2, 16, 1, false, memory_rules("0.28")).page_bytes[0], page(128));
  EXPECT_EQ(layout.groups.size(), 4U) << "7 latent layers and 20 linear ones in groups of 7";
  // vllm issue 28228: 2.30 GiB are 75,840 tokens and 2.48 requests of 120,000.
  const std::int64_t blocks = blocks_in(layout, 0, 27, static_cast<std::int64_t>(2.295 * (1 << 30)));
  EXPECT_EQ(tokens_of(layout, blocks, 120000, 64000, 1), 75840);
  EXPECT_NEAR(static_cast<double>(blocks) / static_cast<double>(request_blocks(layout, 120000, 64000, 1)), 2.48, 0.005);
}

}  // namespace
}  // namespace ppplan::engines

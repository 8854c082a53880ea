// Blocks of DeepSeek-V4's cache against what servers of several versions printed.
#include "planner/engines/kv_slabs.h"

#include <gtest/gtest.h>

#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

KvLayout layout_of(const char* model, const std::string& version, bool draft = false) {
  return kv_layout(spec::read_model(model), 2, 16, 1, draft, version);
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
  const KvLayout layout = kv_layout(spec::read_model("gemma-4-e4b"), 1, 16, 1, false, "0.28");
  for (std::size_t l = 0; l < 42; ++l) EXPECT_EQ(layout.page_bytes[l] == 0, l >= 24) << l;
  // 20 layers with windows and 4 full ones keep their own: six groups of 4. Full layers keep 2 * 2 * 512 * 2 bytes a
  // token, the others half, so that their blocks have twice the tokens.
  ASSERT_EQ(layout.groups.size(), 6U);
  EXPECT_EQ(block_bytes(layout, 0, 42), 4 * 16 * 4096);
  for (const KvGroup& group : layout.groups)
    EXPECT_EQ(group.block_tokens, group.kind == spec::AttentionKind::gqa ? 16 : 32);
}

/// States of 2,138,112 / 2 bytes lie in pages of latents: 1,152 bytes a token, in steps of 128 tokens.
TEST(KvGroups, OfKimiLinearHoldAStateInAPageOfLatents) {
  const spec::ModelSpec model = spec::read_model("kimi-linear");
  const KvLayout layout = kv_layout(model, 2, 16, 1, false, "0.12");
  const std::int64_t state = 3 * 3 * 2048 * 2 + 16 * 128 * 128 * 4;
  const std::int64_t block = (state + 128 * 1152 - 1) / (128 * 1152) * 128;
  EXPECT_EQ(layout.page_bytes[0], block * 1152);
  EXPECT_EQ(layout.groups.size(), 4U) << "7 latent layers and 20 linear ones in groups of 7";
}

}  // namespace
}  // namespace ppplan::engines

#include "planner/engines/kv_groups.h"

#include <gtest/gtest.h>

namespace ppplan {
namespace {

using engines::KvLayout;
using spec::AttentionKind;

spec::Layer full() {
  spec::Layer layer;
  layer.attention = {.heads = 8, .kv_heads = 2, .head_dim = 64};
  return layer;
}

spec::Layer window(int tokens) {
  spec::Layer layer = full();
  layer.attention.kind = AttentionKind::sliding_window;
  layer.attention.window = tokens;
  return layer;
}

/// State: channels 2 * 2 * 64 + 4 * 64 = 512, times 3 and 2 bytes = 3,072; recurrence 4 * 64 * 64 * 2 bytes = 32,768.
spec::Layer linear() {
  spec::Layer layer;
  layer.attention = {.kind = AttentionKind::linear,
                     .key_heads = 2,
                     .value_heads = 4,
                     .key_head_dim = 64,
                     .value_head_dim = 64,
                     .conv_kernel = 4};
  return layer;
}

spec::ModelSpec model_of(std::vector<spec::Layer> layers) {
  spec::ModelSpec model;
  model.hidden = 512;
  model.layers = std::move(layers);
  return model;
}

KvLayout layout_of(std::vector<spec::Layer> layers, int tp = 1, const std::string& version = "") {
  return engines::kv_layout(model_of(std::move(layers)), tp, 16, 2, false, engines::memory_rules(version));
}

TEST(KvGroups, EqualLayersAreOneGroup) {
  const KvLayout layout = layout_of({full(), full(), full()});
  ASSERT_EQ(layout.groups.size(), 1u);
  // 2 heads * 64 * 2 * 2 bytes = 512 bytes a token, 8,192 a page of 16.
  EXPECT_EQ(engines::block_bytes(layout, 0, 3), 3 * 8192);
  EXPECT_EQ(engines::block_bytes(layout, 1, 2), 8192);
  EXPECT_EQ(engines::blocks_in(layout, 0, 3, 3 * 8192 * 10 + 5), 10);
  EXPECT_EQ(engines::blocks_in(layout, 0, 3, -5), 0);
}

TEST(KvGroups, RequestsOfFullAttentionTakeWholeBlocks) {
  const KvLayout layout = layout_of({full()});
  EXPECT_EQ(engines::request_blocks(layout, 1, 2048, 2), 1);
  EXPECT_EQ(engines::request_blocks(layout, 16, 2048, 2), 1);
  EXPECT_EQ(engines::request_blocks(layout, 17, 2048, 2), 2);
}

TEST(KvGroups, AWindowKeepsItselfWhatIsInFlightAndOneBlock) {
  // Full 65,536 / 16 = 4,096 blocks. Window 1,024 with 2 batches of 512: ceil((1,023 + 1,024) / 16) + 1 = 129.
  const KvLayout layout = layout_of({window(1024), full()});
  EXPECT_EQ(engines::request_blocks(layout, 65536, 512, 2), 4096 + 129);
  // Before 0.26 one batch: ceil((1,023 + 512) / 16) + 1 = 97.
  EXPECT_EQ(engines::request_blocks(layout_of({window(1024), full()}, 1, "0.25"), 65536, 512, 2), 4096 + 97);
  // A short request never needs more than its length and one block.
  EXPECT_EQ(engines::request_blocks(layout, 160, 512, 2), 10 + 11);
}

TEST(KvGroups, BeforeTheHybridAllocatorWindowsKeepEverything) {
  const KvLayout layout = layout_of({window(1024), full()}, 1, "0.8.5");
  ASSERT_EQ(layout.groups.size(), 1u);
  EXPECT_EQ(engines::request_blocks(layout, 65536, 512, 2), 4096);
}

/// A latent of 512 + 64 elements for 8 heads of 128 + 64.
spec::Layer latent() {
  spec::Layer layer;
  layer.attention = {.kind = AttentionKind::mla, .heads = 8};
  layer.attention.kv_lora_rank = 512;
  layer.attention.rope_dim = 64;
  layer.attention.nope_dim = 128;
  layer.attention.value_dim = 128;
  return layer;
}

TEST(KvGroups, LatentsWereCachedAsHeadsBefore071) {
  // A page of 16 tokens on one of two ranks: 4 heads, key and value of 256, then of 192 elements of 2 bytes; since
  // then 576 elements whatever the ranks.
  EXPECT_EQ(layout_of({latent()}, 2, "0.6.6").page_bytes[0], 16 * 4 * 2 * 256 * 2);
  EXPECT_EQ(layout_of({latent()}, 2, "0.7.0").page_bytes[0], 16 * 4 * 2 * 192 * 2);
  EXPECT_EQ(layout_of({latent()}, 2, "0.7.1").page_bytes[0], 16 * 576 * 2);
}

TEST(KvGroups, LatentsOfFourBitWeightsWereCachedAsHeadsBefore073) {
  spec::ModelSpec model = model_of({latent()});
  model.dtype = spec::DType::int4;
  const auto page = [&](const char* version) {
    return engines::kv_layout(model, 2, 16, 2, false, engines::memory_rules(version)).page_bytes[0];
  };
  EXPECT_EQ(page("0.7.2"), 16 * 4 * 2 * 192 * 2);
  EXPECT_EQ(page("0.7.3"), 16 * 576 * 2);
}

TEST(KvGroups, AttentionBlocksGrowUntilTheyHoldALinearState) {
  // 35,840 bytes of state, 512 a token: 70 tokens, in steps of 16: 80, 40,960 bytes a page for both.
  const KvLayout layout = layout_of({linear(), linear(), full(), linear(), linear(), full()});
  ASSERT_EQ(layout.groups.size(), 3u);
  for (const std::int64_t page : layout.page_bytes) EXPECT_EQ(page, 80 * 512);
  EXPECT_EQ(layout.groups.back().block_tokens, 80);
  // One state for each of the two groups of linear layers, and ceil(1,000 / 80) = 13 blocks.
  EXPECT_EQ(engines::request_blocks(layout, 1000, 512, 2), 2 + 13);
}

TEST(KvGroups, FullLayersOfSeveralSizesShareOneGroupOfTheSum) {
  spec::Layer wide = full();
  wide.attention.kv_heads = 6;
  const KvLayout layout = layout_of({full(), wide, full()});
  ASSERT_EQ(layout.groups.size(), 1u);
  EXPECT_EQ(engines::block_bytes(layout, 0, 3), (1 + 3 + 1) * 8192);
  EXPECT_EQ(engines::block_bytes(layout, 1, 2), 3 * 8192);
}

TEST(KvGroups, SmallerPagesOfOtherKindsTakeMoreTokensABlock) {
  spec::Layer wide = full();
  wide.attention.kv_heads = 4;
  const KvLayout layout = layout_of({window(1024), wide});
  ASSERT_EQ(layout.groups.size(), 2u);
  EXPECT_EQ(layout.groups[0].block_tokens, 32);
  EXPECT_EQ(layout.groups[1].block_tokens, 16);
  EXPECT_EQ(layout.page_bytes[0], layout.page_bytes[1]);
}

TEST(KvGroups, LayersWithoutAttentionKeepNothing) {
  spec::Layer none;
  none.attention.kind = AttentionKind::none;
  const KvLayout layout = layout_of({full(), none, full()});
  EXPECT_EQ(engines::block_bytes(layout, 0, 3), 2 * 8192);
  EXPECT_EQ(engines::block_bytes(layout, 1, 2), 0);
  EXPECT_EQ(engines::blocks_in(layout, 1, 2, 100), engines::most_blocks);
}

TEST(KvGroups, DraftLayersLieBehindTheModels) {
  spec::ModelSpec model = model_of({full(), full()});
  model.draft_layers = {full()};
  const KvLayout layout = engines::kv_layout(model, 1, 16, 2, true, engines::memory_rules(""));
  EXPECT_EQ(engines::block_bytes(layout, 1, 3), 2 * 8192);
}

TEST(KvGroups, LogsCountTokensAsTheirVersionDoes) {
  // One kind: blocks of 16 tokens either way.
  EXPECT_EQ(engines::tokens_of(layout_of({full()}), 100, 1600, 512, 2), 1600);
  EXPECT_EQ(engines::tokens_of(layout_of({full()}, 1, "0.9"), 100, 1600, 512, 2), 1600);
  // Two groups: before 0.21 half of the blocks each; since then by the 4,096 + 129 blocks of a longest request.
  EXPECT_EQ(engines::tokens_of(layout_of({window(1024), full()}, 1, "0.20"), 8450, 65536, 512, 2), 4225 * 16);
  EXPECT_EQ(engines::tokens_of(layout_of({window(1024), full()}), 8450, 65536, 512, 2), 2 * 65536);
}

}  // namespace
}  // namespace ppplan

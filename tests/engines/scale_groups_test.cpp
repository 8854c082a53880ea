#include "planner/engines/scale_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "planner/engines/architecture_rules.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

using testing::HasSubstr;

std::string fault(const char* model, int tp, bool expert_parallel = false) {
  return tensor_parallel_fault(spec::read_model(model), tp, expert_parallel);
}

// 1536 columns of an expert: 384 = 3 x 128 over 4 ranks, 192 over 8. vLLM 0.8 to 0.25 ends there: "The output_size of
// gate's and up's weight = 192 is not divisible by weight quantization block_n = 128".
TEST(ScaleGroups, ExpertsOfFp8AreCutInWholeBlocks) {
  for (const char* model : {"Qwen/Qwen3-235B-A22B-FP8", "MiniMaxAI/MiniMax-M2.5"}) {
    EXPECT_EQ(fault(model, 4), "") << model;
    EXPECT_THAT(fault(model, 8), HasSubstr("1536 columns of each expert make slices of 192 over 8 ranks")) << model;
    EXPECT_EQ(fault(model, 8, true), "") << model;
  }
  EXPECT_THAT(fault("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", 8), HasSubstr("slices of 320"));
  EXPECT_THAT(fault("Qwen/Qwen3-30B-A3B-FP8", 4), HasSubstr("slices of 192"));
  EXPECT_EQ(fault("Qwen/Qwen3-30B-A3B-FP8", 2), "");
}

TEST(ScaleGroups, SharedExpertsAreCutEvenWhereExpertsAreNot) {
  spec::ModelSpec model = spec::read_model("deepseek-v3");
  EXPECT_EQ(tensor_parallel_fault(model, 16), "");                     // 2048 / 16 = 128
  model.layers.erase(model.layers.begin(), model.layers.begin() + 3);  // the dense ones: 18432 / 32 = 576
  EXPECT_THAT(tensor_parallel_fault(model, 32, true), HasSubstr("2048 columns of the shared expert make slices of 64"));
}

TEST(ScaleGroups, DenseBlocksAreCutInWholeBlocks) {
  EXPECT_EQ(fault("Qwen/Qwen3-32B-FP8", 8), "");  // 25600 / 8 = 25 x 128
  EXPECT_THAT(fault("deepseek-v3", 32), HasSubstr("18432 columns of the feed-forward block make slices of 576"));
  EXPECT_THAT(fault("Qwen/Qwen3-32B-FP8", 16),
              HasSubstr("25600 columns of the feed-forward block make slices of 1600"));
}

// One key of 192 + 128 numbers a rank over 4 ranks, on which its makers run it (vllm pull request 30836).
TEST(ScaleGroups, KeysOfFp8EndAnywhereSinceTheirLayersAreMerged) {
  EXPECT_EQ(fault("XiaomiMiMo/MiMo-V2-Flash", 4), "");
  const spec::ModelSpec model = spec::read_model("XiaomiMiMo/MiMo-V2-Flash");
  EXPECT_THAT(tensor_parallel_fault(model, 4, false, "0.13"), HasSubstr("640 columns of keys make slices of 160"));
}

TEST(ScaleGroups, OtherFormatsAreCutAnywhere) {
  EXPECT_EQ(fault("Qwen/Qwen3-235B-A22B", 8), "");
  EXPECT_EQ(fault("RedHatAI/Qwen3-30B-A3B-FP8-dynamic", 4), "");  // a scale for each row
}

// Qwen padded the columns of its quantized checkpoints of 72B from 29568 = 231 x 128 to 29696 = 232 x 128 for this.
TEST(ScaleGroups, GroupsOfIntegersRunAlongTheInputs) {
  for (const int tp : {2, 4, 8}) EXPECT_EQ(fault("Qwen/Qwen2.5-72B-Instruct-AWQ", tp), "") << tp;
  spec::ModelSpec unpadded = spec::read_model("Qwen/Qwen2.5-72B-Instruct-AWQ");
  for (spec::Layer& layer : unpadded.layers) layer.feed_forward.intermediate = 29568;
  EXPECT_THAT(tensor_parallel_fault(unpadded, 2), HasSubstr("slices of 14784 over 2 ranks, not whole groups of 128"));
}

/// Every rank's slice of a dense layer's four cut matrices, column by column.
bool cuts_a_group(const spec::ModelSpec& model, const spec::Layer& layer, int tp, bool keys_count) {
  const auto ends_inside = [&](int columns, int group) {
    for (int rank = 0; rank <= tp; ++rank)
      if (columns / tp * rank % group != 0) return true;
    return false;
  };
  const auto [inputs, outputs] = model.scale_group;
  const int queries = layer.attention.heads * layer.attention.head_dim, columns = layer.feed_forward.intermediate;
  const int keys = std::max(layer.attention.kv_heads, tp) * layer.attention.head_dim;
  return ends_inside(queries, outputs) || ends_inside(queries, inputs) || (keys_count && ends_inside(keys, outputs)) ||
         ends_inside(columns, outputs) || ends_inside(columns, inputs);
}

TEST(ScaleGroups, FaultExactlyWhereASliceEndsInsideOfAGroup) {
  std::mt19937 random(11);
  const auto power = [&](int least, int most) {
    return 1 << (least + static_cast<int>(random() % (most - least + 1)));
  };
  int faults = 0, straddling = 0;
  for (int round = 0; round < 2000; ++round) {
    spec::ModelSpec model;
    model.layers.resize(1);
    model.dtype = model.attention_dtype = spec::DType::fp8;
    model.scale_group = {power(0, 7), power(0, 7)};
    spec::Layer& layer = model.layers[0];
    layer.attention.kv_heads = power(0, 3);
    layer.attention.heads = layer.attention.kv_heads * power(0, 3);
    layer.attention.head_dim = power(4, 7);
    layer.feed_forward.intermediate = power(4, 8) * static_cast<int>(1 + random() % 9);
    const int tp = std::min(power(1, 3), layer.attention.heads);
    if (tp == 1 || layer.feed_forward.intermediate % tp != 0) continue;
    const bool older = !scale_group_fault(model, layer, tp, false, "0.13").empty();
    const bool newer = !scale_group_fault(model, layer, tp, false, "0.14").empty();
    faults += older;
    straddling += older && !newer;
    EXPECT_EQ(older, cuts_a_group(model, layer, tp, true)) << round;
    EXPECT_EQ(newer, cuts_a_group(model, layer, tp, false)) << round;
  }
  EXPECT_GT(faults, 200);
  EXPECT_GT(straddling, 20);
}

}  // namespace
}  // namespace ppplan::engines

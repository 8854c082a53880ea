// Tokens that a profile run sends through a vision tower, by version.
#include "planner/engines/encoder_budget.h"

#include <gtest/gtest.h>

#include "planner/engines/architecture_rules.h"

namespace ppplan::engines {
namespace {

spec::Plan plan_of(const std::string& architecture, const std::string& version, int max_model_len, int batch) {
  spec::Plan plan;
  plan.model.architecture = architecture;
  plan.provenance.vllm = version;
  plan.max_model_len = max_model_len;
  plan.micro_batching.max_num_batched_tokens = batch;
  plan.micro_batching.max_num_seqs = 256;
  return plan;
}

TEST(EncoderBudget, AVideoFillsTheContextInPairsOfFrames) {
  const char* vision = "Qwen2_5_VLForConditionalGeneration";
  // 16,384 tokens a pair. 0.8.5: 128,000 less an image holds 6 pairs, but a batch of 8,192 makes only one.
  const EncoderLoad old = encoder_load(plan_of(vision, "0.8.5", 128000, 8192));
  EXPECT_EQ(old.budget_tokens, 6 * 16384);
  EXPECT_EQ(old.tokens, 16384);
  // Since 0.11 at most 14 frames, and the profile run makes them all.
  const EncoderLoad now = encoder_load(plan_of(vision, "0.11", 128000, 8192));
  EXPECT_EQ(now.budget_tokens, 7 * 16384);
  EXPECT_EQ(now.tokens, 7 * 16384);
  EXPECT_EQ(now.patches, 4 * now.tokens);
  EXPECT_EQ(encoder_load(plan_of(vision, "0.11", 32768, 8192)).tokens, 2 * 16384);
  EXPECT_EQ(encoder_load(plan_of(vision, "0.11", 8192, 8192)).tokens, 16384);
}

TEST(EncoderBudget, ATimedVideoTakesMorePlacesThanItHasTokens) {
  const char* vision = "Qwen3VLMoeForConditionalGeneration";
  // 12,288 tokens, 12.5 places each: 153,600, as the servers' logs say.
  const EncoderLoad long_context = encoder_load(plan_of(vision, "0.11", 128000, 8192));
  EXPECT_EQ(long_context.budget_tokens, 153600);
  EXPECT_EQ(long_context.tokens, 12288);
  EXPECT_EQ(long_context.cached_tokens, 153600);
  // One pair of frames, 110 by 110 tokens each pair.
  EXPECT_EQ(encoder_load(plan_of(vision, "0.12", 8192, 8192)).cached_tokens, 151250);
  // Since 0.14 places are not counted, so that the image of 16,384 tokens is larger.
  const EncoderLoad now = encoder_load(plan_of(vision, "0.14", 128000, 8192));
  EXPECT_EQ(now.budget_tokens, 16384);
  EXPECT_EQ(now.cached_tokens, 0);
}

TEST(EncoderBudget, EveryItemGotTheWholeBudgetIn0_11) {
  const char* gemma = "Gemma3ForConditionalGeneration";
  EXPECT_EQ(encoder_load(plan_of(gemma, "0.11", 8192, 8192)).cached_tokens, 32 * 8192);
  EXPECT_EQ(encoder_load(plan_of(gemma, "0.12", 8192, 8192)).cached_tokens, 0);
}

TEST(EncoderBudget, SmallImagesFillTheBatch) {
  const char* gemma = "Gemma3ForConditionalGeneration";
  EXPECT_EQ(encoder_load(plan_of(gemma, "0.19", 8192, 8192)).tokens, 32 * 256);
  // 2,448 tokens an image: 3.3 of them in a batch, rounded up before 0.10.1.
  const char* llama = "Llama4ForConditionalGeneration";
  EXPECT_EQ(encoder_load(plan_of(llama, "0.19", 8192, 8192)).tokens, 3 * 2448);
  EXPECT_EQ(encoder_load(plan_of(llama, "0.9", 8192, 8192)).tokens, 4 * 2448);
  EXPECT_EQ(encoder_load(plan_of("LlamaForCausalLM", "0.19", 8192, 8192)), EncoderLoad{});
}

TEST(EncoderBudget, LeavesOutWhatPromptsMayNotBring) {
  spec::Plan plan = plan_of("Qwen2_5_VLForConditionalGeneration", "0.11", 128000, 8192);
  plan.engine.encoder.videos = 0;  // one image is left
  EXPECT_EQ(encoder_load(plan).tokens, 16384);
  EXPECT_FALSE(leaves_tower_out(plan));
  plan.engine.encoder.images = 0;
  EXPECT_EQ(encoder_load(plan), EncoderLoad{});
  EXPECT_TRUE(leaves_tower_out(plan));
  plan.provenance.vllm = "0.10.0";  // nothing is encoded, the tower is loaded
  EXPECT_EQ(encoder_load(plan), EncoderLoad{});
  EXPECT_FALSE(leaves_tower_out(plan));
}

TEST(EncoderBudget, MostPixelsMakeSmallerImages) {
  spec::Plan plan = plan_of("Qwen2_5_VLForConditionalGeneration", "0.11", 8192, 512);
  plan.engine.encoder = {.images = 1, .videos = 0, .max_pixels = 1048576};
  // 28 by 28 pixels a token: 1,337 of them.
  EXPECT_EQ(encoder_load(plan).tokens, 1337);
  plan.engine.encoder.max_pixels = std::int64_t{1} << 40;  // no more than the preprocessor's own limit
  EXPECT_EQ(encoder_load(plan).tokens, 16384);
}

TEST(EncoderBudget, DataParallelRanksShareTheItems) {
  spec::Plan plan = plan_of("Gemma3ForConditionalGeneration", "0.19", 8192, 8192);
  plan.parallel.tp = 8;
  const EncoderLoad whole = encoder_load(plan);
  plan.engine.encoder.data_parallel = true;
  EXPECT_EQ(encoder_load(plan).tokens, whole.tokens);  // all of them reach the model
  EXPECT_EQ(encoder_load(plan).patches, whole.patches / 8);
}

TEST(EncoderBudget, OfV0HasAnImageAndAVideoInEverySequence) {
  spec::Plan plan = plan_of("Qwen2_5_VLForConditionalGeneration", "0.7.3", 32768, 32768);
  // One sequence: an image of 16,384 tokens and a video of as many, one after the other.
  const EncoderLoad load = encoder_load(plan);
  EXPECT_EQ(load.tokens, 2 * 16384);
  EXPECT_EQ(load.patches, 4 * 16384);
  plan.engine.encoder.videos = 0;  // two sequences of an image
  EXPECT_EQ(encoder_load(plan).tokens, 2 * 16384);
  EXPECT_EQ(encoder_load(plan).patches, 4 * 2 * 16384);
}

TEST(EncoderBudget, OfLlamaVisionHasAnImageInEverySequence) {
  spec::Plan plan = plan_of("MllamaForConditionalGeneration", "0.8.5", 8192, 8192);
  plan.micro_batching.max_num_seqs = 16;
  // 4 tiles of 1,601 patches; 33 vectors of 1,280 in 2 bytes each.
  EXPECT_EQ(encoder_load(plan).patches, 16 * 6404);
  EXPECT_EQ(encoder_load(plan).bytes_per_patch, 33 * 1280 * 2);
}

TEST(EncoderBudget, OfMiniCpmHadOneSmallImageAndWholeScoresOnce) {
  // 8,192 / 64 = 128 sequences bring an image of 64 queries, 1,024 patches each.
  const EncoderLoad old = encoder_load(plan_of("MiniCPMV", "0.5.4", 8192, 8192));
  const EncoderLoad later = encoder_load(plan_of("MiniCPMV", "0.6.4", 8192, 8192));
  EXPECT_EQ(old.tokens, 128 * 64);
  EXPECT_EQ(old.patches, 128 * 1024);
  EXPECT_EQ(later.patches, old.patches);
  // Scores of 16 heads to 1,024 patches, 8 bytes each.
  EXPECT_EQ(old.bytes_per_patch - later.bytes_per_patch, 16 * 1024 * 8);
  EXPECT_EQ(encoder_load(plan_of("MiniCPMV", "0.7", 8192, 8192)).tokens, 12 * 640);
}

TEST(EncoderBudget, LargeTowersOfAFamilyAreWider) {
  spec::Plan plan = plan_of("InternVLChatModel", "0.19", 8192, 8192);
  EXPECT_EQ(encoder_load(plan).bytes_per_patch, 11 * 1024 * 2);
  plan.model.tower.parameters = 5'700'000'000;
  EXPECT_EQ(encoder_load(plan).bytes_per_patch, 11 * 3200 * 2);
  // 3,328 tokens an image: two of them in a batch of 8,192.
  EXPECT_EQ(encoder_load(plan).tokens, 2 * 3328);
}

TEST(PipelineFault, NamesTheVersionsThatLackIt) {
  spec::ModelSpec model;
  model.architecture = "GptOssForCausalLM";
  model.layers.resize(24);
  const std::string fault = pipeline_fault(model, 2, "0.10.1");
  EXPECT_NE(fault.find("SupportsPP"), std::string::npos) << fault;
  EXPECT_NE(fault.find("--tp"), std::string::npos) << fault;
  EXPECT_EQ(pipeline_fault(model, 2, "0.10.2"), "");
  EXPECT_EQ(pipeline_fault(model, 1, "0.10.1"), "");
  model.architecture = "Gemma2ForCausalLM";
  EXPECT_NE(pipeline_fault(model, 2, "0.6.2"), "");
  EXPECT_EQ(pipeline_fault(model, 2, "0.6.3"), "");
}

}  // namespace
}  // namespace ppplan::engines

#include "planner/spec/model_spec.h"

#include <gtest/gtest.h>

#include "planner/spec/read_model.h"

namespace ppplan::spec {
namespace {

TEST(Parameters, OfLlama8BAreExact) {
  const ModelSpec model = read_model("llama8b");
  const Layer& layer = model.layers.front();
  // h = 4096, 32 heads and 8 KV heads of 128: 4096*4096 (q) + 2*4096*1024 (k, v) + 4096*4096 (o).
  EXPECT_EQ(attention_parameters(model, layer), 41'943'040);
  EXPECT_EQ(feed_forward_parameters(model, layer), 3LL * 4096 * 14336);
  EXPECT_EQ(parameters(model, layer), 41'943'040 + 176'160'768 + 2 * 4096);
  EXPECT_EQ(embedding_parameters(model), 128256LL * 4096);
  // 32 layers, embedding and head of 525,336,576 each, final norm of 4096: the checkpoint's 8,030,261,248.
  EXPECT_EQ(parameters(model), 8'030'261'248);
}

TEST(Parameters, OfTinyAreExact) {
  const ModelSpec model = read_model("tiny");
  // 2*384*384 + 2*384*128 = 393,216; 3*384*1024 = 1,179,648; norms 768.
  EXPECT_EQ(parameters(model, model.layers.front()), 393'216 + 1'179'648 + 768);
  EXPECT_EQ(parameters(model), 8 * 1'573'632 + 2 * 4096 * 384 + 384);
}

TEST(Parameters, CountQkvBiasesAndHeadNorms) {
  const ModelSpec qwen2 = read_model("Qwen/Qwen2.5-7B-Instruct");  // h 3584, 28 heads, 4 KV heads, d 128
  EXPECT_EQ(attention_parameters(qwen2, qwen2.layers[0]), 2LL * 3584 * (3584 + 512) + (28 + 2 * 4) * 128);
  const ModelSpec qwen3 = read_model("Qwen/Qwen3-8B");
  EXPECT_EQ(attention_parameters(qwen3, qwen3.layers[0]), 2LL * 4096 * (4096 + 1024) + 2 * 128);
}

TEST(Parameters, CountExpertsAndRouter) {
  const ModelSpec model = read_model("mistralai/Mixtral-8x7B-v0.1");
  EXPECT_EQ(feed_forward_parameters(model, model.layers[0]), 8 * 3LL * 4096 * 14336 + 8 * 4096);
}

TEST(Parameters, CountATiedEmbeddingOnce) {
  ModelSpec model = read_model("llama8b");
  const auto untied = parameters(model);
  model.tied_embedding = true;
  EXPECT_EQ(untied - parameters(model), embedding_parameters(model));
  EXPECT_EQ(head_parameters(model), embedding_parameters(model)) << "a stage with the head holds a copy";
}

TEST(WeightBytes, KeepVectorsAndEndsInHalfPrecision) {
  ModelSpec model = read_model("llama8b");
  const std::int64_t matrices = 41'943'040 + 176'160'768;
  EXPECT_EQ(weight_bytes(model, model.layers[0]), 2 * (matrices + 8192));
  set_weight_dtype(model, DType::fp8);
  EXPECT_EQ(weight_bytes(model, model.layers[0]), matrices + 2 * 8192);
  EXPECT_EQ(embedding_bytes(model), 2 * 128256LL * 4096);
  set_weight_dtype(model, DType::nvfp4);
  EXPECT_EQ(weight_bytes(model, model.layers[0]), matrices * 9 / 16 + 2 * 8192);
}

TEST(WeightBytes, OfFp32AreFourEach) {
  const ModelSpec model = read_model("tiny");
  EXPECT_EQ(weight_bytes(model, model.layers[0]), 4 * 1'573'632);
  EXPECT_EQ(head_bytes(model), 4 * 4096 * 384);
  EXPECT_EQ(boundary_bytes_per_token(model), 2 * 384 * 4);
}

TEST(KvCache, HoldsKeysAndValuesOfAllKvHeads) {
  ModelSpec model = read_model("llama70b");
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[0]), 2 * 8 * 128 * 2);
  model.kv_dtype = DType::fp8;
  EXPECT_EQ(kv_bytes_per_token(model, model.layers[0]), 2 * 8 * 128);
}

TEST(Flops, AreTwiceTheTouchedWeightsPlusAttention) {
  const ModelSpec model = read_model("llama8b");
  const double matrices = 41'943'040 + 176'160'768;
  EXPECT_DOUBLE_EQ(flops_per_token(model, model.layers[0], 0), 2 * matrices);
  EXPECT_DOUBLE_EQ(flops_per_token(model, model.layers[0], 1000), 2 * matrices + 4 * 4096.0 * 1000);
  EXPECT_DOUBLE_EQ(head_flops_per_token(model), 2 * 128256.0 * 4096);
}

TEST(Flops, TouchOnlyActiveExperts) {
  const ModelSpec model = read_model("mistralai/Mixtral-8x7B-v0.1");
  const double attention = 2.0 * 4096 * (4096 + 1024);
  EXPECT_DOUBLE_EQ(flops_per_token(model, model.layers[0], 0), 2 * (attention + 2 * 3.0 * 4096 * 14336 + 8 * 4096));
}

TEST(Flops, OfASlidingWindowStopGrowing) {
  ModelSpec model = read_model("llama8b");
  model.layers[0].attention.kind = AttentionKind::sliding_window;
  model.layers[0].attention.window = 512;
  EXPECT_LT(flops_per_token(model, model.layers[0], 100), flops_per_token(model, model.layers[0], 512));
  EXPECT_EQ(flops_per_token(model, model.layers[0], 512), flops_per_token(model, model.layers[0], 100000));
}

TEST(Boundary, CarriesHiddenStateAndResidual) {
  EXPECT_EQ(boundary_bytes_per_token(read_model("llama70b")), 32 * 1024) << "32 KiB a token in bf16";
}

}  // namespace
}  // namespace ppplan::spec

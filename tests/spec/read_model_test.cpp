#include "planner/spec/read_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "planner/input/input_error.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

TEST(ReadModel, KnowsPresetsAndIds) {
  const ModelSpec preset = read_model("llama70b");
  ModelSpec id = read_model("meta-llama/Llama-3.1-70B");
  EXPECT_EQ(preset.name, "llama70b");
  id.name = preset.name;
  EXPECT_EQ(preset, id);
  EXPECT_EQ(preset.layers.size(), 80U);
  EXPECT_EQ(preset.hidden, 8192);
  EXPECT_EQ(preset.vocabulary, 128256);
  EXPECT_EQ(preset.rope_theta, 500000);
}

TEST(ReadModel, KnowsTheModelForCpuCores) {
  const ModelSpec tiny = read_model("tiny");
  EXPECT_EQ(tiny.dtype, DType::fp32);
  EXPECT_EQ(tiny.kv_dtype, DType::fp32);
  EXPECT_EQ(tiny.layers.size(), 8U);
  // At least 2 ms for 128 tokens on a core that does at most 200 GFLOP/s in fp32: 2 * 1.57e6 * 128 = 4.0e8.
  EXPECT_GE(flops_per_token(tiny, tiny.layers[0], 0) * 128, 200e9 * 2e-3);
}

TEST(ReadModel, ReadsEveryCatalogEntryWithinOnePercentOfItsAdvertisedSize) {
  for (const std::string& name : known_models()) {
    const ModelSpec model = read_model(name);
    const auto published = published_parameters(name);
    if (!published) continue;
    const auto stated = static_cast<double>(*published);
    EXPECT_LT(std::abs(static_cast<double>(parameters(model)) - stated), 0.01 * stated) << name;
  }
}

TEST(ReadModel, SuggestsTheNearestName) {
  EXPECT_EQ(
      error_text([] { read_model("lama70b"); }),
      "--model: expected a known model, a config.json or a folder that holds one, found \"lama70b\" (did you mean "
      "\"llama70b\"?)");
  EXPECT_NE(error_text([] { read_model("Qwen/Qwen3-8b"); }).find("Qwen/Qwen3-8B"), std::string::npos);
  EXPECT_EQ(error_text([] { read_model("something entirely else"); }).find("did you mean"), std::string::npos);
}

TEST(ReadModel, NamesAMissingFile) {
  EXPECT_EQ(error_text([] { read_model("nowhere/config.json"); }),
            "nowhere/config.json: expected a file, found none of that name");
}

TEST(ReadModel, ReadsAFolderWithAConfig) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "read_model_folder";
  std::filesystem::create_directories(folder);
  input::write_text((folder / "config.json").string(), R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100,
    "max_position_embeddings": 128})");
  const ModelSpec model = read_model(folder.string());
  EXPECT_EQ(model.name, folder.string());
  EXPECT_EQ(model, [&] {
    ModelSpec same = read_model((folder / "config.json").string());
    same.name = model.name;
    return same;
  }());
  std::filesystem::remove_all(folder);
}

TEST(ReadModel, NamesWhatAServerLoads) {
  EXPECT_EQ(served_name("llama70b"), "meta-llama/Llama-3.1-70B");
  EXPECT_EQ(served_name("meta-llama/Llama-3.3-70B-Instruct"), "meta-llama/Llama-3.3-70B-Instruct");
  EXPECT_EQ(served_name("/models/mine"), "/models/mine");
}

}  // namespace
}  // namespace ppplan::spec

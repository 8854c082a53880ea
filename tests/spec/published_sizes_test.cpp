#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "planner/spec/read_model.h"
#include "tests/shared_data.h"

namespace ppplan::spec {
namespace {

using input::Node;

/// Published as "27B", a rounded name: text and tower together have 27.36 billion.
bool is_rounded(const std::string& name) { return name == "Qwen/Qwen3.5-27B"; }

const Layer& first_with_cache(const ModelSpec& model) {
  return *std::find_if(model.layers.begin(), model.layers.end(),
                       [](const Layer& layer) { return layer.attention.kind != AttentionKind::linear; });
}

TEST(PublishedSizes, AreMetWithinOnePercentByEveryModelOfTheCollection) {
  const auto path = tests::shared_file("data/models.json");
  if (path.empty()) GTEST_SKIP() << "no collection of model dimensions beside this checkout";
  const input::Document document = input::read_document(path);
  const Node models = document.root().at("models");
  int within = 0;
  for (const std::string& name : models.keys()) {
    const Node entry = models.at(name);
    const ModelSpec model = read_model(name);
    EXPECT_EQ(model.architecture, entry.at("architecture").text()) << name;
    EXPECT_EQ(model.layers.size(), entry.at("num_hidden_layers").count()) << name;
    EXPECT_EQ(model.hidden, entry.at("hidden_size").count()) << name;
    EXPECT_EQ(model.vocabulary, entry.at("vocab_size").count()) << name;
    EXPECT_EQ(model.tied_embedding, entry.at("tie_word_embeddings").boolean()) << name;
    EXPECT_EQ(model.max_position, entry.at("max_position_embeddings").count()) << name;
    const double published = entry.at("published_params_b").number() * 1e9;
    const double off = std::abs(static_cast<double>(parameters(model)) / published - 1);
    EXPECT_LT(off, is_rounded(name) ? 0.02 : 0.01) << name;
    within += off < 0.01 ? 1 : 0;
  }
  EXPECT_EQ(models.keys().size(), 49U);
  EXPECT_GE(within, 48);
}

TEST(PublishedSizes, CacheAndStateOfALayerEqualTheCollections) {
  const auto path = tests::shared_file("data/models.json");
  if (path.empty()) GTEST_SKIP() << "no collection of model dimensions beside this checkout";
  const input::Document document = input::read_document(path);
  const Node models = document.root().at("models");
  for (const std::string& name : models.keys()) {
    const Node entry = models.at(name);
    const ModelSpec model = read_model(name);
    const Layer& layer = first_with_cache(model);
    EXPECT_EQ(kv_bytes_per_token(model, layer) - indexer_bytes_per_token(layer),
              entry.at("kv_bytes_per_token_per_attn_layer_bf16_tp1").integer())
        << name;
    const auto state = entry.find("gdn_state_elems_tp1");
    if (!state) continue;
    // Elements of the convolution in 2 bytes, of the recurrence in the format that the config states.
    const Attention& linear = model.layers.front().attention;
    EXPECT_EQ(state_bytes_per_sequence(model, model.layers.front(), 1),
              2 * state->at("conv").integer() + linear.state_bytes_per_element * state->at("ssm").integer())
        << name;
  }
}

}  // namespace
}  // namespace ppplan::spec

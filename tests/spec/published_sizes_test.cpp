#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "planner/spec/read_model.h"
#include "tests/shared_data.h"

namespace ppplan::spec {
namespace {

using input::Node;

/// The collection names expert fields alike over families; config.json files don't.
input::Json as_config(const Node& entry) {
  input::Json config = entry.json();
  const std::string architecture = entry.at("architecture").text();
  config["architectures"] = {architecture};
  if (architecture == "MixtralForCausalLM") config["num_local_experts"] = config["num_experts"];
  return config;
}

TEST(PublishedSizes, AreMetWithinOnePercentByEveryKnownArchitecture) {
  const auto path = tests::shared_file("data/models.json");
  if (path.empty()) GTEST_SKIP() << "no collection of model dimensions beside this checkout";
  const input::Document document = input::read_document(path);
  const auto known = known_architectures();
  const Node models = document.root().at("models");
  int checked = 0;
  for (const std::string& name : models.keys()) {
    const Node entry = models.at(name);
    if (std::find(known.begin(), known.end(), entry.at("architecture").text()) == known.end()) continue;
    const input::Document config(as_config(entry), name);
    const ModelSpec model = model_from_config(config.root(), name);
    const double published = entry.at("published_params_b").number() * 1e9;
    EXPECT_LT(std::abs(static_cast<double>(parameters(model)) - published), 0.01 * published) << name;
    const auto kv = entry.at("kv_bytes_per_token_per_attn_layer_bf16_tp1").integer();
    EXPECT_EQ(kv_bytes_per_token(model, model.layers[0]), kv) << name;
    ModelSpec catalog = read_model(name);
    catalog.rope_theta = model.rope_theta;
    catalog.norm_epsilon = model.norm_epsilon;
    EXPECT_EQ(catalog, model) << name << " differs between the catalog and the collection";
    ++checked;
  }
  EXPECT_GE(checked, 20);
}

}  // namespace
}  // namespace ppplan::spec

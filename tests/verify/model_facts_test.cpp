#include "planner/verify/model_facts.h"

#include <gtest/gtest.h>

#include "planner/spec/plan_json.h"
#include "planner/spec/read_model.h"

namespace ppplan::verify {
namespace {

TEST(ModelFacts, AgreeWithThePlannersBytesForEveryCatalogModel) {
  for (const std::string& name : spec::known_models()) {
    const spec::ModelSpec model = spec::read_model(name);
    const input::Document document(spec::to_json(model), name);
    EXPECT_EQ(spec::model_from_json(document.root()), model) << name;
    const ModelFacts facts = model_facts(document.root());
    ASSERT_EQ(facts.layers.size(), model.layers.size()) << name;
    for (const int tp : {1, 2, 4, 8, 16})
      for (std::size_t i = 0; i < model.layers.size(); ++i)
        for (const int expert_ranks : {0, 16}) {
          const double planned = static_cast<double>(spec::layer_bytes(model, i, {tp, expert_ranks}));
          ASSERT_NEAR(rank_weight_bytes(facts.layers[i], tp, expert_ranks), planned, 2) << name << " " << i;
          ASSERT_NEAR(rank_kv_bytes_per_token(facts.layers[i], tp),
                      static_cast<double>(spec::kv_bytes_per_token(model, model.layers[i], tp)), 0.5)
              << name << " " << i;
          ASSERT_NEAR(rank_state_bytes(facts.layers[i], tp),
                      static_cast<double>(spec::state_bytes_per_sequence(model, model.layers[i], tp)), 0.5)
              << name << " " << i;
        }
    EXPECT_NEAR(rank_draft_bytes(facts, 8), static_cast<double>(spec::draft_bytes(model, {8, 0})), 16) << name;
    EXPECT_NEAR(facts.tower_bytes, static_cast<double>(spec::tower_bytes(model)), 1) << name;
  }
}

}  // namespace
}  // namespace ppplan::verify

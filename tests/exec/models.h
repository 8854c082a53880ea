// Models small enough to run many times in a test.
#pragma once

#include "planner/spec/model_spec.h"

namespace ppplan::tests {

/// Dense layers with heads of 8, two query heads to a KV head.
inline spec::ModelSpec dense_model(int layers, int kv_heads, int hidden, int intermediate, int vocabulary) {
  spec::ModelSpec model;
  model.name = "small";
  model.hidden = hidden;
  model.vocabulary = vocabulary;
  model.layers.resize(static_cast<std::size_t>(layers));
  for (spec::Layer& layer : model.layers) {
    layer.attention = {spec::AttentionKind::gqa, 2 * kv_heads, kv_heads, 8, 0, false, false};
    layer.feed_forward.intermediate = intermediate;
  }
  return model;
}

}  // namespace ppplan::tests

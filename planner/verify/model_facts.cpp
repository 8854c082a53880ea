#include "planner/verify/model_facts.h"

#include <cmath>
#include <map>

namespace ppplan::verify {
namespace {

using input::Node;

constexpr std::int64_t most = 1 << 30;
constexpr std::size_t most_layers = 1 << 16;

double whole(const Node& node, const char* key, std::int64_t low = 1) {
  return static_cast<double>(node.at(key).integer(low, most));
}

/// Scales and zero points included: nvfp4 one fp8 scale per 16 elements, int4 one fp16 scale and zero point per 128.
double format_bytes(const Node& node) {
  static const std::map<std::string, double> known = {{"fp32", 4},
                                                      {"bf16", 2},
                                                      {"fp16", 2},
                                                      {"fp8", 1},
                                                      {"int8", 1},
                                                      {"int4", 0.5 + 4.0 / 128},
                                                      {"nvfp4", 0.5 + 1.0 / 16},
                                                      {"mxfp4", 0.5 + 1.0 / 32}};
  const auto found = known.find(node.text());
  if (found == known.end()) node.fail("fp32, bf16, fp16, fp8, int8, int4, nvfp4 or mxfp4");
  return found->second;
}

struct Elements {
  double matrices = 0;  // in the weights' format
  double vectors = 0;   // in the activations'
};

/// Routers stay in the activations' format.
Elements feed_forward_elements(const Node& block, double hidden) {
  const double one = 3 * hidden * whole(block, "intermediate");
  if (block.at("kind").text() != "moe") return {one, 0};
  const double experts = whole(block, "experts");
  const auto gate = block.find("shared_gate");
  return {experts * one + 3 * hidden * whole(block, "shared_intermediate", 0),
          hidden * (experts + (gate && gate->boolean() ? 1 : 0))};
}

LayerFacts layer_facts(const Node& layer, double hidden, double matrix_bytes, double vector_bytes, double kv_bytes) {
  const Node attention = layer.at("attention");
  const double q = whole(attention, "heads");
  const double k = whole(attention, "kv_heads");
  const double d = whole(attention, "head_dim");
  const Elements block = feed_forward_elements(layer.at("feed_forward"), hidden);
  const double matrices = hidden * (q + 2 * k) * d + q * d * hidden + block.matrices;
  const double vectors = 2 * hidden + (attention.at("qkv_bias").boolean() ? (q + 2 * k) * d : 0) +
                         (attention.at("qk_norm").boolean() ? 2 * d : 0) + block.vectors;
  return {std::ceil(matrices * matrix_bytes) + vectors * vector_bytes, 2 * d * kv_bytes,
          attention.at("kv_heads").integer(1, most)};
}

}  // namespace

ModelFacts model_facts(const Node& model) {
  ModelFacts facts;
  const double hidden = whole(model, "hidden");
  const double matrix_bytes = format_bytes(model.at("dtype"));
  const double vector_bytes = model.at("dtype").text() == "fp32" ? 4 : 2;
  const double kv_bytes = format_bytes(model.at("kv_dtype"));
  for (const Node& run : model.at("layers").items()) {
    const auto room = static_cast<std::int64_t>(most_layers - facts.layers.size());
    const auto count = static_cast<std::size_t>(run.at("count").integer(1, room));
    facts.layers.insert(facts.layers.end(), count, layer_facts(run, hidden, matrix_bytes, vector_bytes, kv_bytes));
  }
  facts.end_bytes = whole(model, "vocabulary") * hidden * vector_bytes;
  facts.tied = model.at("tied_embedding").boolean();
  return facts;
}

}  // namespace ppplan::verify

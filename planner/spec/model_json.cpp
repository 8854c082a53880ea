#include <algorithm>

#include "planner/spec/model_limits.h"
#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

using input::Json;
using input::Node;

Json attention_json(const Attention& attention) {
  Json out;
  out["kind"] = attention.kind == AttentionKind::gqa ? "gqa" : "sliding_window";
  out["heads"] = attention.heads;
  out["kv_heads"] = attention.kv_heads;
  out["head_dim"] = attention.head_dim;
  if (attention.kind == AttentionKind::sliding_window) out["window"] = attention.window;
  out["qkv_bias"] = attention.qkv_bias;
  out["qk_norm"] = attention.qk_norm;
  return out;
}

Json feed_forward_json(const FeedForward& block) {
  Json out;
  out["kind"] = block.kind == FeedForwardKind::dense ? "dense" : "moe";
  out["intermediate"] = block.intermediate;
  if (block.kind == FeedForwardKind::dense) return out;
  out["experts"] = block.experts;
  out["experts_per_token"] = block.experts_per_token;
  out["shared_intermediate"] = block.shared_intermediate;
  return out;
}

/// Equal layers in a row are written once, with their count.
Json layers_json(const std::vector<Layer>& layers) {
  Json out = Json::array();
  for (auto run = layers.begin(); run != layers.end();) {
    const auto end = std::find_if(run, layers.end(), [&](const Layer& layer) { return !(layer == *run); });
    Json item;
    item["count"] = end - run;
    item["attention"] = attention_json(run->attention);
    item["feed_forward"] = feed_forward_json(run->feed_forward);
    out.push_back(item);
    run = end;
  }
  return out;
}

bool is_second(const Node& node, const std::string& first, const std::string& second) {
  const std::string kind = node.text();
  if (kind != first && kind != second) node.fail("\"" + first + "\" or \"" + second + "\"");
  return kind == second;
}

int bounded(const Node& node, int low, int high) { return static_cast<int>(node.integer(low, high)); }

Attention attention_from(const Node& node) {
  Attention out;
  const bool windowed = is_second(node.at("kind"), "gqa", "sliding_window");
  out.kind = windowed ? AttentionKind::sliding_window : AttentionKind::gqa;
  out.heads = bounded(node.at("heads"), 1, most_heads);
  out.kv_heads = bounded(node.at("kv_heads"), 1, most_heads);
  if (out.heads % out.kv_heads != 0) node.at("kv_heads").fail("a divisor of " + std::to_string(out.heads) + " heads");
  out.head_dim = bounded(node.at("head_dim"), 1, most_head_dim);
  if (windowed) out.window = node.at("window").count();
  out.qkv_bias = node.at("qkv_bias").boolean();
  out.qk_norm = node.at("qk_norm").boolean();
  return out;
}

FeedForward feed_forward_from(const Node& node) {
  FeedForward out;
  const bool moe = is_second(node.at("kind"), "dense", "moe");
  out.kind = moe ? FeedForwardKind::moe : FeedForwardKind::dense;
  out.intermediate = bounded(node.at("intermediate"), 1, most_width);
  if (!moe) return out;
  out.experts = bounded(node.at("experts"), 1, most_experts);
  out.experts_per_token = bounded(node.at("experts_per_token"), 1, out.experts);
  out.shared_intermediate = bounded(node.at("shared_intermediate"), 0, most_width);
  return out;
}

std::vector<Layer> layers_from(const Node& node) {
  std::vector<Layer> out;
  for (const Node& item : node.items()) {
    const auto room = static_cast<int>(most_layers - out.size());
    const Layer layer{attention_from(item.at("attention")), feed_forward_from(item.at("feed_forward"))};
    out.insert(out.end(), static_cast<std::size_t>(bounded(item.at("count"), 1, room)), layer);
  }
  if (out.empty()) node.fail("at least one layer");
  return out;
}

DType dtype_from(const Node& node) {
  const auto found = dtype(node.text());
  if (!found) node.fail("fp32, bf16, fp16, fp8, int8, int4 or nvfp4");
  return *found;
}

}  // namespace

Json to_json(const ModelSpec& model) {
  Json out;
  out["name"] = model.name;
  out["architecture"] = model.architecture;
  out["hidden"] = model.hidden;
  out["vocabulary"] = model.vocabulary;
  out["tied_embedding"] = model.tied_embedding;
  out["max_position"] = model.max_position;
  out["dtype"] = name(model.dtype);
  out["kv_dtype"] = name(model.kv_dtype);
  out["rope_theta"] = model.rope_theta;
  out["norm_epsilon"] = model.norm_epsilon;
  out["layers"] = layers_json(model.layers);
  return out;
}

ModelSpec model_from_json(const Node& node) {
  ModelSpec model;
  model.name = node.at("name").text();
  model.architecture = node.at("architecture").text();
  model.hidden = bounded(node.at("hidden"), 1, most_hidden);
  model.vocabulary = bounded(node.at("vocabulary"), 1, most_vocabulary);
  model.tied_embedding = node.at("tied_embedding").boolean();
  model.max_position = node.at("max_position").count();
  model.dtype = dtype_from(node.at("dtype"));
  model.kv_dtype = dtype_from(node.at("kv_dtype"));
  model.rope_theta = node.at("rope_theta").number(0);
  model.norm_epsilon = node.at("norm_epsilon").number(0, 1);
  model.layers = layers_from(node.at("layers"));
  check_size(model, node);
  return model;
}

}  // namespace ppplan::spec

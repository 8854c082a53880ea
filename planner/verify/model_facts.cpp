#include "planner/verify/model_facts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace ppplan::verify {

using input::Node;

/// Scales and zero points included: nvfp4 one fp8 scale per 16 elements, int4 one fp16 scale and one 4-bit zero point
/// per 128, int4-g32 one 16-bit scale per 32, int4-g32-zeros a zero point of 4 bits with it.
double element_bytes(const Node& node) {
  static const std::map<std::string, double> known = {{"fp32", 4},
                                                      {"bf16", 2},
                                                      {"fp16", 2},
                                                      {"fp8", 1},
                                                      {"int8", 1},
                                                      {"int4", 0.5 + 2.5 / 128},
                                                      {"int4-g32", 0.5 + 2.0 / 32},
                                                      {"int4-g32-zeros", 0.5 + 2.5 / 32},
                                                      {"nvfp4", 0.5 + 1.0 / 16},
                                                      {"mxfp4", 0.5 + 1.0 / 32}};
  const auto found = known.find(node.text());
  if (found == known.end()) node.fail("fp32, bf16, fp16, fp8, int8, int4, int4-g32, int4-g32-zeros, nvfp4 or mxfp4");
  return found->second;
}

namespace {

constexpr std::int64_t most = 1 << 30;
constexpr std::int64_t most_bytes = std::int64_t{1} << 53;
constexpr std::size_t most_layers = 1 << 16;

double whole(const Node& node, const char* key, std::int64_t low = 1) {
  return static_cast<double>(node.at(key).integer(low, most));
}

bool has(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found && found->boolean();
}

/// Bytes per element of the model's kinds of tensors.
struct Formats {
  double hidden = 0, streams = 1, vocabulary = 0;
  double dense = 0, attention = 0, expert = 0, plain = 0, kv = 0, head = 0;
  bool kv_fp8 = false;
};

Formats formats_of(const Node& model) {
  Formats out;
  const auto or_else = [&](const char* key, double otherwise) {
    const auto found = model.find(key);
    return found ? element_bytes(*found) : otherwise;
  };
  out.hidden = whole(model, "hidden");
  out.vocabulary = whole(model, "vocabulary");
  if (model.find("residual_streams")) out.streams = whole(model, "residual_streams");
  out.dense = element_bytes(model.at("dtype"));
  out.attention = or_else("attention_dtype", out.dense);
  out.expert = or_else("expert_dtype", out.dense);
  out.plain = or_else("activation_dtype", model.at("dtype").text() == "fp32" ? 4 : 2);
  out.head = model.at("tied_embedding").boolean() ? out.plain : or_else("head_dtype", out.plain);
  out.kv = element_bytes(model.at("kv_dtype"));
  out.kv_fp8 = model.at("kv_dtype").text() == "fp8";
  return out;
}

void add_heads(const Node& a, const Formats& f, LayerFacts& out) {
  const double q = whole(a, "heads"), k = whole(a, "kv_heads"), d = whole(a, "head_dim");
  const bool bias = has(a, "qkv_bias"), all_heads = has(a, "qk_norm_all_heads");
  out.even_bytes += f.attention * f.hidden * q * d * (has(a, "output_gate") ? 3 : 2);
  out.kv_head_bytes += f.attention * f.hidden * k * d * (has(a, "value_is_key") ? 1 : 2);
  out.shares_kv = has(a, "shares_kv");
  out.even_bytes += f.plain * ((bias ? q * d : 0) + (has(a, "sinks") ? q : 0) + (all_heads ? q * d : 0));
  out.kv_head_bytes += f.plain * ((bias ? 2 * k * d : 0) + (all_heads ? k * d : 0));
  out.whole_bytes += f.plain * ((has(a, "qk_norm") && !all_heads ? 2 * d : 0) + (has(a, "output_bias") ? f.hidden : 0));
  out.kv_bytes_of_head_pair = 2 * d * f.kv;
  out.kv_heads = a.at("kv_heads").integer(1, most);
  // A selector: queries of every KV head, one key that is kept in 2 bytes, a norm for each.
  if (!a.find("index_heads")) return;
  const double queries = whole(a, "index_heads"), width = whole(a, "index_dim");
  out.selector_bytes = 2 * width;
  out.kv_head_bytes += f.attention * f.hidden * queries * width;
  out.whole_bytes += f.attention * f.hidden * width + f.plain * 2 * width;
}

void add_mla(const Node& a, const Formats& f, LayerFacts& out) {
  const double n = whole(a, "heads"), qr = whole(a, "q_lora_rank", 0), c = whole(a, "kv_lora_rank");
  const double nope = whole(a, "nope_dim", 0), rope = whole(a, "rope_dim", 0), v = whole(a, "value_dim");
  const double keys = whole(a, "index_heads", 0), dim = whole(a, "index_dim", 0);
  if (has(a, "output_gate")) out.even_bytes += f.attention * f.hidden * n * v;
  out.even_bytes +=
      f.attention * ((qr > 0 ? qr : f.hidden) * n * (nope + rope) + c * n * (nope + v) + n * v * f.hidden);
  out.whole_bytes += f.attention * f.hidden * (qr + c + rope) + f.plain * (qr + c);
  out.latent_bytes = (c + rope) * f.kv;
  out.expanded_heads = n;
  out.expanded_elements = nope + rope;
  out.kv_element_bytes = f.kv;
  out.kv_heads = 0;
  if (keys == 0) return;
  out.whole_bytes += f.attention * (qr * keys + f.hidden) * dim + f.plain * (2 * dim + f.hidden * keys);
  // One fp8 key and its 4-byte scales a token; with an fp8 cache sparse attention keeps c in fp8 with a 4-byte scale
  // per 128, and the rotary part in 2 bytes.
  if (f.kv_fp8) out.latent_bytes = c + 4 * std::ceil(c / 128) + 2 * rope;
  out.index_bytes = dim + 4 * std::ceil(dim / 128);
  out.latent_bytes += out.index_bytes;
}

/// Joining n tokens to an entry: two projections, positions in 4 bytes and a norm; 4 tokens overlap with those before.
double compressor_bytes(double width, std::int64_t joined, const Formats& f) {
  const double both = joined == 4 ? 2 * width : width;
  return f.plain * (2 * f.hidden * both + width) + 4 * static_cast<double>(joined) * both;
}

void add_compressed(const Node& a, const Formats& f, LayerFacts& out) {
  const double n = whole(a, "heads"), d = whole(a, "head_dim"), rope = whole(a, "rope_dim", 0);
  const double rank = whole(a, "q_lora_rank"), o = whole(a, "output_rank"), groups = whole(a, "output_groups");
  out.joined = a.at("compress_ratio").integer(1, most);
  out.window = a.at("window").integer(1, most);
  out.kv_heads = 0;
  out.even_bytes += f.attention * (rank * n * d + n * d * o + groups * o * f.hidden) + 4 * n;
  out.whole_bytes += f.attention * f.hidden * (rank + d) + f.plain * (rank + d);
  out.entry_bytes = d + rope + std::floor((d - rope) / 64) + 1;
  if (out.joined == 1) return;
  out.head_width = d;
  out.whole_bytes += compressor_bytes(d, out.joined, f);
  const double keys = whole(a, "index_heads", 0), dim = whole(a, "index_dim", 0);
  if (keys == 0) return;
  out.index_width = dim;
  out.index_bytes = dim + 4 * std::ceil(dim / 128);
  out.whole_bytes += f.attention * rank * keys * dim + f.plain * f.hidden * keys + compressor_bytes(dim, out.joined, f);
}

void add_linear(const Node& a, const Formats& f, LayerFacts& out) {
  const double key = whole(a, "key_heads") * whole(a, "key_head_dim");
  const double heads = whole(a, "value_heads"), v = whole(a, "value_head_dim"), taps = whole(a, "conv_kernel");
  if (a.find("gate_rank")) {
    const double rank = whole(a, "gate_rank");
    const bool direct = has(a, "output_gate");
    out.even_bytes += f.attention * (f.hidden * (2 * key + (direct ? 3 : 2) * heads * v + heads) +
                                     rank * (key + (direct ? 0 : heads * v)));
    out.even_bytes += 4 * ((2 * key + heads * v) * taps + key + heads);
    out.whole_bytes += f.attention * (direct ? 1 : 2) * f.hidden * rank;
  } else {
    out.even_bytes += f.attention * f.hidden * (2 * key + 3 * heads * v);
    out.even_bytes += f.plain * (2 * f.hidden * heads + (2 * key + heads * v) * taps + 2 * heads);
  }
  out.whole_bytes += f.plain * v;
  out.kv_heads = 0;
  out.state_channels = 2 * key + heads * v;
  out.state_taps = taps - 1;
  out.channel_bytes = f.plain;
  out.state_heads = a.at("value_heads").integer(1, most);
  out.head_state = v * whole(a, "key_head_dim");
  out.recurrent_bytes = whole(a, "state_bytes_per_element");
}

void add_attention(const Node& a, const Formats& f, LayerFacts& out) {
  out.attention = a.at("kind").text();
  if (out.attention == "mla") return add_mla(a, f, out);
  if (out.attention == "linear") return add_linear(a, f, out);
  if (out.attention == "compressed") return add_compressed(a, f, out);
  out.kv_heads = 0;
  if (out.attention == "none") return;
  if (out.attention == "sliding_window" || out.attention == "chunked") out.window = a.at("window").integer(1, most);
  add_heads(a, f, out);
}

/// Routers stay in the activations' format.
void add_feed_forward(const Node& block, const Formats& f, LayerFacts& out) {
  const std::string kind = block.at("kind").text();
  if (kind == "none") return;
  const double i = whole(block, "intermediate"), matrices = block_matrices(block);
  if (kind != "moe") {
    out.even_bytes += f.dense * matrices * f.hidden * i;
    return;
  }
  out.experts = block.at("experts").integer(1, most);
  const auto experts = static_cast<double>(out.experts);
  out.expert_bytes += experts * f.expert * matrices * expert_columns(block, f.hidden) * i;
  out.whole_bytes += f.dense * 2 * f.hidden * expert_columns(block, 0);
  if (has(block, "expert_bias")) out.expert_bytes += experts * f.plain * (2 * i + f.hidden);
  out.even_bytes += f.dense * matrices * f.hidden * whole(block, "shared_intermediate", 0);
  out.whole_bytes += f.plain * (f.hidden * experts + (has(block, "shared_gate") ? f.hidden : 0) +
                                (has(block, "router_bias") ? experts : 0));
  if (has(block, "hashed")) out.whole_bytes += 4 * f.vocabulary * whole(block, "experts_per_token");
}

LayerFacts layer_facts(const Node& layer, const Formats& f) {
  LayerFacts out;
  add_attention(layer.at("attention"), f, out);
  add_feed_forward(layer.at("feed_forward"), f, out);
  if (const auto own = layer.find("own_embedding"))
    out.whole_bytes += f.hidden * (f.dense * 2 * static_cast<double>(own->integer(1, most)) + f.plain);
  const double mixed = (2 + f.streams) * f.streams;
  if (f.streams > 1) out.whole_bytes += 2 * 4 * (mixed * f.streams * f.hidden + mixed + 3);
  const auto norms = layer.find("norms");
  out.whole_bytes += f.plain * f.hidden * (norms ? static_cast<double>(norms->integer(0, most)) : 2);
  out.weight_bytes = std::ceil(out.even_bytes + out.kv_head_bytes + out.whole_bytes + out.expert_bytes);
  return out;
}

std::vector<LayerFacts> read_layers(const Node& runs, const Formats& formats) {
  std::vector<LayerFacts> out;
  for (const Node& run : runs.items()) {
    const auto room = static_cast<std::int64_t>(most_layers - out.size());
    const auto count = static_cast<std::size_t>(run.at("count").integer(1, room));
    out.insert(out.end(), count, layer_facts(run, formats));
  }
  return out;
}

/// Each layer's own embedding takes a row of every token's and a projection of the token's.
void add_own(const Node& model, const Formats& formats, ModelFacts& facts) {
  double widest = 0;
  for (const Node& run : model.at("layers").items()) {
    const auto own = run.find("own_embedding");
    if (!own) continue;
    const auto width = static_cast<double>(own->integer(1, most));
    facts.own_width += width * static_cast<double>(run.at("count").integer(1, static_cast<std::int64_t>(most_layers)));
    widest = std::max(widest, width);
  }
  const auto rows = model.find("layer_vocabulary");
  const double table = (rows ? static_cast<double>(rows->integer(1, most)) : 0) + formats.hidden;
  facts.layer_table_bytes = formats.plain * (facts.own_width * table + widest);
}

void scale(LayerFacts& layer, double bytes) {
  if (layer.weight_bytes <= 0) return;
  const double factor = bytes / layer.weight_bytes;
  for (double* sum : {&layer.even_bytes, &layer.kv_head_bytes, &layer.whole_bytes, &layer.expert_bytes}) *sum *= factor;
  layer.weight_bytes = bytes;
}

/// What the checkpoint's headers say in place of what the dimensions give.
void take_stated(const Node& stated, ModelFacts& facts) {
  const auto sizes = stated.at("layer_bytes").items();
  if (sizes.size() != facts.layers.size()) stated.at("layer_bytes").fail("one size per layer");
  for (std::size_t i = 0; i < sizes.size(); ++i)
    scale(facts.layers[i], static_cast<double>(sizes[i].integer(0, most_bytes)));
  const auto replace = [&](const char* key, double& value) {
    const std::int64_t bytes = stated.at(key).integer(0, most_bytes);
    if (bytes > 0) value = static_cast<double>(bytes);
  };
  replace("embedding_bytes", facts.embedding_bytes);
  replace("head_bytes", facts.head_bytes);
  replace("tower_bytes", facts.tower_bytes);
}

}  // namespace

double block_matrices(const Node& block) { return block.find("gated") && !has(block, "gated") ? 2 : 3; }

double expert_columns(const Node& block, double hidden) {
  return block.find("narrow") ? whole(block, "narrow") : hidden;
}

ModelFacts model_facts(const Node& model) {
  ModelFacts facts;
  const Formats formats = formats_of(model);
  facts.layers = read_layers(model.at("layers"), formats);
  if (const auto draft = model.find("draft_layers")) facts.draft_layers = read_layers(*draft, formats);
  facts.draft_join_bytes = static_cast<double>(facts.draft_layers.size()) * formats.plain *
                           (2 * formats.hidden * formats.hidden + 3 * formats.hidden);
  facts.end_bytes = whole(model, "vocabulary") * formats.hidden * formats.plain;
  facts.streams = formats.streams;
  add_own(model, formats, facts);
  facts.head_bytes = whole(model, "vocabulary") * formats.hidden * formats.head;
  facts.embedding_bytes = facts.end_bytes + facts.layer_table_bytes;
  facts.norm_bytes = formats.hidden * formats.plain;
  if (const auto tower = model.find("tower"))
    facts.tower_bytes = static_cast<double>(tower->at("parameters").integer(0, most_bytes)) * formats.plain;
  facts.whole_tower = model.find("tower") && has(model.at("tower"), "whole");
  facts.tied = model.at("tied_embedding").boolean();
  static const std::set<std::string> wide = {"bf16", "fp16", "fp32", "fp8"};
  facts.narrow = model.find("dtype") && !wide.contains(model.at("dtype").text());
  if (const auto stated = model.find("stated")) take_stated(*stated, facts);
  return facts;
}

std::size_t read_layer(const ModelFacts& model, std::size_t index) {
  const LayerFacts& reader = model.layers[index];
  if (!reader.shares_kv) return index;
  std::size_t found = index;
  for (std::size_t l = 0; l < index; ++l) {
    const LayerFacts& it = model.layers[l];
    if (!it.shares_kv && it.attention == reader.attention && it.window == reader.window) found = l;
  }
  return found;
}

double rank_weight_bytes(const LayerFacts& layer, std::int64_t tp, std::int64_t expert_ranks) {
  const auto ranks = static_cast<double>(tp);
  const auto heads = static_cast<double>(std::max<std::int64_t>(1, layer.kv_heads));
  const double held = static_cast<double>(std::max<std::int64_t>(1, layer.kv_heads / tp));
  double experts = layer.expert_bytes / ranks;
  if (expert_ranks > 0 && layer.experts > 0) {
    const std::int64_t most_held = (layer.experts + expert_ranks - 1) / expert_ranks;
    experts = layer.expert_bytes * static_cast<double>(most_held) / static_cast<double>(layer.experts);
  }
  return layer.even_bytes / ranks + layer.kv_head_bytes * held / heads + layer.whole_bytes + experts;
}

double rank_kv_bytes_per_token(const LayerFacts& layer, std::int64_t tp) {
  if (layer.attention == "linear" || layer.attention == "none" || layer.shares_kv) return 0;
  if (layer.attention == "mla") return layer.latent_bytes;
  if (layer.attention == "compressed")
    return std::ceil((layer.entry_bytes + layer.index_bytes) / static_cast<double>(layer.joined));
  return static_cast<double>(std::max<std::int64_t>(1, layer.kv_heads / tp)) * layer.kv_bytes_of_head_pair +
         layer.selector_bytes;
}

double rank_state_bytes(const LayerFacts& layer, std::int64_t tp) {
  const double channels = std::floor(layer.state_channels / static_cast<double>(tp));
  return channels * layer.state_taps * layer.channel_bytes +
         static_cast<double>(layer.state_heads / tp) * layer.head_state * layer.recurrent_bytes;
}

double rank_draft_bytes(const ModelFacts& model, std::int64_t tp, std::int64_t expert_ranks) {
  double sum = model.draft_join_bytes;
  for (const LayerFacts& layer : model.draft_layers) sum += rank_weight_bytes(layer, tp, expert_ranks);
  return sum;
}

}  // namespace ppplan::verify

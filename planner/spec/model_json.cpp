#include <algorithm>
#include <span>

#include "planner/spec/model_limits.h"
#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

using input::Json;
using input::Node;

/// Members of Attention that a kind has, apart from its name: numbers within [low, high] and switches.
struct Count {
  const char* name;
  int Attention::*member;
  int low;
  int high;
};
struct Switch {
  const char* name;
  bool Attention::*member;
};

constexpr Count head_counts[] = {{"heads", &Attention::heads, 1, most_heads},
                                 {"kv_heads", &Attention::kv_heads, 1, most_heads},
                                 {"head_dim", &Attention::head_dim, 1, most_head_dim}};
constexpr Count mla_counts[] = {{"heads", &Attention::heads, 1, most_heads},
                                {"q_lora_rank", &Attention::q_lora_rank, 0, most_hidden},
                                {"kv_lora_rank", &Attention::kv_lora_rank, 1, most_hidden},
                                {"nope_dim", &Attention::nope_dim, 0, most_head_dim},
                                {"rope_dim", &Attention::rope_dim, 0, most_head_dim},
                                {"value_dim", &Attention::value_dim, 1, most_head_dim},
                                {"index_heads", &Attention::index_heads, 0, most_heads},
                                {"index_dim", &Attention::index_dim, 0, most_head_dim},
                                {"index_topk", &Attention::index_topk, 0, most_width}};
constexpr Count linear_counts[] = {{"key_heads", &Attention::key_heads, 1, most_heads},
                                   {"value_heads", &Attention::value_heads, 1, most_heads},
                                   {"key_head_dim", &Attention::key_head_dim, 1, most_head_dim},
                                   {"value_head_dim", &Attention::value_head_dim, 1, most_head_dim},
                                   {"conv_kernel", &Attention::conv_kernel, 1, most_head_dim},
                                   {"state_bytes_per_element", &Attention::state_bytes_per_element, 1, 8}};
constexpr Count compressed_counts[] = {{"heads", &Attention::heads, 1, most_heads},
                                       {"head_dim", &Attention::head_dim, 1, most_head_dim},
                                       {"rope_dim", &Attention::rope_dim, 0, most_head_dim},
                                       {"q_lora_rank", &Attention::q_lora_rank, 1, most_hidden},
                                       {"output_rank", &Attention::output_rank, 1, most_hidden},
                                       {"output_groups", &Attention::output_groups, 1, most_heads},
                                       {"compress_ratio", &Attention::compress_ratio, 1, most_width},
                                       {"index_heads", &Attention::index_heads, 0, most_heads},
                                       {"index_dim", &Attention::index_dim, 0, most_head_dim},
                                       {"index_topk", &Attention::index_topk, 0, most_width}};
/// Written where they are not 0, so that documents without them stay as they were.
constexpr Count rare_head_counts[] = {{"index_heads", &Attention::index_heads, 0, most_heads},
                                      {"index_dim", &Attention::index_dim, 0, most_head_dim},
                                      {"index_topk", &Attention::index_topk, 0, most_width}};
constexpr Count rare_linear_counts[] = {{"gate_rank", &Attention::gate_rank, 0, most_hidden}};
constexpr Switch rare_head_switches[] = {{"shares_kv", &Attention::shares_kv},
                                         {"value_is_key", &Attention::value_is_key}};
/// Of latent attention and of a gate for every channel.
constexpr Switch rare_gates[] = {{"output_gate", &Attention::output_gate}};
constexpr Switch head_switches[] = {{"qkv_bias", &Attention::qkv_bias},
                                    {"qk_norm", &Attention::qk_norm},
                                    {"qk_norm_all_heads", &Attention::qk_norm_all_heads},
                                    {"output_bias", &Attention::output_bias},
                                    {"output_gate", &Attention::output_gate},
                                    {"sinks", &Attention::sinks}};

std::span<const Count> counts_of(AttentionKind kind) {
  if (kind == AttentionKind::none) return {};
  if (kind == AttentionKind::mla) return mla_counts;
  if (kind == AttentionKind::linear) return linear_counts;
  if (kind == AttentionKind::compressed) return compressed_counts;
  return head_counts;
}

std::span<const Switch> switches_of(AttentionKind kind) {
  const bool heads = counts_of(kind).data() == head_counts;
  return heads ? std::span<const Switch>(head_switches) : std::span<const Switch>();
}

std::span<const Count> rare_counts_of(AttentionKind kind) {
  if (kind == AttentionKind::linear) return rare_linear_counts;
  return counts_of(kind).data() == head_counts ? std::span<const Count>(rare_head_counts) : std::span<const Count>();
}

std::span<const Switch> rare_switches_of(AttentionKind kind) {
  if (kind == AttentionKind::mla || kind == AttentionKind::linear) return rare_gates;
  return switches_of(kind).empty() ? std::span<const Switch>() : std::span<const Switch>(rare_head_switches);
}

bool has_window(AttentionKind kind) {
  return kind == AttentionKind::sliding_window || kind == AttentionKind::chunked || kind == AttentionKind::compressed;
}

template <typename Kind>
Kind kind_from(const Node& node, std::initializer_list<Kind> kinds) {
  std::string known;
  for (const Kind kind : kinds) {
    if (name(kind) == node.text()) return kind;
    known.append(known.empty() ? "" : ", ").append(name(kind));
  }
  node.fail("one of " + known);
}

int bounded(const Node& node, int low, int high) { return static_cast<int>(node.integer(low, high)); }

bool flag(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found && found->boolean();
}

Json attention_json(const Attention& attention) {
  Json out;
  out["kind"] = name(attention.kind);
  for (const Count& count : counts_of(attention.kind)) out[count.name] = attention.*count.member;
  if (has_window(attention.kind)) out["window"] = attention.window;
  for (const Switch& item : switches_of(attention.kind)) out[item.name] = attention.*item.member;
  for (const Count& count : rare_counts_of(attention.kind))
    if (attention.*count.member > 0) out[count.name] = attention.*count.member;
  for (const Switch& item : rare_switches_of(attention.kind))
    if (attention.*item.member) out[item.name] = true;
  return out;
}

Json feed_forward_json(const FeedForward& block) {
  Json out;
  out["kind"] = name(block.kind);
  if (block.kind == FeedForwardKind::none) return out;
  out["intermediate"] = block.intermediate;
  if (!block.gated) out["gated"] = false;
  if (block.kind == FeedForwardKind::dense) return out;
  out["experts"] = block.experts;
  out["experts_per_token"] = block.experts_per_token;
  out["shared_intermediate"] = block.shared_intermediate;
  out["shared_gate"] = block.shared_gate;
  out["router_bias"] = block.router_bias;
  out["expert_bias"] = block.expert_bias;
  if (block.hashed) out["hashed"] = true;
  if (block.narrow > 0) out["narrow"] = block.narrow;
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
    item["norms"] = run->norms;
    if (run->own_embedding > 0) item["own_embedding"] = run->own_embedding;
    out.push_back(item);
    run = end;
  }
  return out;
}

Attention attention_from(const Node& node) {
  using enum AttentionKind;
  Attention out;
  out.kind = kind_from(node.at("kind"), {gqa, sliding_window, chunked, mla, linear, compressed, none});
  for (const Count& count : counts_of(out.kind))
    out.*count.member = bounded(node.at(count.name), count.low, count.high);
  if (has_window(out.kind)) out.window = node.at("window").count();
  for (const Count& count : rare_counts_of(out.kind))
    if (const auto stated = node.find(count.name)) out.*count.member = bounded(*stated, count.low, count.high);
  for (const Switch& item : switches_of(out.kind)) out.*item.member = flag(node, item.name);
  for (const Switch& item : rare_switches_of(out.kind)) out.*item.member = flag(node, item.name);
  if (out.kv_heads > 0 && out.heads % out.kv_heads != 0)
    node.at("kv_heads").fail("a divisor of " + std::to_string(out.heads) + " heads");
  return out;
}

FeedForward feed_forward_from(const Node& node) {
  using enum FeedForwardKind;
  FeedForward out;
  out.kind = kind_from(node.at("kind"), {dense, moe, none});
  if (out.kind == none) return out;
  out.intermediate = bounded(node.at("intermediate"), 1, most_width);
  if (const auto gated = node.find("gated")) out.gated = gated->boolean();
  if (out.kind == dense) return out;
  out.experts = bounded(node.at("experts"), 1, most_experts);
  out.experts_per_token = bounded(node.at("experts_per_token"), 1, out.experts);
  out.shared_intermediate = bounded(node.at("shared_intermediate"), 0, most_width);
  out.shared_gate = flag(node, "shared_gate");
  out.router_bias = flag(node, "router_bias");
  out.expert_bias = flag(node, "expert_bias");
  out.hashed = flag(node, "hashed");
  if (const auto narrow = node.find("narrow")) out.narrow = bounded(*narrow, 0, most_hidden);
  return out;
}

Layer layer_from(const Node& item) {
  Layer layer{attention_from(item.at("attention")), feed_forward_from(item.at("feed_forward"))};
  if (const auto norms = item.find("norms")) layer.norms = bounded(*norms, 0, most_norms);
  if (const auto own = item.find("own_embedding")) layer.own_embedding = bounded(*own, 0, most_hidden);
  return layer;
}

std::vector<Layer> layers_from(const Node& node) {
  std::vector<Layer> out;
  for (const Node& item : node.items()) {
    const auto room = static_cast<int>(most_layers - out.size());
    const Layer layer = layer_from(item);
    out.insert(out.end(), static_cast<std::size_t>(bounded(item.at("count"), 1, room)), layer);
  }
  return out;
}

std::vector<std::int64_t> sizes_from(const Node& node) {
  std::vector<std::int64_t> out;
  for (const Node& item : node.items()) out.push_back(item.integer(0, most_stated_bytes));
  return out;
}

constexpr std::pair<const char*, std::int64_t StatedBytes::*> stated_ends[] = {
    {"embedding_bytes", &StatedBytes::embedding_bytes},
    {"head_bytes", &StatedBytes::head_bytes},
    {"tower_bytes", &StatedBytes::tower_bytes},
    {"draft_bytes", &StatedBytes::draft_bytes},
    {"other_bytes", &StatedBytes::other_bytes}};

Json stated_json(const StatedBytes& stated) {
  Json out;
  out["layer_bytes"] = stated.layer_bytes;
  for (const auto& [key, member] : stated_ends) out[key] = stated.*member;
  return out;
}

StatedBytes stated_from(const Node& node, std::size_t layers) {
  StatedBytes out;
  out.layer_bytes = sizes_from(node.at("layer_bytes"));
  if (out.layer_bytes.size() != layers)
    node.at("layer_bytes").fail("an array of " + std::to_string(layers) + ", one per layer");
  for (const auto& [key, member] : stated_ends) out.*member = node.at(key).integer(0, most_stated_bytes);
  return out;
}

Tower tower_from(const Node& node) {
  Tower out{node.at("parameters").integer(0, most_stated_bytes), flag(node, "assumed"), flag(node, "whole")};
  if (const auto layers = node.find("deepstack_layers")) out.deepstack_layers = bounded(*layers, 0, most_layers);
  return out;
}

DType dtype_from(const Node& node) {
  const auto found = dtype(node.text());
  if (!found) node.fail("fp32, bf16, fp16, fp8, int8, int4, int4-g32, int4-g32-zeros, nvfp4 or mxfp4");
  return *found;
}

constexpr std::pair<const char*, DType ModelSpec::*> format_details[] = {
    {"attention_dtype", &ModelSpec::attention_dtype},
    {"expert_dtype", &ModelSpec::expert_dtype},
    {"activation_dtype", &ModelSpec::activation_dtype}};

}  // namespace

Json to_json(const ModelSpec& model) {
  Json out;
  out["name"] = model.name;
  out["architecture"] = model.architecture;
  out["hidden"] = model.hidden;
  out["vocabulary"] = model.vocabulary;
  out["tied_embedding"] = model.tied_embedding;
  if (model.layer_vocabulary > 0) out["layer_vocabulary"] = model.layer_vocabulary;
  if (model.residual_streams > 1) out["residual_streams"] = model.residual_streams;
  out["max_position"] = model.max_position;
  out["dtype"] = name(model.dtype);
  out["kv_dtype"] = name(model.kv_dtype);
  for (const auto& [key, member] : format_details) out[key] = name(model.*member);
  if (model.head_dtype) out["head_dtype"] = name(*model.head_dtype);
  if (model.attention_may_be_wide) out["attention_may_be_wide"] = true;
  if (model.scale_group != ScaleGroup{})
    out["scale_group"] = {{"inputs", model.scale_group.inputs}, {"outputs", model.scale_group.outputs}};
  if (!model.quantization.empty()) out["quantization"] = model.quantization;
  out["rope_theta"] = model.rope_theta;
  out["norm_epsilon"] = model.norm_epsilon;
  if (model.tower.parameters > 0)
    out["tower"] = {{"parameters", model.tower.parameters},
                    {"assumed", model.tower.assumed},
                    {"deepstack_layers", model.tower.deepstack_layers}};
  if (model.tower.parameters > 0 && model.tower.whole) out["tower"]["whole"] = true;
  out["layers"] = layers_json(model.layers);
  if (!model.draft_layers.empty()) out["draft_layers"] = layers_json(model.draft_layers);
  if (model.stated) out["stated"] = stated_json(*model.stated);
  if (!model.notes.empty()) out["notes"] = model.notes;
  return out;
}

ModelSpec model_from_json(const Node& node) {
  ModelSpec model;
  model.name = node.at("name").text();
  model.architecture = node.at("architecture").text();
  model.hidden = bounded(node.at("hidden"), 1, most_hidden);
  model.vocabulary = bounded(node.at("vocabulary"), 1, most_vocabulary);
  model.tied_embedding = node.at("tied_embedding").boolean();
  if (const auto rows = node.find("layer_vocabulary")) model.layer_vocabulary = bounded(*rows, 1, most_vocabulary);
  if (const auto count = node.find("residual_streams")) model.residual_streams = bounded(*count, 1, most_streams);
  model.max_position = node.at("max_position").count();
  model.dtype = dtype_from(node.at("dtype"));
  model.kv_dtype = dtype_from(node.at("kv_dtype"));
  model.rope_theta = node.at("rope_theta").number(0);
  model.norm_epsilon = node.at("norm_epsilon").number(0, 1);
  // Documents that state one format mean it for all matrices; vectors and ends are then kept in 2 bytes, or 4.
  set_weight_dtype(model, model.dtype);
  model.activation_dtype = model.dtype == DType::fp32 ? DType::fp32 : DType::bf16;
  for (const auto& [key, member] : format_details)
    if (const auto stated = node.find(key)) model.*member = dtype_from(*stated);
  if (const auto format = node.find("head_dtype")) model.head_dtype = dtype_from(*format);
  model.attention_may_be_wide = flag(node, "attention_may_be_wide");
  if (const auto group = node.find("scale_group"))
    model.scale_group = {bounded(group->at("inputs"), 1, most_in_scale_group),
                         bounded(group->at("outputs"), 1, most_in_scale_group)};
  if (const auto method = node.find("quantization")) model.quantization = method->text();
  if (const auto tower = node.find("tower")) model.tower = tower_from(*tower);
  model.layers = layers_from(node.at("layers"));
  if (model.layers.empty()) node.at("layers").fail("at least one layer");
  if (const auto draft = node.find("draft_layers")) model.draft_layers = layers_from(*draft);
  if (const auto stated = node.find("stated")) model.stated = stated_from(*stated, model.layers.size());
  if (const auto notes = node.find("notes"))
    for (const Node& note : notes->items()) model.notes.push_back(note.text());
  check_size(model, node);
  return model;
}

}  // namespace ppplan::spec

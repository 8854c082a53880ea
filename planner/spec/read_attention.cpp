#include <algorithm>
#include <cstdint>

#include "planner/spec/config_parts.h"
#include "planner/spec/model_limits.h"

namespace ppplan::spec {
namespace {

using input::Node;

int head_dimension(const ConfigFields& config, int hidden, int heads) {
  if (const auto stated = config.find("head_dim")) return static_cast<int>(stated->integer(1, most_head_dim));
  if (hidden % heads != 0)
    config.at("hidden_size")
        .fail("a multiple of the " + std::to_string(heads) + " attention heads where head_dim is not stated");
  return hidden / heads;
}

Attention heads_from(const ConfigFields& config, const Family& family, int hidden) {
  Attention out;
  out.heads = config.count("num_attention_heads", 1, most_heads);
  out.kv_heads = config.count_or("num_key_value_heads", out.heads, 1, most_heads);
  if (out.heads % out.kv_heads != 0)
    config.at("num_key_value_heads").fail("a divisor of the " + std::to_string(out.heads) + " attention heads");
  out.head_dim = head_dimension(config, hidden, out.heads);
  out.qkv_bias = family.is(config, "qkv_bias");
  out.output_bias = family.is(config, "output_bias");
  out.qk_norm = family.is(config, "qk_norm");
  out.qk_norm_all_heads = out.qk_norm && family.is(config, "qk_norm_all_heads");
  out.output_gate = family.is(config, "output_gate");
  out.sinks = family.is(config, "sinks");
  return out;
}

Attention latent_from(const ConfigFields& config, const Family& family) {
  Attention out;
  out.kind = AttentionKind::mla;
  out.heads = config.count("num_attention_heads", 1, most_heads);
  out.q_lora_rank = config.count_or("q_lora_rank", 0, 0, most_hidden);
  out.kv_lora_rank = config.count("kv_lora_rank", 1, most_hidden);
  out.nope_dim = config.count("qk_nope_head_dim", 0, most_head_dim);
  out.rope_dim = config.count("qk_rope_head_dim", 0, most_head_dim);
  out.value_dim = config.count("v_head_dim", 1, most_head_dim);
  if (!family.is(config, "indexer")) return out;
  out.index_heads = config.count("index_n_heads", 1, most_heads);
  out.index_dim = config.count("index_head_dim", 1, most_head_dim);
  out.index_topk = config.count("index_topk", 1, most_width);
  return out;
}

int state_bytes(const ConfigFields& config) {
  const auto stated = config.find("mamba_ssm_dtype");
  if (!stated || stated->text() != "float32") return 2;
  return 4;
}

/// Fields are named as in Qwen's configs unless the family has names of its own (member "linear"). A Mamba-2 layer is
/// one: its groups and states are the key heads and their dimension, its heads the value heads. Counted that way, its
/// time step's projection comes twice, less than 1 % of the layer.
Attention linear_from(const ConfigFields& config, const Family& family) {
  const auto names = family.rules.find("linear");
  const auto size = [&](const char* part, const char* usual, int most) {
    return config.count(names ? names->at(part).text() : usual, 1, most);
  };
  Attention out;
  out.kind = AttentionKind::linear;
  out.key_heads = size("key_heads", "linear_num_key_heads", most_heads);
  out.value_heads = size("value_heads", "linear_num_value_heads", most_heads);
  out.key_head_dim = size("key_head_dim", "linear_key_head_dim", most_head_dim);
  out.value_head_dim = size("value_head_dim", "linear_value_head_dim", most_head_dim);
  out.conv_kernel = size("conv_kernel", "linear_conv_kernel_dim", most_head_dim);
  out.state_bytes_per_element = state_bytes(config);
  return out;
}

Attention within(Attention attention, AttentionKind kind, const Node& window) {
  attention.kind = kind;
  attention.window = window.count();
  return attention;
}

/// One layer's attention by the word that layer_types has for it.
Attention typed(const ConfigFields& config, const Family& family, const Attention& full, const Node& where,
                const std::string& type) {
  if (type == "sliding_attention") return within(full, AttentionKind::sliding_window, config.at("sliding_window"));
  if (type == "chunked_attention") {
    const auto chunk = config.find("attention_chunk_size");
    return chunk ? within(full, AttentionKind::chunked, *chunk) : full;
  }
  if (type == "linear_attention" || type == "mamba") return linear_from(config, family);
  if (type == "full_attention" || type == "attention" || type == "deepseek_sparse_attention") return full;
  where.fail(
      "full_attention, attention, sliding_attention, chunked_attention, linear_attention, mamba or "
      "deepseek_sparse_attention");
}

/// layer_types, of which a draft layer's words may follow the layers'.
std::vector<std::string> stated_types(const Node& list, int layers) {
  std::vector<std::string> out;
  for (const Node& item : list.items()) out.push_back(item.text());
  if (out.size() < static_cast<std::size_t>(layers))
    list.fail("one word for each of " + std::to_string(layers) + " layers", std::to_string(out.size()) + " of them");
  out.resize(static_cast<std::size_t>(layers));
  return out;
}

/// Every n-th layer is full, the others are of the pattern's kind; n is a number or a field of the config.
void apply_pattern(const ConfigFields& config, const Node& pattern, std::vector<std::string>& types) {
  const Node every = pattern.at("every");
  const int period = every.is_text() ? config.count(every.text(), 1, most_layers) : every.count();
  for (std::size_t i = 0; i < types.size(); ++i)
    if ((i + 1) % static_cast<std::size_t>(period) != 0) types[i] = pattern.at("others").text();
}

/// Llama-4: 1 marks a layer with rotary positions, which looks at its chunk only.
void apply_no_rope(const Node& list, std::vector<std::string>& types) {
  const auto marks = list.items();
  if (marks.empty()) return;
  if (marks.size() < types.size()) list.fail("one mark per layer", std::to_string(marks.size()) + " of them");
  for (std::size_t i = 0; i < types.size(); ++i)
    types[i] = marks[i].integer(0, 1) == 1 ? "chunked_attention" : "full_attention";
}

/// sliding_window counts as it stands, or only with use_sliding_window and from max_window_layers on (Qwen).
void apply_window(const ConfigFields& config, const std::string& rule, std::vector<std::string>& types) {
  const bool counts = rule == "always" || (rule == "switch" && config.flag("use_sliding_window"));
  if (!counts || !config.find("sliding_window")) return;
  const int layers = static_cast<int>(types.size());
  const int first = rule == "switch" ? config.count_or("max_window_layers", 0, 0, most_layers) : 0;
  for (int i = std::min(first, layers); i < layers; ++i) types[static_cast<std::size_t>(i)] = "sliding_attention";
}

std::vector<std::string> types_of(const ConfigFields& config, const Family& family, int layers) {
  if (const auto stated = config.find("layer_types")) return stated_types(*stated, layers);
  std::vector<std::string> types(static_cast<std::size_t>(layers), "full_attention");
  if (const auto pattern = family.rules.find("pattern")) apply_pattern(config, *pattern, types);
  if (const auto marks = config.find("no_rope_layers"); marks && family.word("window", "") == "chunk")
    apply_no_rope(*marks, types);
  apply_window(config, family.word("window", ""), types);
  return types;
}

}  // namespace

std::vector<Attention> read_attention(const ConfigFields& config, const Family& family, int layers, int hidden) {
  const bool latent = family.word("attention", "heads") == "latent";
  const Attention full = latent ? latent_from(config, family) : heads_from(config, family, hidden);
  const auto stated = config.find("layer_types");
  std::vector<Attention> out;
  for (const std::string& type : types_of(config, family, layers))
    out.push_back(typed(config, family, full, stated ? *stated : config.file(), type));
  return out;
}

}  // namespace ppplan::spec

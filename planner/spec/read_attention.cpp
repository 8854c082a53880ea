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

/// Keys wider than values (MiMo-V2): heads of the mean width have the same weights, cache and work, as queries are as
/// wide as keys and the output's rows as wide as values.
int mean_dimension(const ConfigFields& config, const Family& family, int keys) {
  const std::string other = family.word("value_dim", "");
  const int sum = keys + (other.empty() ? keys : config.count_or(other, keys, 1, most_head_dim));
  if (sum % 2 != 0) config.at(other).fail("as even or odd as the keys' " + std::to_string(keys));
  return sum / 2;
}

Attention heads_from(const ConfigFields& config, const Family& family, int hidden) {
  Attention out;
  out.heads = config.count("num_attention_heads", 1, most_heads);
  out.kv_heads = config.count_or("num_key_value_heads", out.heads, 1, most_heads);
  // Falcon and GPT-BigCode: one head for all queries by a switch, which Falcon's newer layout takes back.
  if (family.is(config, "one_kv_head") && !family.is(config, "own_kv_heads")) out.kv_heads = 1;
  if (out.heads % out.kv_heads != 0)
    config.at("num_key_value_heads").fail("a divisor of the " + std::to_string(out.heads) + " attention heads");
  out.head_dim = mean_dimension(config, family, head_dimension(config, hidden, out.heads));
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
  out.output_gate = family.is(config, "output_gate");
  if (!family.is(config, "indexer")) return out;
  out.index_heads = config.count("index_n_heads", 1, most_heads);
  out.index_dim = config.count("index_head_dim", 1, most_head_dim);
  out.index_topk = config.count("index_topk", 1, most_width);
  return out;
}

/// Full layers of a family with members of their own have other heads than those with a window (Gemma 4): heads as wide
/// as "full_head_dim" says and, where values are the keys, as many as "full_kv_heads".
Attention full_from(const ConfigFields& config, const Family& family, Attention heads) {
  const std::string width = family.word("full_head_dim", "");
  if (!width.empty()) heads.head_dim = config.count_or(width, heads.head_dim, 1, most_head_dim);
  heads.value_is_key = family.is(config, "value_is_key");
  if (heads.value_is_key)
    heads.kv_heads = config.count_or(family.word("full_kv_heads", ""), heads.kv_heads, 1, most_heads);
  if (heads.heads % heads.kv_heads != 0)
    config.at(family.word("full_kv_heads", "num_key_value_heads"))
        .fail("a divisor of the " + std::to_string(heads.heads) + " attention heads");
  return heads;
}

int state_bytes(const ConfigFields& config) {
  auto stated = config.find("mamba_ssm_dtype");
  if (!stated) stated = config.find("mamba_ssm_cache_dtype");
  if (!stated || stated->text() != "float32") return 2;
  return 4;
}

/// Kimi delta attention states its dimensions in a member of the config; its recurrent state is in 4 bytes.
Attention delta_from(const Node& delta) {
  Attention out;
  out.kind = AttentionKind::linear;
  out.key_heads = out.value_heads = static_cast<int>(delta.at("num_heads").integer(1, most_heads));
  out.key_head_dim = out.value_head_dim = static_cast<int>(delta.at("head_dim").integer(1, most_head_dim));
  out.conv_kernel = static_cast<int>(delta.at("short_conv_kernel_size").integer(1, most_head_dim));
  out.gate_rank = out.key_head_dim;
  const auto direct = delta.find("use_full_rank_gate");
  out.output_gate = direct && direct->boolean();
  out.state_bytes_per_element = 4;
  return out;
}

/// A Mamba-1 layer keeps a state for each of its "expand" times hidden channels, which are counted as heads of 64; B, C
/// and the time step come of the channels instead of the hidden state, at most 5 % of the layer more than counted.
Attention first_mamba(const ConfigFields& config, const Node& names) {
  constexpr int channels_of_head = 64, most_expansion = 16;
  const int channels =
      config.count(names.at("expand").text(), 1, most_expansion) * config.count("hidden_size", 1, most_hidden);
  if (channels % channels_of_head != 0 || channels / channels_of_head > most_heads)
    config.at("hidden_size").fail("a multiple of 64 and at most " + std::to_string(most_heads) + " times that");
  Attention out;
  out.kind = AttentionKind::linear;
  out.key_heads = 1;
  out.value_heads = channels / channels_of_head;
  out.key_head_dim = config.count(names.at("key_head_dim").text(), 1, most_head_dim);
  out.value_head_dim = channels_of_head;
  out.conv_kernel = config.count(names.at("conv_kernel").text(), 1, most_head_dim);
  out.state_bytes_per_element = state_bytes(config);
  return out;
}

/// Fields are named as in Qwen's configs unless the family has names of its own (member "linear"). A Mamba-2 layer is
/// one: its groups and states are the key heads and their dimension, its heads the value heads. Counted that way, its
/// time step's projection comes twice, less than 1 % of the layer.
Attention linear_from(const ConfigFields& config, const Family& family) {
  if (const auto delta = config.find(family.word("delta", ""))) return delta_from(*delta);
  const auto names = family.find("linear");
  if (names && names->find("expand")) return first_mamba(config, *names);
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

/// Layers with a window may have KV heads of their own number (MiMo-V2).
Attention window_from(const ConfigFields& config, const Family& family, Attention heads) {
  const std::string name = family.word("window_kv_heads", "");
  if (name.empty() || !config.find(name)) return heads;
  heads.kv_heads = config.count(name, 1, most_heads);
  if (heads.heads % heads.kv_heads != 0)
    config.at(name).fail("a divisor of the " + std::to_string(heads.heads) + " attention heads");
  return heads;
}

Attention within(Attention attention, AttentionKind kind, const Node& window) {
  attention.kind = kind;
  attention.window = window.count();
  return attention;
}

Attention without_attention() {
  Attention out;
  out.kind = AttentionKind::none;
  return out;
}

/// One layer's attention by the word that layer_types has for it. `heads` are those of windows and chunks.
Attention typed(const ConfigFields& config, const Family& family, const Attention& heads, const Attention& full,
                const Node& where, const std::string& type) {
  if (type == "sliding_attention") return within(heads, AttentionKind::sliding_window, config.at("sliding_window"));
  if (type == "chunked_attention") {
    const auto chunk = config.find("attention_chunk_size");
    return chunk ? within(heads, AttentionKind::chunked, *chunk) : full;
  }
  if (type == "linear_attention" || type == "mamba") return linear_from(config, family);
  if (type == "mlp" || type == "moe") return without_attention();
  if (type == "full_attention" || type == "attention" || type == "deepseek_sparse_attention") return full;
  where.fail(
      "full_attention, attention, sliding_attention, chunked_attention, linear_attention, mamba or "
      "deepseek_sparse_attention");
}

/// layer_types, of which a draft layer's words may follow the layers'.
std::vector<std::string> stated_types(const Node& list, int layers) {
  std::vector<std::string> out;
  for (const Node& item : list.items()) {
    out.push_back(item.text());
    if (out.back() == "mlp" || out.back() == "moe") item.fail("a kind of attention, as each of these layers has one");
  }
  if (out.size() < static_cast<std::size_t>(layers))
    list.fail("one word for each of " + std::to_string(layers) + " layers", std::to_string(out.size()) + " of them");
  out.resize(static_cast<std::size_t>(layers));
  return out;
}

/// Every n-th layer is full, the last of each n or the one that "offset" counts from 0, the others are of the pattern's
/// kind; both are a number or a field of the config.
void apply_pattern(const ConfigFields& config, const Node& pattern, std::vector<std::string>& types) {
  const Node every = pattern.at("every");
  const int period = every.is_text() ? config.count(every.text(), 1, most_layers) : every.count();
  const auto offset = pattern.find("offset");
  const int full = offset ? config.count(offset->text(), 0, period - 1) : period - 1;
  for (std::size_t i = 0; i < types.size(); ++i)
    if (static_cast<int>(i) % period != full) types[i] = pattern.at("others").text();
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

/// 1 marks a layer with a window, 0 a full one (MiMo-V2).
void apply_window_marks(const Node& list, std::vector<std::string>& types) {
  const auto marks = list.items();
  if (marks.size() < types.size()) list.fail("one mark per layer", std::to_string(marks.size()) + " of them");
  for (std::size_t i = 0; i < types.size(); ++i)
    if (marks[i].integer(0, 1) == 1) types[i] = "sliding_attention";
}

/// Layers that a list counts from 1 as full; the others are linear (Kimi-Linear).
void apply_full_layers(const Node& list, std::vector<std::string>& types) {
  std::fill(types.begin(), types.end(), "linear_attention");
  for (const Node& item : list.items())
    types[static_cast<std::size_t>(item.integer(1, static_cast<std::int64_t>(types.size())) - 1)] = "full_attention";
}

std::vector<std::string> types_of(const ConfigFields& config, const Family& family, int layers) {
  if (auto blocks = block_types(config, family); !blocks.empty()) return blocks;
  if (const auto stated = config.find("layer_types")) return stated_types(*stated, layers);
  std::vector<std::string> types(static_cast<std::size_t>(layers), "full_attention");
  if (const auto pattern = family.find("pattern")) apply_pattern(config, *pattern, types);
  if (const auto delta = config.find(family.word("delta", ""))) apply_full_layers(delta->at("full_attn_layers"), types);
  if (const auto marks = config.find("no_rope_layers"); marks && family.word("window", "") == "chunk")
    apply_no_rope(*marks, types);
  if (const auto marks = config.find(family.word("window_marks", ""))) apply_window_marks(*marks, types);
  apply_window(config, family.word("window", ""), types);
  return types;
}

/// Compressed attention: a ratio for every layer, of which those of draft layers may follow; 0 is the window alone.
std::vector<Attention> compressed_layers(const ConfigFields& config, int layers) {
  Attention one;
  one.kind = AttentionKind::compressed;
  one.heads = config.count("num_attention_heads", 1, most_heads);
  one.head_dim = config.count("head_dim", 1, most_head_dim);
  one.rope_dim = config.count("qk_rope_head_dim", 0, one.head_dim);
  one.q_lora_rank = config.count("q_lora_rank", 1, most_hidden);
  one.output_rank = config.count("o_lora_rank", 1, most_hidden);
  one.output_groups = config.count("o_groups", 1, most_heads);
  one.window = config.at("sliding_window").count();
  const Node list = config.at("compress_ratios");
  const auto ratios = list.items();
  if (ratios.size() < static_cast<std::size_t>(layers))
    list.fail("one ratio per layer", std::to_string(ratios.size()) + " of them");
  std::vector<Attention> out(static_cast<std::size_t>(layers), one);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].compress_ratio = static_cast<int>(std::max<std::int64_t>(1, ratios[i].integer(0, most_width)));
    if (out[i].compress_ratio != 4) continue;
    out[i].index_heads = config.count("index_n_heads", 1, most_heads);
    out[i].index_dim = config.count("index_head_dim", 1, most_head_dim);
    out[i].index_topk = config.count("index_topk", 1, most_width);
  }
  return out;
}

/// Layers whose tokens look at the blocks that an indexer chooses, one for each KV head (MiniMax-M3). The member that
/// "selector" names states its sizes and marks the layers.
void apply_selector(const Node& rules, std::vector<Attention>& layers) {
  const Node list = rules.at("sparse_attention_freq"), block = rules.at("sparse_block_size");
  const auto marks = list.items();
  if (marks.size() < layers.size()) list.fail("one mark per layer", std::to_string(marks.size()) + " of them");
  const auto heads = static_cast<int>(rules.at("sparse_num_index_heads").integer(1, most_heads));
  const auto dim = static_cast<int>(rules.at("sparse_index_dim").integer(1, most_head_dim));
  const std::int64_t tokens = rules.at("sparse_topk_blocks").integer(1, most_width) * block.integer(1, most_width);
  if (tokens > most_width) block.fail("blocks of at most " + std::to_string(most_width) + " tokens together");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (marks[i].integer(0, 1) == 0) continue;
    layers[i].index_heads = heads;
    layers[i].index_dim = dim;
    layers[i].index_topk = static_cast<int>(tokens);
  }
}

/// The last layers keep no keys and values: they read those of the last layer of their kind before them.
void share(const ConfigFields& config, const std::vector<Attention>& layers, Attention& one) {
  const auto keeps = [&](const Attention& it) {
    return !it.shares_kv && it.kind == one.kind && it.window == one.window && &it < &one;
  };
  if (std::none_of(layers.begin(), layers.end(), keeps))
    config.file().fail("a layer that keeps keys and values of every kind that a later one shares");
  one.shares_kv = true;
}

}  // namespace

std::vector<Attention> read_attention(const ConfigFields& config, const Family& family, int layers, int hidden) {
  const std::string kind = family.word("attention", "heads");
  if (kind == "compressed") return compressed_layers(config, layers);
  const bool latent = kind == "latent";
  const Attention heads = latent ? latent_from(config, family) : heads_from(config, family, hidden);
  const Attention full = latent ? heads : full_from(config, family, heads);
  const Attention windowed = latent ? heads : window_from(config, family, heads);
  if (const auto blocks = config.find(family.word("blocks", ""))) return attention_of_blocks(*blocks, heads, layers);
  const auto stated = config.find("layer_types");
  std::vector<Attention> out;
  for (const std::string& type : types_of(config, family, layers))
    out.push_back(typed(config, family, windowed, full, stated ? *stated : config.file(), type));
  if (const auto selector = config.find(family.word("selector", ""))) apply_selector(*selector, out);
  const int sharing = config.count_or(family.word("shared_layers", ""), 0, 0, layers);
  for (auto it = out.end() - sharing; it != out.end(); ++it) share(config, out, *it);
  return out;
}

}  // namespace ppplan::spec

#include <algorithm>

#include "planner/spec/config_parts.h"
#include "planner/spec/model_limits.h"

namespace ppplan::spec {
namespace {

using input::Node;

/// Columns of the experts that every token takes: stated as a width, as a number of experts, or always as many.
int shared_width(const ConfigFields& config, const Node& rules, int one) {
  if (const auto width = rules.find("shared_width")) return config.count_or(width->text(), 0, 0, most_width);
  int copies = 0;
  if (const auto count = rules.find("shared_count"))
    copies = count->is_text() ? config.count_or(count->text(), 0, 0, most_experts) : count->count(0);
  if (std::int64_t{copies} * one > most_width)
    config.file().fail("shared experts of at most " + std::to_string(most_width) + " columns together");
  return copies * one;
}

FeedForward experts_from(const ConfigFields& config, const Family& family, const Node& rules) {
  const Family traits{family.architecture, rules};
  FeedForward out;
  out.kind = FeedForwardKind::moe;
  out.experts = config.count(rules.at("count").text(), 1, most_experts);
  const auto chosen = rules.find("per_token");
  out.experts_per_token = config.count(chosen ? chosen->text() : "num_experts_per_tok", 1, out.experts);
  out.intermediate = config.count(rules.at("width").text(), 1, most_width);
  out.shared_intermediate = shared_width(config, rules, out.intermediate);
  out.gated = !family.is(config, "ungated");
  if (const auto narrow = rules.find("narrow")) out.narrow = config.count_or(narrow->text(), 0, 0, most_hidden);
  out.shared_gate = out.shared_intermediate > 0 && traits.is(config, "shared_gate");
  out.router_bias = traits.is(config, "router_bias");
  out.expert_bias = traits.is(config, "bias");
  return out;
}

using Marks = std::vector<bool>;

/// One mark for each layer (MiMo-V2).
void mark_listed(const Node& list, Marks& marks) {
  const auto items = list.items();
  if (items.size() < marks.size()) list.fail("one mark per layer", std::to_string(items.size()) + " of them");
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = items[i].integer(0, 1) == 1;
}

/// The first layers are dense, then every moe_layer_freq-th has experts (DeepSeek, GLM).
void mark_after_dense(const ConfigFields& config, Marks& marks) {
  const auto listed = config.find("moe_layer_freq");
  if (listed && listed->json().is_array()) return mark_listed(*listed, marks);
  const auto first = static_cast<std::size_t>(config.count_or("first_k_dense_replace", 0, 0, most_layers));
  const auto step = static_cast<std::size_t>(config.count_or("moe_layer_freq", 1, 1, most_layers));
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = i >= first && i % step == 0;
  const auto words = config.find("mlp_layer_types");
  if (!words) return;
  const auto items = words->items();
  if (items.size() < marks.size()) words->fail("one word per layer", std::to_string(items.size()) + " of them");
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = items[i].text() == "sparse";
}

/// Every step-th layer has experts, except those listed as dense (Qwen).
void mark_sparse_steps(const ConfigFields& config, Marks& marks) {
  const auto step = static_cast<std::size_t>(config.count_or("decoder_sparse_step", 1, 1, most_layers));
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = (i + 1) % step == 0;
  const auto dense = config.find("mlp_only_layers");
  if (!dense) return;
  for (const Node& item : dense->items())
    marks[static_cast<std::size_t>(item.integer(0, static_cast<std::int64_t>(marks.size()) - 1))] = false;
}

/// One layer of each period has experts, which the offset counts from 0 (Jamba).
void mark_periods(const ConfigFields& config, Marks& marks) {
  const int period = config.count("expert_layer_period", 1, most_layers);
  const int offset = config.count("expert_layer_offset", 0, period - 1);
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = static_cast<int>(i) % period == offset;
}

/// Listed layers have experts, else every step-th (Llama-4).
void mark_interleaved(const ConfigFields& config, Marks& marks) {
  const auto step = static_cast<std::size_t>(config.count_or("interleave_moe_layer_step", 1, 1, most_layers));
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = (i + 1) % step == 0;
  const auto listed = config.find("moe_layers");
  if (!listed) return;
  marks.assign(marks.size(), false);
  for (const Node& item : listed->items())
    marks[static_cast<std::size_t>(item.integer(0, static_cast<std::int64_t>(marks.size()) - 1))] = true;
}

Marks expert_layers(const ConfigFields& config, const Node& rules, int layers) {
  Marks marks(static_cast<std::size_t>(layers), true);
  const auto chosen = rules.find("switch");
  if (chosen && !config.flag(chosen->text())) return Marks(marks.size(), false);
  // Small models of a family state that they have none (Granite 4).
  if (config.count_or(rules.at("count").text(), 1, 0, most_experts) == 0) return Marks(marks.size(), false);
  const std::string pattern = rules.at("pattern").text();
  if (pattern == "after_dense") mark_after_dense(config, marks);
  if (pattern == "sparse_steps") mark_sparse_steps(config, marks);
  if (pattern == "interleaved") mark_interleaved(config, marks);
  if (pattern == "periods") mark_periods(config, marks);
  return marks;
}

/// The first layers name the experts of a token by a table instead of a router's bias (DeepSeek-V4).
void apply_hashes(const ConfigFields& config, const Node& rules, std::vector<FeedForward>& blocks) {
  const auto count = rules.find("hashed");
  if (!count) return;
  const int first = config.count_or(count->text(), 0, 0, static_cast<int>(blocks.size()));
  for (auto it = blocks.begin(); it != blocks.begin() + first; ++it) it->hashed = true, it->router_bias = false;
}

/// Layers that share keys and values have dense blocks twice as wide where the config says so (Gemma 4 E2B).
void apply_double_width(const ConfigFields& config, const Family& family, std::vector<FeedForward>& blocks) {
  if (!family.is(config, "double_width")) return;
  const auto layers = static_cast<int>(blocks.size());
  const int sharing = config.count_or(family.word("shared_layers", ""), 0, 0, layers);
  if (sharing == layers) return;
  for (auto it = blocks.end() - sharing; it != blocks.end(); ++it) it->intermediate *= 2;
}

FeedForward dense_from(const ConfigFields& config, const Family& family, const std::string& width) {
  FeedForward out;
  out.gated = !family.is(config, "ungated");
  const auto times = family.find("block_times_hidden");
  out.intermediate = times && !config.find(width)
                         ? times->count() * config.count("hidden_size", 1, most_width / times->count())
                         : config.count(width, 1, most_width);
  return out;
}

/// Layers that are a mixer have no block.
std::vector<FeedForward> of_types(const ConfigFields& config, const Family& family,
                                  const std::vector<std::string>& types) {
  FeedForward none;
  none.kind = FeedForwardKind::none;
  std::vector<FeedForward> out;
  for (const std::string& type : types)
    out.push_back(type == "moe"   ? experts_from(config, family, *family.find("experts"))
                  : type == "mlp" ? dense_from(config, family, "intermediate_size")
                                  : none);
  return out;
}

}  // namespace

std::vector<FeedForward> read_feed_forward(const ConfigFields& config, const Family& family, int layers) {
  const auto rules = family.find("experts");
  if (const auto types = block_types(config, family); !types.empty()) return of_types(config, family, types);
  if (const auto blocks = config.find(family.word("blocks", "")))
    return feed_forward_of_blocks(*blocks, config.count("hidden_size", 1, most_hidden), layers);
  if (!rules) return {static_cast<std::size_t>(layers), dense_from(config, family, "intermediate_size")};
  const auto width = rules->find("dense_width");
  std::vector<FeedForward> out;
  for (const bool moe : expert_layers(config, *rules, layers))
    out.push_back(moe ? experts_from(config, family, *rules)
                      : dense_from(config, family, width ? width->text() : "intermediate_size"));
  apply_hashes(config, *rules, out);
  if (!std::any_of(out.begin(), out.end(), [](const FeedForward& it) { return it.kind == FeedForwardKind::moe; }))
    apply_double_width(config, family, out);
  return out;
}

}  // namespace ppplan::spec

// Layers that a config describes one by one: as letters (Nemotron-H) or as blocks of their own sizes (Nemotron-NAS).
#include <cmath>

#include "planner/spec/config_parts.h"
#include "planner/spec/model_limits.h"

namespace ppplan::spec {
namespace {

using input::Node;

std::string word_of(const Node& pattern, char letter) {
  switch (letter) {
    case 'M':
      return "mamba";
    case '*':
      return "attention";
    case '-':
      return "mlp";
    case 'E':
      return "moe";
    default:
      pattern.fail("letters M, *, - and E for mamba, attention, dense and expert layers", std::string(1, letter));
  }
}

/// As many columns as `multiple` of hidden, two thirds of twice that, rounded up to 256 (nemotron_nas.py).
int columns(const Node& multiple, int hidden) {
  constexpr int step = 256;
  const double most = 1.5 * (most_width - step) / hidden;
  const auto wanted = static_cast<int>(2 * multiple.number(0, most) * hidden / 3);
  return (wanted + step - 1) / step * step;
}

bool is(const Node& block, const char* key) {
  const auto found = block.find(key);
  return found && found->boolean();
}

void refuse_linear(const Node& block) {
  if (is(block, "replace_with_linear"))
    block.at("replace_with_linear").fail("false: vLLM's file for this family has no linear layers in a block's place");
}

std::vector<Node> blocks_of(const Node& list, int layers) {
  auto out = list.items();
  if (out.size() != static_cast<std::size_t>(layers))
    list.fail("one block for each of " + std::to_string(layers) + " layers", std::to_string(out.size()) + " of them");
  return out;
}

}  // namespace

std::vector<std::string> block_types(const ConfigFields& config, const Family& family) {
  std::vector<std::string> out;
  const auto words = config.find(family.word("block_words", ""));
  if (words)
    for (const Node& item : words->items()) {
      out.push_back(item.text());
      if (out.back() != "mamba" && out.back() != "attention" && out.back() != "mlp" && out.back() != "moe")
        item.fail("mamba, attention, mlp or moe");
    }
  const std::string letters = family.word("block_letters", "");
  if (words && out.empty()) words->fail("a word for each layer", "none");
  if (words || letters.empty()) return out;
  const Node pattern = config.at(letters);
  for (const char letter : pattern.text()) out.push_back(word_of(pattern, letter));
  if (out.empty()) pattern.fail("a letter for each layer", "none");
  return out;
}

int layer_count(const ConfigFields& config, const Family& family) {
  const auto types = block_types(config, family);
  if (types.empty()) return config.count("num_hidden_layers", 1, most_layers);
  if (types.size() > static_cast<std::size_t>(most_layers))
    config.file().fail("at most " + std::to_string(most_layers) + " layers");
  const auto stated = config.find("num_hidden_layers");
  if (stated && stated->count() != static_cast<int>(types.size()))
    stated->fail(std::to_string(types.size()) + ", as many as there are kinds of layers");
  return static_cast<int>(types.size());
}

std::vector<Attention> attention_of_blocks(const Node& list, const Attention& heads, int layers) {
  std::vector<Attention> out;
  for (const Node& item : blocks_of(list, layers)) {
    const Node block = item.at("attention");
    refuse_linear(block);
    Attention one = heads;
    if (is(block, "no_op")) {
      one = {};
      one.kind = AttentionKind::none;
    } else {
      const auto group = static_cast<int>(block.at("n_heads_in_group").integer(1, heads.heads));
      if (heads.heads % group != 0)
        block.at("n_heads_in_group").fail("a divisor of the " + std::to_string(heads.heads) + " attention heads");
      one.kv_heads = heads.heads / group;
    }
    out.push_back(one);
  }
  return out;
}

std::vector<FeedForward> feed_forward_of_blocks(const Node& list, int hidden, int layers) {
  std::vector<FeedForward> out;
  for (const Node& item : blocks_of(list, layers)) {
    const Node block = item.at("ffn");
    refuse_linear(block);
    FeedForward one;
    if (is(block, "no_op"))
      one.kind = FeedForwardKind::none;
    else if (const auto stated = block.find("intermediate_size"))
      one.intermediate = static_cast<int>(stated->integer(1, most_width));
    else
      one.intermediate = columns(block.at("ffn_mult"), hidden);
    if (one.kind != FeedForwardKind::none && one.intermediate < 1) block.at("ffn_mult").fail("a number above 0");
    out.push_back(one);
  }
  return out;
}

}  // namespace ppplan::spec

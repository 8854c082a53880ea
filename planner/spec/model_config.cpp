// A Hugging Face config.json as a ModelSpec. What a file leaves out follows the class defaults of the transformers
// library, where those can be told apart from a mistake.
#include <algorithm>
#include <set>

#include "planner/spec/config_dtype.h"
#include "planner/spec/model_limits.h"
#include "planner/spec/read_model.h"

namespace ppplan::spec {
namespace {

using input::Node;

/// What distinguishes the families.
struct Family {
  std::string_view architecture;
  bool qkv_bias = false;  // always, whatever attention_bias says
  bool qk_norm = false;
  bool window_switch = false;  // sliding_window counts only with use_sliding_window
  bool window = false;         // sliding_window counts as it stands
  bool experts = false;
  double norm_epsilon = 1e-6;
  double rope_theta = 10000;
};

constexpr Family families[] = {
    {"LlamaForCausalLM", false, false, false, false, false, 1e-6, 10000},
    {"MistralForCausalLM", false, false, false, true, false, 1e-6, 10000},
    {"MixtralForCausalLM", false, false, false, true, true, 1e-5, 1e6},
    {"Qwen2ForCausalLM", true, false, true, false, false, 1e-6, 10000},
    {"Qwen3ForCausalLM", false, true, true, false, false, 1e-6, 10000},
    {"Qwen3MoeForCausalLM", false, true, true, false, true, 1e-6, 10000},
};

const Family& family_of(const Node& config) {
  const Node list = config.at("architectures");
  for (const Node& item : list.items())
    for (const Family& family : families)
      if (family.architecture == item.text()) return family;
  std::string known;
  for (const Family& family : families) known.append(known.empty() ? "" : ", ").append(family.architecture);
  list.fail("one of " + known, list.json().dump());
}

int count_or(const Node& config, const char* key, int otherwise, int low, int high) {
  const auto found = config.find(key);
  return found ? static_cast<int>(found->integer(low, high)) : otherwise;
}

bool flag_or(const Node& config, const char* key, bool otherwise) {
  const auto found = config.find(key);
  return found ? found->boolean() : otherwise;
}

int head_dimension(const Node& config, int hidden, int heads) {
  const auto stated = config.find("head_dim");
  if (stated) return static_cast<int>(stated->integer(1, most_head_dim));
  if (hidden % heads != 0)
    config.at("hidden_size")
        .fail("a multiple of the " + std::to_string(heads) + " attention heads where head_dim is not stated");
  return hidden / heads;
}

Attention attention_from(const Node& config, const Family& family, int hidden) {
  Attention out;
  out.heads = static_cast<int>(config.at("num_attention_heads").integer(1, most_heads));
  out.kv_heads = count_or(config, "num_key_value_heads", out.heads, 1, most_heads);
  if (out.heads % out.kv_heads != 0)
    config.at("num_key_value_heads").fail("a divisor of the " + std::to_string(out.heads) + " attention heads");
  out.head_dim = head_dimension(config, hidden, out.heads);
  out.qkv_bias = family.qkv_bias || flag_or(config, "attention_bias", false);
  out.qk_norm = family.qk_norm;
  return out;
}

/// Which layers see only a window: layer_types where stated, otherwise all of them (Mistral) or those from
/// max_window_layers on (Qwen).
std::set<int> windowed_layers(const Node& config, const Family& family, int layers) {
  std::set<int> out;
  if (const auto types = config.find("layer_types")) {
    const auto items = types->items();
    if (static_cast<int>(items.size()) != layers) types->fail("an array of " + std::to_string(layers));
    for (int i = 0; i < layers; ++i) {
      const Node& item = items[static_cast<std::size_t>(i)];
      const std::string type = item.text();
      if (type == "sliding_attention")
        out.insert(i);
      else if (type != "full_attention")
        item.fail("full_attention or sliding_attention");
    }
    return out;
  }
  const int first = family.window_switch ? count_or(config, "max_window_layers", 28, 0, most_layers) : 0;
  for (int i = first; i < layers; ++i) out.insert(i);
  return out;
}

void set_windows(ModelSpec& model, const Node& config, const Family& family) {
  const bool counts = family.window || (family.window_switch && flag_or(config, "use_sliding_window", false));
  const auto window = config.find("sliding_window");
  if (!counts || !window) return;
  const int tokens = window->count();
  for (int i : windowed_layers(config, family, static_cast<int>(model.layers.size()))) {
    Attention& attention = model.layers[static_cast<std::size_t>(i)].attention;
    attention.kind = AttentionKind::sliding_window;
    attention.window = tokens;
  }
}

FeedForward experts_from(const Node& config, const Family& family) {
  const bool mixtral = family.architecture == "MixtralForCausalLM";
  FeedForward out;
  out.kind = FeedForwardKind::moe;
  out.experts = static_cast<int>(config.at(mixtral ? "num_local_experts" : "num_experts").integer(1, most_experts));
  out.experts_per_token = static_cast<int>(config.at("num_experts_per_tok").integer(1, out.experts));
  out.intermediate =
      static_cast<int>(config.at(mixtral ? "intermediate_size" : "moe_intermediate_size").integer(1, most_width));
  out.shared_intermediate = count_or(config, "shared_expert_intermediate_size", 0, 0, most_width);
  out.shared_gate = out.shared_intermediate > 0;
  return out;
}

FeedForward dense_from(const Node& config) {
  FeedForward out;
  out.intermediate = static_cast<int>(config.at("intermediate_size").integer(1, most_width));
  return out;
}

/// Qwen: every decoder_sparse_step-th layer has experts, except those of mlp_only_layers. Mixtral: all have.
std::vector<bool> expert_layers(const Node& config, const Family& family, int layers) {
  std::vector<bool> out(static_cast<std::size_t>(layers), family.experts);
  if (!family.experts) return out;
  const int step = count_or(config, "decoder_sparse_step", 1, 1, most_layers);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = (i + 1) % static_cast<std::size_t>(step) == 0;
  if (const auto dense = config.find("mlp_only_layers"))
    for (const Node& item : dense->items()) out[static_cast<std::size_t>(item.integer(0, layers - 1))] = false;
  return out;
}

std::vector<Layer> layers_from(const Node& config, const Family& family, int hidden) {
  const int count = static_cast<int>(config.at("num_hidden_layers").integer(1, most_layers));
  const std::vector<bool> with_experts = expert_layers(config, family, count);
  const bool any_experts = std::find(with_experts.begin(), with_experts.end(), true) != with_experts.end();
  const bool any_dense = std::find(with_experts.begin(), with_experts.end(), false) != with_experts.end();
  const Layer experts{attention_from(config, family, hidden),
                      any_experts ? experts_from(config, family) : FeedForward{}};
  const Layer dense{experts.attention, any_dense ? dense_from(config) : FeedForward{}};
  std::vector<Layer> out;
  for (bool moe : with_experts) out.push_back(moe ? experts : dense);
  return out;
}

double rope_theta_of(const Node& config, double otherwise) {
  const auto parameters = config.find("rope_parameters");
  const auto nested = parameters ? parameters->find("rope_theta") : std::nullopt;
  const auto stated = nested ? nested : config.find("rope_theta");
  return stated ? stated->number(1e-9) : otherwise;
}

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> out;
  for (const Family& family : families) out.emplace_back(family.architecture);
  return out;
}

ModelSpec model_from_config(const Node& config, const std::string& name) {
  const Family& family = family_of(config);
  ModelSpec model;
  model.name = name;
  model.architecture = family.architecture;
  model.hidden = static_cast<int>(config.at("hidden_size").integer(1, most_hidden));
  model.layers = layers_from(config, family, model.hidden);
  set_windows(model, config, family);
  model.vocabulary = static_cast<int>(config.at("vocab_size").integer(1, most_vocabulary));
  model.tied_embedding = flag_or(config, "tie_word_embeddings", false);
  model.max_position = config.at("max_position_embeddings").count();
  model.kv_dtype = activation_dtype(config);
  model.activation_dtype = model.kv_dtype;
  set_weight_dtype(model, weight_dtype(config, model.kv_dtype));
  model.rope_theta = rope_theta_of(config, family.rope_theta);
  const auto epsilon = config.find("rms_norm_eps");
  model.norm_epsilon = epsilon ? epsilon->number(0, 1) : family.norm_epsilon;
  check_size(model, config);
  return model;
}

}  // namespace ppplan::spec

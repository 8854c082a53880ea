// A Hugging Face config.json as a ModelSpec. What distinguishes the families is data (architectures.json); what a file
// leaves out follows the class defaults of the transformers library that stand there.
#include <algorithm>

#include "planner/spec/config_dtype.h"
#include "planner/spec/config_parts.h"
#include "planner/spec/model_limits.h"
#include "planner/spec/read_model.h"

namespace ppplan::spec {
namespace {

using input::Node;

constexpr int most_draft_layers = 16;

/// Models with towers nest the language model's fields.
Node text_of(const Node& config, const Family& family) {
  const auto outer = config.find(family.word("outer", ""));
  const auto nested = (outer ? *outer : config).find(family.word("text", "text_config"));
  return nested && nested->find("hidden_size") ? *nested : (nested && !config.find("hidden_size") ? *nested : config);
}

double rope_theta_of(const ConfigFields& config) {
  const auto parameters = config.find("rope_parameters");
  const auto nested = parameters ? parameters->find("rope_theta") : std::nullopt;
  const auto stated = nested ? nested : config.find("rope_theta");
  return stated ? stated->number(1e-9) : 10000;
}

double epsilon_of(const ConfigFields& config) {
  auto stated = config.find("rms_norm_eps");
  for (const char* other : {"norm_eps", "layer_norm_epsilon", "layer_norm_eps", "layernorm_epsilon"})
    if (!stated) stated = config.find(other);
  return stated ? stated->number(0, 1) : 1e-6;
}

bool is_tied(const Node& outer, const Node& text, const ConfigFields& fields) {
  if (const auto inner = text.find("tie_word_embeddings")) return inner->boolean();
  if (const auto stated = outer.find("tie_word_embeddings")) return stated->boolean();
  return fields.flag("tie_word_embeddings");
}

/// As vLLM looks for it: some configs state it under the tokenizer's name.
int longest_of(const ConfigFields& config) {
  const auto other = config.find("model_max_length");
  return (other && !config.find("max_position_embeddings") ? *other : config.at("max_position_embeddings")).count();
}

/// Rows of the table of the layers' own embeddings; the vocabulary's where the config does not say.
int own_rows(const ConfigFields& config, const Family& family, const ModelSpec& model) {
  if (model.layers.front().own_embedding == 0) return 0;
  return config.count_or(family.word("own_vocabulary", ""), model.vocabulary, 1, most_vocabulary);
}

std::vector<Layer> layers_from(const ConfigFields& config, const Family& family, int hidden) {
  const int count = layer_count(config, family);
  const auto attention = read_attention(config, family, count, hidden);
  const auto blocks = read_feed_forward(config, family, count);
  const auto norms = family.find("norms"), more = family.find("expert_norms");
  const int own = config.count_or(family.word("own_embedding", ""), 0, 0, most_hidden);
  std::vector<Layer> out;
  for (std::size_t i = 0; i < attention.size(); ++i) {
    const bool experts = blocks[i].kind == FeedForwardKind::moe;
    const bool half = attention[i].kind == AttentionKind::none || blocks[i].kind == FeedForwardKind::none;
    const int usual = half ? 1 : norms ? norms->count() : 2;
    out.push_back({attention[i], blocks[i], usual + (experts && more ? more->count() : 0), own});
  }
  return out;
}

/// Multi-token prediction repeats the last layer's kind; beside compressed attention it has the window alone.
std::vector<Layer> draft_from(const ConfigFields& config, const Family& family, Layer last) {
  if (last.attention.kind == AttentionKind::compressed) {
    last.attention.compress_ratio = 1;
    last.attention.index_heads = last.attention.index_dim = last.attention.index_topk = 0;
  }
  const auto names = family.find("draft");
  if (!names) return {};
  for (const Node& name : names->items())
    if (const auto found = config.find(name.text()))
      return {static_cast<std::size_t>(found->integer(0, most_draft_layers)), last};
  return {};
}

void set_formats(ModelSpec& model, const Node& config, const Node& text) {
  const bool outer = config.find("torch_dtype") || config.find("dtype");
  model.kv_dtype = activation_dtype(outer ? config : text);
  model.activation_dtype = model.kv_dtype;
  const bool nested = !config.find("quantization_config") && text.find("quantization_config");
  const Node& stated = nested ? text : config;
  const WeightFormats formats = weight_formats(stated, model.activation_dtype, static_cast<int>(model.layers.size()));
  model.scale_group = scale_group(stated);
  if (const auto quantization = stated.find("quantization_config"))
    model.quantization = quantization->at("quant_method").text();
  model.dtype = formats.dense;
  model.attention_dtype = formats.attention;
  model.expert_dtype = formats.experts;
  model.head_dtype = formats.head;
}

}  // namespace

std::vector<std::string> known_architectures() { return readable_architectures(); }

ModelSpec model_from_config(const Node& config, const std::string& name) {
  const Family family = family_of(config);
  const Node text = text_of(config, family);
  const ConfigFields fields(text, family.find("defaults"), family.find("names"));
  ModelSpec model;
  model.name = name;
  model.architecture = family.architecture;
  model.hidden = fields.count("hidden_size", 1, most_hidden);
  model.layers = layers_from(fields, family, model.hidden);
  model.vocabulary = fields.count("vocab_size", 1, most_vocabulary);
  model.tied_embedding = is_tied(config, text, fields);
  model.layer_vocabulary = own_rows(fields, family, model);
  model.residual_streams = fields.count_or(family.word("streams", ""), 1, 1, most_streams);
  model.max_position = longest_of(fields);
  model.draft_layers = draft_from(fields, family, model.layers.back());
  set_formats(model, config, text);
  model.rope_theta = rope_theta_of(fields);
  model.norm_epsilon = epsilon_of(fields);
  model.tower = read_tower(config, family, model.hidden);
  check_size(model, config);
  return model;
}

}  // namespace ppplan::spec

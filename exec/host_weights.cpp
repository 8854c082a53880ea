#include "exec/host_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "exec/seeded_values.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using kernels::host::Buffer;
using kernels::host::LatentShape;
using kernels::host::LayerArrays;
using kernels::host::LayerGradients;
using kernels::host::LayerShape;
using kernels::host::LayerWeights;

// Names below the seed; changing one changes every output.
enum Name : std::uint64_t { kLayer = 1, kEmbedding = 2, kHead = 3, kFinalNorm = 4 };

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

// One array of a layer, of weights or of their gradients: its size, and the range its values are drawn from.
template <typename Float>
struct Part {
  Float* LayerArrays<Float>::*place;
  std::size_t count;
  float center;
  float half_width;
};

template <typename Float>
std::vector<Part<Float>> parts(const LayerShape& s) {
  using Arrays = LayerArrays<Float>;
  const auto matrix = [](Float* Arrays::*place, int count, int outputs, int inputs) {
    // Uniform over +-w has variance w^2 / 3.
    const float half_width = inputs > 0 ? std::sqrt(3.0f / static_cast<float>(inputs)) : 0.0f;
    return Part<Float>{place, static_cast<std::size_t>(count) * area(outputs, inputs), 0.0f, half_width};
  };
  const auto vector = [](Float* Arrays::*place, int width, float center) {
    return Part<Float>{place, static_cast<std::size_t>(width), center, 0.1f};
  };
  const int blocks = s.experts > 0 ? s.experts : 1;
  const int head_norm = s.qk_norm ? s.attention.head_dim : 0;
  const LatentShape latent = s.latent.value_or(LatentShape{0, 0, 0, 0, 0});
  return {vector(&Arrays::attention_norm, s.hidden, 1.0f),
          matrix(&Arrays::qkv, 1, s.qkv_width(), s.hidden),
          vector(&Arrays::qkv_bias, s.qkv_bias ? s.qkv_width() : 0, 0.0f),
          vector(&Arrays::query_norm, s.latent ? s.query_rank : head_norm, 1.0f),
          vector(&Arrays::key_norm, s.latent ? latent.latent : head_norm, 1.0f),
          matrix(&Arrays::attention_output, 1, s.hidden, s.attention_width()),
          vector(&Arrays::feed_forward_norm, s.hidden, 1.0f),
          matrix(&Arrays::router, 1, s.experts, s.hidden),
          matrix(&Arrays::gate_up, blocks, 2 * s.intermediate, s.hidden),
          matrix(&Arrays::down, blocks, s.hidden, s.intermediate),
          matrix(&Arrays::shared_gate_up, 1, 2 * s.shared_intermediate, s.hidden),
          matrix(&Arrays::shared_down, 1, s.hidden, s.shared_intermediate),
          matrix(&Arrays::query_up, 1, s.query_rank > 0 ? s.query_width() : 0, s.query_rank),
          matrix(&Arrays::key_up, 1, latent.heads * latent.nope, latent.latent),
          matrix(&Arrays::value_up, 1, latent.heads * latent.value, latent.latent)};
}

/// What a layer has that no kernel here computes; "" when there is nothing.
std::string missing_part(const spec::Layer& layer) {
  using spec::AttentionKind;
  const spec::Attention& a = layer.attention;
  const spec::FeedForward& f = layer.feed_forward;
  if (a.kind != AttentionKind::gqa && a.kind != AttentionKind::sliding_window && a.kind != AttentionKind::mla)
    return std::string(spec::name(a.kind)) + " attention";
  if (a.index_heads > 0) return "an indexer of sparse attention";
  if (a.qk_norm_all_heads) return "query and key norms over all heads";
  if (a.output_bias) return "a bias of the attention's output";
  if (a.output_gate) return "an output gate";
  if (a.sinks) return "attention sinks";
  if (a.shares_kv) return "keys and values of another layer";
  if (a.value_is_key) return "values that are the keys";
  if (layer.own_embedding > 0) return "an embedding of its own";
  if (f.kind == spec::FeedForwardKind::none) return "no feed-forward";
  if (layer.norms == 1) return "one norm for attention and feed-forward";
  if (!f.gated) return "a feed-forward without a gate";
  if (f.narrow > 0) return "experts behind a projection";
  if (f.shared_gate) return "a gate of the shared expert";
  if (f.router_bias) return "a router bias";
  return f.expert_bias ? "biases in experts" : "";
}

void set_heads(const spec::ModelSpec& model, const std::string& place, const spec::Attention& a, LayerShape& shape) {
  if (a.kv_heads < 1 || a.heads < 1 || a.heads % a.kv_heads != 0) {
    throw input::InputError(model.name, place, "heads that are a multiple of kv_heads",
                            std::to_string(a.heads) + " and " + std::to_string(a.kv_heads));
  }
  if (a.head_dim < 2 || a.head_dim % 2 != 0) {
    throw input::InputError(model.name, place, "an even head_dim for rotary embedding", std::to_string(a.head_dim));
  }
  shape.attention = {a.heads, a.kv_heads, a.head_dim, a.window};
  shape.qkv_bias = a.qkv_bias;
  shape.qk_norm = a.qk_norm;
}

void set_latents(const spec::ModelSpec& model, const std::string& place, const spec::Attention& a, LayerShape& shape) {
  if (std::min({a.heads, a.kv_lora_rank, a.nope_dim, a.value_dim}) < 1 || a.q_lora_rank < 0) {
    throw input::InputError(model.name, place, "heads, kv_lora_rank, nope_dim and value_dim from 1 on",
                            fmt::format("{}, {}, {} and {}", a.heads, a.kv_lora_rank, a.nope_dim, a.value_dim));
  }
  if (a.rope_dim < 2 || a.rope_dim % 2 != 0) {
    throw input::InputError(model.name, place, "an even rope_dim for rotary embedding", std::to_string(a.rope_dim));
  }
  shape.latent = LatentShape{a.heads, a.kv_lora_rank, a.nope_dim, a.rope_dim, a.value_dim};
  shape.query_rank = a.q_lora_rank;
}

}  // namespace

LayerShape layer_shape(const spec::ModelSpec& model, int layer) {
  const spec::Layer& from = model.layers.at(static_cast<std::size_t>(layer));
  const std::string whole = "/layers/" + std::to_string(layer), place = whole + "/attention";
  if (const std::string part = missing_part(from); !part.empty())
    throw input::InputError(model.name, whole,
                            "a layer that the kernels here compute: grouped-query attention, whole or in a sliding "
                            "window, or latent attention, and a dense or expert feed-forward",
                            part);
  LayerShape shape;
  shape.hidden = model.hidden;
  if (from.attention.kind == spec::AttentionKind::mla)
    set_latents(model, place, from.attention, shape);
  else
    set_heads(model, place, from.attention, shape);
  shape.intermediate = from.feed_forward.intermediate;
  if (from.feed_forward.kind == spec::FeedForwardKind::moe) {
    shape.experts = from.feed_forward.experts;
    shape.experts_per_token = from.feed_forward.experts_per_token;
    shape.shared_intermediate = from.feed_forward.shared_intermediate;
  }
  shape.norm_epsilon = static_cast<float>(model.norm_epsilon);
  return shape;
}

std::size_t layer_floats(const LayerShape& shape) {
  std::size_t count = 0;
  for (const auto& part : parts<const float>(shape)) count += Buffer::aligned(part.count);
  return count;
}

LayerMemory::LayerMemory(const LayerShape& shape, int layer, std::uint64_t seed)
    : shape_(shape), memory_(layer_floats(shape)) {
  float* next = memory_.data();
  std::uint64_t index = 0;
  for (const auto& part : parts<const float>(shape)) {
    const std::uint64_t numbers = stream(seed, {kLayer, static_cast<std::uint64_t>(layer), index++});
    if (part.count == 0) continue;
    fill_uniform(next, part.count, numbers, part.center, part.half_width);
    weights_.*part.place = next;
    next += Buffer::aligned(part.count);
  }
}

LayerGradients gradient_arrays(const LayerShape& shape, float* memory) {
  LayerGradients arrays;
  for (const auto& part : parts<float>(shape)) {
    if (part.count == 0) continue;
    arrays.*part.place = memory;
    memory += Buffer::aligned(part.count);
  }
  return arrays;
}

Buffer end_weights(const spec::ModelSpec& model, End end, std::uint64_t seed) {
  const bool own_head = end == End::head && !model.tied_embedding;
  Buffer weights(area(model.vocabulary, model.hidden));
  // Rows of norm about 1 give logits of about unit size; the first norm takes care of the embedding's scale.
  fill_uniform(weights.data(), weights.size(), stream(seed, {own_head ? kHead : kEmbedding}), 0.0f,
               std::sqrt(3.0f / static_cast<float>(model.hidden)));
  return weights;
}

Buffer final_norm(const spec::ModelSpec& model, std::uint64_t seed) {
  Buffer gain(static_cast<std::size_t>(model.hidden));
  fill_uniform(gain.data(), gain.size(), stream(seed, {kFinalNorm}), 1.0f, 0.1f);
  return gain;
}

}  // namespace ppplan::exec

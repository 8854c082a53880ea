#include "planner/cost/layer_operations.h"

#include <algorithm>
#include <cmath>

#include "planner/cost/roofline.h"
#include "planner/spec/layer_dimensions.h"

namespace ppplan::cost {
namespace {

using spec::BatchShape;
using spec::Layer;

/// Activations travel and are normed in 2 bytes on GPUs whatever the weights are.
constexpr double activation_bytes = 2;

PartTime assumed(double seconds) { return {seconds, seconds * roofline_relative_error, false, Origin::roofline}; }

PartTime known(const traces::OperationTime& time, Origin origin) {
  return {time.seconds, time.seconds * time.relative_error, time.outside, origin,
          time.seconds * (1 - time.alone_fraction)};
}

std::optional<traces::OperationTime> ask(const Place& place, traces::OperationQuery query) {
  return place.times ? place.times->operation(query) : std::nullopt;
}

/// Formats that no table holds run like the 16-bit one in compute, so only fp8 is asked for as itself.
std::string gemm_dtype(spec::DType dtype) { return dtype == spec::DType::fp8 ? "fp8" : "bf16"; }

PartTime gemm(const Place& place, spec::DType dtype, double m, std::int64_t n, std::int64_t k) {
  const auto rows = static_cast<double>(n), depth = static_cast<double>(k);
  const bool tabled = dtype == spec::DType::bf16 || dtype == spec::DType::fp16 || dtype == spec::DType::fp8;
  if (tabled)
    if (const auto time = ask(place, {"gemm", gemm_dtype(dtype), {{"n", n}, {"k", k}}, 1, m, 1, 0}))
      return known(*time, Origin::fitted);
  const double bytes = rows * depth * spec::bytes_per_element(dtype) + m * (rows + depth) * activation_bytes;
  return assumed(roofline_s(place.device, dtype, 2 * m * rows * depth, bytes));
}

PartTime attention(const Place& place, const spec::Attention& attention, const BatchShape& shape) {
  const int heads = std::max(1, attention.heads / place.tp);
  const int kv_heads = spec::kv_heads_of_rank(attention, place.tp);
  const bool decode = shape.new_tokens == 1;
  double past = shape.past_tokens;
  if (attention.window > 0) past = std::min(past, static_cast<double>(attention.window));
  if (attention.index_topk > 0) past = std::min(past, static_cast<double>(attention.index_topk));
  const traces::Shape dims{{"heads", heads}, {"kv_heads", kv_heads}, {"head_dim", attention.head_dim}};
  const std::string dtype = place.model.kv_dtype == spec::DType::fp8 ? "fp8" : "bf16";
  if (const auto time = ask(place, {decode ? "generation_attention" : "context_attention", dtype, dims, 1,
                                    static_cast<double>(shape.new_tokens), static_cast<double>(shape.sequences), past}))
    return known(*time, Origin::fitted);
  const double context = past + 0.5 * (shape.new_tokens + 1);
  const double flops = 4.0 * heads * attention.head_dim * context * shape.tokens();
  const double kv_bytes = 2.0 * kv_heads * attention.head_dim * (past + shape.new_tokens) * shape.sequences *
                          spec::bytes_per_element(place.model.kv_dtype);
  return assumed(roofline_s(place.device, spec::DType::bf16, flops, kv_bytes));
}

/// Choosing the blocks that attention looks at: its projections, and the scores of every key.
PartTime selector(const Place& place, const spec::Attention& a, const BatchShape& shape) {
  if (a.index_heads == 0) return {};
  const int heads = std::max(1, a.index_heads / place.tp);
  const double context = shape.past_tokens + 0.5 * (shape.new_tokens + 1);
  PartTime time =
      gemm(place, place.model.attention_dtype, shape.tokens(), (heads + 1) * a.index_dim, place.model.hidden);
  const double flops = 2.0 * heads * a.index_dim * context * shape.tokens();
  const double bytes = activation_bytes * a.index_dim * context * shape.sequences;
  return time += assumed(roofline_s(place.device, spec::DType::bf16, flops, bytes));
}

/// `matrices`: 3 with a gate, else 2.
PartTime dense_block(const Place& place, int intermediate, int matrices, double tokens) {
  const int width = std::max(1, intermediate / place.tp);
  const spec::DType dtype = place.model.dtype;
  PartTime time = gemm(place, dtype, tokens, (matrices - 1) * width, place.model.hidden);
  time += gemm(place, dtype, tokens, place.model.hidden, width);
  time += assumed(traffic_s(place.device, 1.0 * matrices * tokens * width * activation_bytes));
  return time;
}

PartTime experts(const Place& place, const spec::FeedForward& block, double tokens) {
  const double chosen = static_cast<double>(block.experts_per_token) / block.experts;
  const double touched = block.experts * (1 - std::pow(1 - chosen, tokens));
  const int hidden = spec::expert_hidden(place.model, block);
  const double matrix = 1.0 * spec::block_matrices(block) * hidden * block.intermediate / place.tp;
  const double flops = 2.0 * tokens * block.experts_per_token * matrix;
  const spec::DType dtype = place.model.expert_dtype;
  const double moved = touched * matrix * spec::bytes_per_element(dtype);
  PartTime time = assumed(roofline_s(place.device, dtype, flops, moved));
  time += gemm(place, place.model.activation_dtype, tokens, block.experts, place.model.hidden);
  time += assumed(traffic_s(place.device, 4.0 * tokens * block.experts_per_token * hidden * activation_bytes));
  if (block.narrow > 0) time += gemm(place, place.model.dtype, tokens, 2 * block.narrow, place.model.hidden);
  return time;
}

PartTime feed_forward(const Place& place, const spec::FeedForward& block, double tokens) {
  if (block.kind == spec::FeedForwardKind::none) return {};
  if (block.kind == spec::FeedForwardKind::dense)
    return dense_block(place, block.intermediate, spec::block_matrices(block), tokens);
  PartTime time = experts(place, block, tokens);
  if (block.shared_intermediate > 0)
    time += dense_block(place, block.shared_intermediate, spec::block_matrices(block), tokens);
  return time;
}

PartTime head_projections(const Place& place, const spec::Attention& attention, double tokens) {
  const int heads = std::max(1, attention.heads / place.tp), kv_heads = spec::kv_heads_of_rank(attention, place.tp);
  const spec::DType dtype = place.model.attention_dtype;
  const int queries = heads * (attention.output_gate ? 2 : 1);
  PartTime time = gemm(place, dtype, tokens, (queries + 2 * kv_heads) * attention.head_dim, place.model.hidden);
  time += gemm(place, dtype, tokens, place.model.hidden, heads * attention.head_dim);
  // Rotary embedding reads and writes queries and keys once.
  time += assumed(traffic_s(place.device, 2.0 * tokens * (heads + kv_heads) * attention.head_dim * activation_bytes));
  return time;
}

/// Latent attention: queries, compressed keys and values, and the absorbed matrices of the decode form; a prefill
/// expands keys and values for its heads instead.
PartTime latent_block(const Place& place, const spec::Attention& a, const BatchShape& shape) {
  const double tokens = shape.tokens();
  const int heads = std::max(1, a.heads / place.tp);
  const int hidden = place.model.hidden, query = heads * (a.nope_dim + a.rope_dim);
  const spec::DType dtype = place.model.attention_dtype;
  PartTime time = gemm(place, dtype, tokens, a.q_lora_rank + a.kv_lora_rank + a.rope_dim, hidden);
  time += gemm(place, dtype, tokens, query, a.q_lora_rank > 0 ? a.q_lora_rank : hidden);
  time += gemm(place, dtype, tokens, heads * (a.nope_dim + a.value_dim), a.kv_lora_rank);
  time += gemm(place, dtype, tokens, hidden, heads * a.value_dim);
  const bool decode = shape.new_tokens == 1;
  double context = shape.past_tokens + 0.5 * (shape.new_tokens + 1);
  if (a.index_heads > 0) {
    const double keys = context * shape.tokens() * 2.0 * a.index_heads * a.index_dim;
    time += assumed(roofline_s(place.device, spec::DType::bf16, keys, context * shape.sequences * a.index_dim));
    context = std::min(context, static_cast<double>(a.index_topk));
  }
  // Decode attends in the compressed space of all heads, prefill in the expanded one.
  const double width = decode ? 2.0 * a.kv_lora_rank + a.rope_dim : a.nope_dim + a.rope_dim + a.value_dim;
  const double flops = 2.0 * heads * width * context * shape.tokens();
  const double bytes = (a.kv_lora_rank + a.rope_dim) * spec::bytes_per_element(place.model.kv_dtype) * shape.sequences *
                       (decode ? context : shape.past_tokens + static_cast<double>(shape.new_tokens));
  return time += assumed(roofline_s(place.device, spec::DType::bf16, flops, bytes));
}

/// Gated delta net: projections, and a state per sequence that every step reads and writes.
PartTime linear_block(const Place& place, const spec::Attention& a, const BatchShape& shape) {
  const double tokens = shape.tokens();
  const int keys = std::max(1, a.key_heads / place.tp) * a.key_head_dim;
  const int values = std::max(1, a.value_heads / place.tp) * a.value_head_dim;
  const spec::DType dtype = place.model.attention_dtype;
  PartTime time = gemm(place, dtype, tokens, 2 * (keys + values), place.model.hidden);
  time += gemm(place, dtype, tokens, place.model.hidden, values);
  const double state = static_cast<double>(values) * a.key_head_dim;
  const double moved = 2.0 * state * a.state_bytes_per_element * shape.sequences +
                       tokens * (2.0 * keys + 3.0 * values) * activation_bytes;
  return time += assumed(roofline_s(place.device, spec::DType::bf16, 8.0 * state * tokens, moved));
}

/// Compressed attention: all projections, the compressors', and queries over a window and the entries that are left of
/// the rest.
PartTime compressed_block(const Place& place, const spec::Attention& a, const BatchShape& shape) {
  const double tokens = shape.tokens();
  const int heads = std::max(1, a.heads / place.tp), hidden = place.model.hidden;
  const int groups = std::max(1, a.output_groups / place.tp);
  const spec::DType dtype = place.model.attention_dtype;
  PartTime time = gemm(place, dtype, tokens, a.q_lora_rank + a.head_dim, hidden);
  time += gemm(place, dtype, tokens, heads * a.head_dim, a.q_lora_rank);
  time += gemm(place, dtype, tokens, a.output_rank, heads * a.head_dim);
  time += gemm(place, dtype, tokens, hidden, groups * a.output_rank);
  const double context = shape.past_tokens + 0.5 * (shape.new_tokens + 1);
  const double joined = a.compress_ratio > 1 ? context / a.compress_ratio : 0;
  if (a.compress_ratio > 1)
    time += gemm(place, place.model.activation_dtype, tokens, 2 * (a.head_dim + a.index_dim), hidden);
  double looked = joined;
  if (a.index_heads > 0) {
    const double scores = 2.0 * a.index_heads * a.index_dim * joined * tokens;
    time += gemm(place, dtype, tokens, a.index_heads * a.index_dim, a.q_lora_rank);
    time += assumed(roofline_s(place.device, spec::DType::fp8, scores, joined * shape.sequences * a.index_dim));
    looked = std::min(joined, static_cast<double>(a.index_topk));
  }
  const double seen = looked + std::min(context, static_cast<double>(a.window));
  const double bytes = seen * shape.sequences * (a.head_dim + a.rope_dim);
  return time += assumed(roofline_s(place.device, spec::DType::bf16, 4.0 * heads * a.head_dim * seen * tokens, bytes));
}

PartTime attention_block(const Place& place, const spec::Attention& a, const BatchShape& shape) {
  if (a.kind == spec::AttentionKind::none) return {};
  if (a.kind == spec::AttentionKind::mla) return latent_block(place, a, shape);
  if (a.kind == spec::AttentionKind::linear) return linear_block(place, a, shape);
  if (a.kind == spec::AttentionKind::compressed) return compressed_block(place, a, shape);
  PartTime time = head_projections(place, a, shape.tokens());
  time += selector(place, a, shape);
  return time += attention(place, a, shape);
}

std::optional<PartTime> whole(const Place& place, const std::string& op, traces::Shape dims, const BatchShape& shape) {
  const auto time = ask(place, {op, std::string(spec::name(place.model.dtype)), std::move(dims), place.tp,
                                static_cast<double>(shape.new_tokens), static_cast<double>(shape.sequences),
                                static_cast<double>(shape.past_tokens)});
  if (!time) return std::nullopt;
  return known(*time, Origin::measured);
}

}  // namespace

PartTime& PartTime::operator+=(const PartTime& other) {
  seconds += other.seconds;
  weighted_error_s += other.weighted_error_s;
  spared_s += other.spared_s;
  outside = outside || other.outside;
  // Memory traffic of norms is always from the roofline; it is small, and its error is counted, so it does not rename
  // the sum.
  origin = seconds > 0 && other.seconds > 0.2 * seconds ? std::max(origin, other.origin) : origin;
  return *this;
}

PartTime all_reduce_time(const Place& place, double bytes) {
  if (place.tp == 1) return {};
  if (place.times)
    if (const auto time = place.times->link("all_reduce", spec::name(place.tp_link), place.tp, bytes))
      return known(*time, Origin::fitted);
  // Ring: each rank sends and receives 2 (t-1)/t of the message. Rates of one direction, assumed.
  const double rate = place.tp_link == spec::LinkKind::nvlink ? 300e9
                      : place.tp_link == spec::LinkKind::pcie ? 20e9
                                                              : 10e9;
  return assumed(15e-6 + 2.0 * (place.tp - 1) / place.tp * bytes / rate);
}

PartTime layer_time(const Place& place, const Layer& layer, const BatchShape& shape) {
  if (auto time = whole(place, "layer", spec::layer_dimensions(place.model, layer), shape)) return *time;
  const double tokens = shape.tokens();
  PartTime time = attention_block(place, layer.attention, shape);
  time += feed_forward(place, layer.feed_forward, tokens);
  for (int i = 0; i < 2; ++i) time += all_reduce_time(place, tokens * place.model.hidden * activation_bytes);
  for (int i = 0; i < 2; ++i)
    time += assumed(traffic_s(place.device, 4.0 * tokens * place.model.hidden * activation_bytes));
  return time;
}

PartTime embedding_time(const Place& place, const BatchShape& shape) {
  const traces::Shape dims{{"hidden", place.model.hidden}, {"vocabulary", place.model.vocabulary}};
  const BatchShape rows{1, shape.tokens(), 0, true};
  if (auto time = whole(place, "embedding", dims, rows)) return *time;
  PartTime time = assumed(traffic_s(place.device, 2.0 * shape.tokens() * place.model.hidden * activation_bytes));
  time += all_reduce_time(place, 1.0 * shape.tokens() * place.model.hidden * activation_bytes);
  return time;
}

PartTime head_time(const Place& place, const BatchShape& shape) {
  if (!shape.samples) return {};
  const traces::Shape dims{{"hidden", place.model.hidden}, {"vocabulary", place.model.vocabulary}};
  if (auto time = whole(place, "head", dims, {1, shape.sequences, 0, true})) return *time;
  const double rows = shape.sequences;
  // Engines keep the head in 16 bits when the layers are quantized.
  spec::ModelSpec plain = place.model;
  if (plain.dtype != spec::DType::fp32) plain.dtype = spec::DType::bf16;
  const Place wide{plain, place.device, place.tp, place.tp_link, place.times};
  PartTime time = gemm(wide, plain.dtype, rows, std::max(1, plain.vocabulary / place.tp), plain.hidden);
  // The sampler reads and writes the logits in 4 bytes about four times (scale, softmax, sort, draw).
  time += assumed(traffic_s(place.device, 4.0 * 4.0 * rows * plain.vocabulary));
  return time;
}

}  // namespace ppplan::cost

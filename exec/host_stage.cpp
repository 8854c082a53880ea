#include "exec/host_stage.h"

#include <algorithm>

#include "exec/seeded_values.h"

namespace ppplan::exec {

namespace {

using kernels::host::Buffer;
using kernels::host::KvCache;
using kernels::host::LayerBatch;
using kernels::host::LayerShape;

constexpr std::uint64_t kPast = 5;  // a name below the seed, besides those of host_weights.cpp

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

// Keys and values, or latents.
std::size_t arrays_of(const LayerShape& shape) { return shape.latent ? 1 : 2; }

// Keys or values of one sequence in one layer, or its latents.
std::size_t cache_floats(const LayerShape& shape, int capacity) {
  return Buffer::aligned(static_cast<std::size_t>(capacity) * shape.cached_width() / arrays_of(shape));
}

// Each head's positions [0, past) are contiguous; those of latents are.
void fill_past(const LayerShape& shape, const KvCache& cache, int past, std::uint64_t numbers) {
  if (shape.latent)
    return fill_uniform(cache.keys, area(past, shape.latent->cached()), stream(numbers, {0}), 0.0f, 1.0f);
  const std::size_t head_size = area(cache.capacity, shape.attention.head_dim);
  for (int head = 0; head < shape.attention.kv_heads; ++head) {
    const auto at = static_cast<std::size_t>(head);
    const std::size_t count = area(past, shape.attention.head_dim);
    fill_uniform(cache.keys + at * head_size, count, stream(numbers, {2 * at}), 0.0f, 1.0f);
    fill_uniform(cache.values + at * head_size, count, stream(numbers, {2 * at + 1}), 0.0f, 1.0f);
  }
}

}  // namespace

std::size_t KvSet::floats(std::span<const LayerShape> shapes, const Size& size) {
  std::size_t count = 0;
  for (const LayerShape& shape : shapes) {
    count += arrays_of(shape) * static_cast<std::size_t>(size.sequences) * cache_floats(shape, size.capacity);
  }
  return count;
}

KvSet::KvSet(std::span<const LayerShape> shapes, int first_layer, const Size& size, std::uint64_t seed, int set)
    : memory_(floats(shapes, size)) {
  float* next = memory_.data();
  for (std::size_t layer = 0; layer < shapes.size(); ++layer) {
    const std::size_t count = cache_floats(shapes[layer], size.capacity), arrays = arrays_of(shapes[layer]);
    auto& caches = caches_.emplace_back();
    for (int sequence = 0; sequence < size.sequences; ++sequence, next += arrays * count) {
      caches.push_back({next, arrays == 2 ? next + count : nullptr, size.capacity});
      fill_past(shapes[layer], caches.back(), size.past_tokens,
                stream(seed, {kPast, static_cast<std::uint64_t>(first_layer) + layer, static_cast<std::uint64_t>(set),
                              static_cast<std::uint64_t>(sequence)}));
    }
  }
}

HostStage::HostStage(const spec::ModelSpec& model, const spec::Stage& stage, const StageLimits& limits,
                     std::uint64_t seed)
    : operations_(kernels::host::operations()),
      hidden_(model.hidden),
      vocabulary_(model.vocabulary),
      first_layer_(stage.first_layer),
      norm_epsilon_(static_cast<float>(model.norm_epsilon)) {
  for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
    shapes_.push_back(layer_shape(model, layer));
    layers_.emplace_back(shapes_.back(), layer, seed);
    const int dim = shapes_.back().rotated_dim();
    if (!rope_.contains(dim)) {
      rope_.emplace(dim, kernels::host::RopeTable(model.rope_theta, limits.kv_tokens, dim));
    }
  }
  workspace_ = kernels::host::Workspace(shapes_, limits.rows, limits.kv_tokens);
  if (stage.embedding) embedding_ = end_weights(model, End::embedding, seed);
  if (!stage.head) return;
  head_ = end_weights(model, End::head, seed);
  final_norm_ = final_norm(model, seed);
  last_ = Buffer(area(limits.sequences, hidden_));
}

void HostStage::embed(std::span<const int> tokens, float* x) {
  operations_.embed(tokens.data(), embedding_.data(), static_cast<int>(tokens.size()), hidden_, x);
}

void HostStage::run_layers(const LayerBatch& batch, const KvSet& kv, const float* x, float* y) {
  if (layers_.empty() && x != y) std::copy_n(x, area(batch.rows(), hidden_), y);
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const auto caches = kv.caches(layer).first(static_cast<std::size_t>(batch.sequences));
    kernels::host::decoder_layer(operations_, shapes_[layer], layers_[layer].weights(),
                                 rope_.at(shapes_[layer].rotated_dim()), batch, caches, workspace_, layer == 0 ? x : y,
                                 y);
  }
}

void HostStage::sample(const LayerBatch& batch, const float* x, float* logits, int* tokens) {
  last_row_.clear();
  for (int s = 0; s < batch.sequences; ++s) last_row_.push_back((s + 1) * batch.new_tokens - 1);
  operations_.gather(x, last_row_.data(), batch.sequences, hidden_, last_.data());
  operations_.rms_norm(last_.data(), final_norm_.data(), norm_epsilon_, batch.sequences, hidden_, hidden_,
                       last_.data());
  operations_.linear(last_.data(), head_.data(), nullptr, batch.sequences, hidden_, vocabulary_, logits);
  for (int s = 0; s < batch.sequences; ++s) {
    const float* row = logits + area(s, vocabulary_);
    tokens[s] = static_cast<int>(std::max_element(row, row + vocabulary_) - row);
  }
}

}  // namespace ppplan::exec

#include "exec/host_probe.h"

#include <unistd.h>

#include <algorithm>

#include "exec/seeded_values.h"

namespace ppplan::exec {

namespace {

constexpr int kPrompts = 4;  // caches of prompts that a probe goes through in turn

StageLimits limits_of(const ProfileSizes& sizes) {
  return {std::max(sizes.max_tokens, sizes.max_batch), std::max(1, sizes.max_batch), sizes.max_kv + sizes.max_tokens};
}

KvSet::Size prefill_size(const ProfileSizes& sizes) {
  return {1, sizes.max_kv + sizes.max_tokens, sizes.max_kv + sizes.max_tokens};
}
KvSet::Size decode_size(const ProfileSizes& sizes) { return {sizes.max_batch, sizes.max_kv + 1, sizes.max_kv + 1}; }

// A model of `copies` layers of one shape.
spec::ModelSpec repeated(const spec::ModelSpec& model, const spec::Layer& layer, int copies) {
  spec::ModelSpec result = model;
  result.layers.assign(static_cast<std::size_t>(copies), layer);
  return result;
}

spec::Stage all_layers(int copies) {
  spec::Stage stage;
  stage.end_layer = copies;
  return stage;
}

spec::Stage only_ends() {
  spec::Stage stage;
  stage.embedding = true;
  stage.head = true;
  return stage;
}

}  // namespace

int probe_copies(const spec::ModelSpec& model, const ProfileSizes& sizes, std::size_t cores) {
  std::size_t floats = 0;  // of one copy of every shape
  for (const spec::Layer& layer : distinct_layers(model)) {
    const kernels::host::LayerShape shape = layer_shape(repeated(model, layer, 1), 0);
    floats += layer_floats(shape) + KvSet::floats(std::span(&shape, 1), decode_size(sizes)) +
              kPrompts * KvSet::floats(std::span(&shape, 1), prefill_size(sizes));
  }
  const auto half_of_memory =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 2;
  const std::size_t fit = half_of_memory / (cores * floats * sizeof(float) + 1);
  const std::size_t share = (model.layers.size() + cores - 1) / cores;
  return static_cast<int>(std::clamp<std::size_t>(fit, 1, std::max<std::size_t>(1, share)));
}

HostProbe::HostProbe(const spec::ModelSpec& model, const ProfileSizes& sizes, int copies, std::uint64_t seed)
    : copies_(copies), vocabulary_(model.vocabulary), ends_(model, only_ends(), limits_of(sizes), seed), seed_(seed) {
  for (const spec::Layer& layer : distinct_layers(model)) {
    HostStage stage(repeated(model, layer, copies), all_layers(copies), limits_of(sizes), seed);
    std::vector<KvSet> prefill;
    for (int set = 0; set < kPrompts; ++set) {
      prefill.emplace_back(stage.shapes(), 0, prefill_size(sizes), seed, set);
    }
    KvSet decode(stage.shapes(), 0, decode_size(sizes), seed, kPrompts);
    layers_.push_back({std::move(stage), std::move(prefill), std::move(decode)});
  }
  const auto rows = static_cast<std::size_t>(limits_of(sizes).rows);
  in_ = kernels::host::Buffer(rows * static_cast<std::size_t>(model.hidden));
  out_ = kernels::host::Buffer(in_.size());
  fill_uniform(in_.data(), in_.size(), stream(seed, {}), 0.0f, 1.0f);
  logits_ = kernels::host::Buffer(static_cast<std::size_t>(limits_of(sizes).sequences) *
                                  static_cast<std::size_t>(model.vocabulary));
  tokens_.resize(rows);
}

void HostProbe::run_layers(Layers& layers, const spec::BatchShape& batch) {
  const KvSet& kv = batch.new_tokens > 1 ? layers.prefill[runs_ % kPrompts] : layers.decode;
  layers.stage.run_layers({batch.sequences, batch.new_tokens, batch.past_tokens}, kv, in_.data(), out_.data());
}

RunTime HostProbe::run(const ProfilePoint& point) {
  ++runs_;
  const auto rows = static_cast<std::size_t>(point.batch.sequences);
  if (point.kind == PointKind::embedding) {
    for (std::size_t i = 0; i < rows; ++i) {
      tokens_[i] = static_cast<int>(value(stream(seed_, {runs_}), i) % static_cast<std::uint64_t>(vocabulary_));
    }
  }
  const RunTime start = thread_time();
  if (point.kind == PointKind::layer) run_layers(layers_[static_cast<std::size_t>(point.shape)], point.batch);
  if (point.kind == PointKind::embedding) ends_.embed(std::span(tokens_).first(rows), out_.data());
  if (point.kind == PointKind::head) {
    ends_.sample({point.batch.sequences, 1, 0}, in_.data(), logits_.data(), tokens_.data());
  }
  const RunTime took = thread_time() - start;
  const double parts = point.kind == PointKind::layer ? copies_ : 1;
  return {took.processor_s / parts, took.wall_s / parts};
}

}  // namespace ppplan::exec

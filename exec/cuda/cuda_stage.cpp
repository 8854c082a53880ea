#include "exec/cuda/cuda_stage.h"

#include "exec/host_weights.h"
#include "kernels/host/rope_table.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::LayerInputs;
using kernels::cuda::OutputType;
using kernels::host::LayerBatch;
using kernels::host::LayerShape;

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

LayerBatch layer_batch(const spec::BatchShape& shape) { return {shape.sequences, shape.new_tokens, shape.past_tokens}; }

DeviceArray<Bf16> end_array(const kernels::host::Buffer& values, cudaStream_t stream) {
  return rounded(std::span(values.data(), values.size()), stream);
}

DeviceArray<float> angles(const float* values, int positions, int head_dim, cudaStream_t stream) {
  return kernels::cuda::uploaded(std::span(values, area(positions, head_dim / 2)), stream);
}

std::vector<LayerShape> shapes_of(const std::vector<DeviceLayer>& layers) {
  std::vector<LayerShape> shapes;
  for (const DeviceLayer& layer : layers) shapes.push_back(layer.shape);
  return shapes;
}

}  // namespace

CudaStage::CudaStage(const PipelineRun& run, std::size_t stage, const kernels::cuda::BlasCalls& calls,
                     std::size_t workspace_bytes)
    : hidden_(run.model.hidden),
      vocabulary_(run.model.vocabulary),
      norm_epsilon_(static_cast<float>(run.model.norm_epsilon)),
      linear_(calls, workspace_bytes) {
  const spec::Stage& held = run.stages[stage];
  const StageLimits limits = stage_limits(run.micro_batches);
  const kernels::cuda::Stream stream = kernels::cuda::make_stream();
  for (int layer = held.first_layer; layer < held.end_layer; ++layer) {
    layers_.push_back(device_layer(run.model, layer, run.seed, stream));
    const int head_dim = layers_.back().shape.attention.head_dim;
    if (rope_.contains(head_dim)) continue;
    const kernels::host::RopeTable table(run.model.rope_theta, limits.kv_tokens, head_dim);
    rope_[head_dim] = {angles(table.cosines(0), limits.kv_tokens, head_dim, stream),
                       angles(table.sines(0), limits.kv_tokens, head_dim, stream)};
  }
  const std::vector<LayerShape> shapes = shapes_of(layers_);
  const CacheUse use = cache_use(run);
  caches_.emplace(shapes, held.first_layer, use.sizes, run.seed, stream);
  for (std::size_t index = 0; index < run.micro_batches.size(); ++index) {
    batches_.push_back(run.micro_batches[index].shape);
    steps_.emplace_back(batches_.back(), caches_->pages(use.chain[index]),
                        PagedCaches::pages_of_sequence(use.sizes.at(use.chain[index])), stream);
  }
  workspace_ = kernels::cuda::Workspace(shapes, limits.rows, limits.sequences, limits.kv_tokens);
  if (held.embedding) embedding_ = end_array(end_weights(run.model, End::embedding, run.seed), stream);
  if (!held.head) return;
  head_ = end_array(end_weights(run.model, End::head, run.seed), stream);
  final_norm_ = end_array(final_norm(run.model, run.seed), stream);
  last_ = DeviceArray<Bf16>(area(limits.sequences, hidden_));
}

void CudaStage::forward(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream) {
  const Bf16* in = buffers.in;
  if (owns_embedding()) {
    kernels::cuda::embed(buffers.tokens, embedding_.data(), batches_[micro_batch].tokens(), hidden_, buffers.out,
                         stream);
    in = buffers.out;
  }
  run_layers(micro_batch, in, buffers.out, stream);
  if (owns_head() && batches_[micro_batch].samples) sample(micro_batch, buffers, stream);
}

void CudaStage::run_layers(std::size_t micro_batch, const Bf16* in, Bf16* out, cudaStream_t stream) {
  const StepArrays& step = steps_[micro_batch];
  const LayerBatch batch = layer_batch(batches_[micro_batch]);
  if (layers_.empty() && in != out) {
    const std::size_t bytes = area(batch.rows(), hidden_) * sizeof(Bf16);
    PPPLAN_CHECK(cudaMemcpyAsync(out, in, bytes, cudaMemcpyDeviceToDevice, stream));
  }
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const DeviceLayer& held = layers_[layer];
    const Rope& rope = rope_.at(held.shape.attention.head_dim);
    const LayerInputs inputs{batch,
                             step.position(),
                             step.slot(),
                             step.query_start(),
                             step.paged(),
                             caches_->layer(layer),
                             {rope.cosines.data(), rope.sines.data()}};
    kernels::cuda::decoder_layer(linear_, held.shape, held.weights, inputs, workspace_, layer == 0 ? in : out, out,
                                 stream);
  }
}

void CudaStage::sample(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream) {
  const int sequences = batches_[micro_batch].sequences;
  kernels::cuda::gather(buffers.out, steps_[micro_batch].last_row(), sequences, hidden_, last_.data(), stream);
  kernels::cuda::rms_norm(last_.data(), final_norm_.data(), norm_epsilon_, {sequences, 1, hidden_, hidden_},
                          last_.data(), stream);
  linear_.run({sequences, hidden_, vocabulary_, false, false, OutputType::bf16},
              {last_.data(), head_.data(), nullptr, nullptr, buffers.logits}, stream);
  kernels::cuda::argmax(buffers.logits, sequences, vocabulary_, buffers.sampled, stream);
}

}  // namespace ppplan::exec::cuda

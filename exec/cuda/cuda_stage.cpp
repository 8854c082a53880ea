#include "exec/cuda/cuda_stage.h"

#include "kernels/host/rope_table.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::LayerInputs;
using kernels::cuda::OutputType;
using kernels::host::LayerBatch;
using kernels::host::LayerShape;

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

LayerBatch layer_batch(const spec::BatchShape& shape) { return {shape.sequences, shape.new_tokens, shape.past_tokens}; }

DeviceArray<float> angles(const float* values, int positions, int rotated, cudaStream_t stream) {
  return kernels::cuda::uploaded(std::span(values, area(positions, rotated / 2)), stream);
}

std::vector<LayerShape> shapes_of(const std::vector<DeviceLayer>& layers, LayerShape DeviceLayer::*which) {
  std::vector<LayerShape> shapes;
  for (const DeviceLayer& layer : layers) shapes.push_back(layer.*which);
  return shapes;
}

}  // namespace

CudaStage::CudaStage(const PipelineRun& run, std::size_t stage, const kernels::cuda::BlasCalls& calls,
                     std::size_t workspace_bytes, TensorGroup* group)
    : hidden_(run.model.hidden),
      vocabulary_(run.model.vocabulary),
      norm_epsilon_(static_cast<float>(run.model.norm_epsilon)),
      group_(group),
      part_(group != nullptr ? group->part() : TensorRank{}),
      linear_(calls, workspace_bytes) {
  const spec::Stage& held = run.stages[stage];
  const StageLimits limits = stage_limits(run.micro_batches);
  const kernels::cuda::Stream stream = kernels::cuda::make_stream();
  for (int layer = held.first_layer; layer < held.end_layer; ++layer) {
    layers_.push_back(device_layer(run.model, layer, run.seed, part_, stream));
    const int rotated = layers_.back().shape.rotated_dim();
    if (rope_.contains(rotated)) continue;
    const kernels::host::RopeTable table(run.model.rope_theta, limits.kv_tokens, rotated);
    rope_[rotated] = {angles(table.cosines(0), limits.kv_tokens, rotated, stream),
                      angles(table.sines(0), limits.kv_tokens, rotated, stream)};
  }
  const CacheUse use = cache_use(run);
  caches_.emplace(shapes_of(layers_, &DeviceLayer::whole), part_, held.first_layer, use.sizes, run.seed, stream);
  for (std::size_t index = 0; index < run.micro_batches.size(); ++index) {
    batches_.push_back(run.micro_batches[index].shape);
    steps_.emplace_back(batches_.back(), caches_->pages(use.chain[index]),
                        PagedCaches::pages_of_sequence(use.sizes.at(use.chain[index])), stream);
  }
  const std::vector<LayerShape> shapes = shapes_of(layers_, &DeviceLayer::shape);
  workspace_ = kernels::cuda::Workspace(shapes, limits.rows, limits.sequences, limits.kv_tokens);
  make_ends(run, held, stream);
}

void CudaStage::make_ends(const PipelineRun& run, const spec::Stage& held, cudaStream_t stream) {
  if (held.embedding) embedding_ = device_end(run.model, End::embedding, run.seed, part_, stream);
  const StageLimits limits = stage_limits(run.micro_batches);
  if (group_ != nullptr && !held.embedding) gathered_ = DeviceArray<Bf16>(area(limits.rows, hidden_));
  if (!held.head) return;
  head_ = device_end(run.model, End::head, run.seed, part_, stream);
  const kernels::host::Buffer norm = final_norm(run.model, run.seed);
  final_norm_ = rounded(std::span(norm.data(), norm.size()), stream);
  last_ = DeviceArray<Bf16>(area(limits.sequences, hidden_));
  if (group_ == nullptr) return;
  const std::size_t logits = area(limits.sequences, rows_of_part(vocabulary_, part_));
  own_logits_ = DeviceArray<Bf16>(logits);
  their_logits_ = DeviceArray<Bf16>(logits * static_cast<std::size_t>(part_.size));
}

void CudaStage::forward(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream) {
  const Bf16* in = buffers.out;
  if (owns_embedding())
    embed(micro_batch, buffers.tokens, buffers.out, stream);
  else
    in = whole_input(micro_batch, buffers.in, stream);
  run_layers(micro_batch, in, buffers.out, stream);
  if (owns_head() && batches_[micro_batch].samples) sample(micro_batch, buffers, stream);
}

// Each rank looks up the tokens that it has rows of; a sum with zeros keeps the values.
void CudaStage::embed(std::size_t micro_batch, const int* tokens, Bf16* out, cudaStream_t stream) {
  const int rows = batches_[micro_batch].tokens();
  if (group_ == nullptr) return kernels::cuda::embed(tokens, embedding_.data(), rows, hidden_, out, stream);
  const int own = rows_of_part(vocabulary_, part_);
  kernels::cuda::embed_part(tokens, embedding_.data(), part_.rank * own, own, rows, hidden_, out, stream);
  group_->sum(out, area(rows, hidden_), stream);
}

const Bf16* CudaStage::whole_input(std::size_t micro_batch, const Bf16* slice, cudaStream_t stream) {
  if (group_ == nullptr) return slice;
  const std::size_t count = area(batches_[micro_batch].tokens(), hidden_) / static_cast<std::size_t>(part_.size);
  group_->gather(slice, count, gathered_.data(), stream);
  return gathered_.data();
}

void CudaStage::run_layers(std::size_t micro_batch, const Bf16* in, Bf16* out, cudaStream_t stream) {
  kernels::cuda::LayerPart part{part_.rank, {}};
  if (group_ != nullptr)
    part.sum = [this](Bf16* values, std::size_t count, cudaStream_t on) { group_->sum(values, count, on); };
  const StepArrays& step = steps_[micro_batch];
  const LayerBatch batch = layer_batch(batches_[micro_batch]);
  if (layers_.empty() && in != out) {
    const std::size_t bytes = area(batch.rows(), hidden_) * sizeof(Bf16);
    PPPLAN_CHECK(cudaMemcpyAsync(out, in, bytes, cudaMemcpyDeviceToDevice, stream));
  }
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const DeviceLayer& held = layers_[layer];
    const Rope& rope = rope_.at(held.shape.rotated_dim());
    const LayerInputs inputs{batch,
                             step.position(),
                             step.slot(),
                             step.query_start(),
                             step.paged(),
                             caches_->layer(layer),
                             {rope.cosines.data(), rope.sines.data()}};
    kernels::cuda::decoder_layer(linear_, held.shape, held.weights, inputs, workspace_, layer == 0 ? in : out, out,
                                 stream, part);
  }
}

void CudaStage::sample(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream) {
  const int sequences = batches_[micro_batch].sequences;
  kernels::cuda::gather(buffers.out, steps_[micro_batch].last_row(), sequences, hidden_, last_.data(), stream);
  kernels::cuda::rms_norm(last_.data(), final_norm_.data(), norm_epsilon_, {sequences, 1, hidden_, hidden_},
                          last_.data(), stream);
  project(sequences, buffers.logits, stream);
  kernels::cuda::argmax(buffers.logits, sequences, vocabulary_, buffers.sampled, stream);
}

// Of a group, each rank computes its columns, and all get all of them.
void CudaStage::project(int sequences, Bf16* logits, cudaStream_t stream) {
  const int columns = rows_of_part(vocabulary_, part_);
  Bf16* const own = group_ != nullptr ? own_logits_.data() : logits;
  linear_.run({sequences, hidden_, columns, false, false, OutputType::bf16},
              {last_.data(), head_.data(), nullptr, nullptr, own}, stream);
  if (group_ == nullptr) return;
  group_->gather(own, area(sequences, columns), their_logits_.data(), stream);
  kernels::cuda::join_columns(their_logits_.data(), columns, sequences, vocabulary_, logits, stream);
}

}  // namespace ppplan::exec::cuda

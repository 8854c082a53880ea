#include "exec/cuda/stage_memory.h"

#include <map>
#include <set>

#include "exec/cuda/paged_caches.h"
#include "exec/host_weights.h"
#include "kernels/cuda/layer.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::DeviceScope;
using kernels::host::LayerShape;

std::int64_t area(int rows, int width) { return std::int64_t{rows} * width; }
std::int64_t bf16_bytes(std::int64_t values) { return values * static_cast<std::int64_t>(sizeof(Bf16)); }
std::int64_t int_bytes(std::int64_t values) { return values * static_cast<std::int64_t>(sizeof(int)); }

std::vector<LayerShape> shapes_of(const CudaRun& run, const spec::Stage& stage, const TensorRank& part) {
  std::vector<LayerShape> out;
  for (int layer = stage.first_layer; layer < stage.end_layer; ++layer)
    out.push_back(part_of(layer_shape(run.model, layer), part));
  return out;
}

std::int64_t weights_bytes(const CudaRun& run, const spec::Stage& stage, const std::vector<LayerShape>& shapes,
                           const TensorRank& part) {
  std::int64_t values = 0;
  for (const LayerShape& shape : shapes) values += static_cast<std::int64_t>(layer_floats(shape));
  const std::int64_t end = area(rows_of_part(run.model.vocabulary, part), run.model.hidden);
  if (stage.embedding) values += end;
  if (stage.head) values += end + run.model.hidden;
  return bf16_bytes(values);
}

std::int64_t page_count(const CudaRun& run) {
  std::int64_t count = 0;
  for (const auto& [chain, size] : cache_use(run).sizes)
    count += area(size.sequences, PagedCaches::pages_of_sequence(size));
  return count;
}

std::int64_t cache_bytes(const CudaRun& run, const std::vector<LayerShape>& shapes) {
  std::int64_t width = 0;
  for (const LayerShape& shape : shapes) width += static_cast<std::int64_t>(shape.cached_width());
  return bf16_bytes(page_count(run) * PagedCaches::kPageTokens * width);
}

// Cosines and sines, for every number of values that heads have rotated.
std::int64_t angle_bytes(const std::vector<LayerShape>& shapes, int positions) {
  std::set<int> dimensions;
  for (const LayerShape& shape : shapes) dimensions.insert(shape.rotated_dim());
  std::int64_t floats = 0;
  for (const int dimension : dimensions) floats += 2 * area(positions, dimension / 2);
  return floats * static_cast<std::int64_t>(sizeof(float));
}

// As StepArrays holds them.
std::int64_t table_bytes(const CudaRun& run) {
  const CacheUse use = cache_use(run);
  std::int64_t values = 0;
  for (std::size_t k = 0; k < run.micro_batches.size(); ++k) {
    const spec::BatchShape& shape = run.micro_batches[k].shape;
    const KvSize& size = use.sizes.at(use.chain[k]);
    values += 2 * shape.tokens() + 3 * shape.sequences + 1;
    values += area(size.sequences, PagedCaches::pages_of_sequence(size));
  }
  return int_bytes(values);
}

// Of a group: whole activations, and the logits of one rank and of all.
std::int64_t group_bytes(const CudaRun& run, const spec::Stage& stage, const TensorRank& part) {
  if (part.size == 1) return 0;
  const StageLimits limits = stage_limits(run.micro_batches);
  std::int64_t values = stage.embedding ? 0 : area(limits.rows, run.model.hidden);
  if (stage.head) values += (1 + part.size) * area(limits.sequences, rows_of_part(run.model.vocabulary, part));
  return bf16_bytes(values);
}

std::int64_t workspace_bytes(const CudaRun& run, const spec::Stage& stage, const std::vector<LayerShape>& shapes) {
  const StageLimits limits = stage_limits(run.micro_batches);
  const kernels::cuda::CountedMemory counted;
  const kernels::cuda::Workspace workspace(shapes, limits.rows, limits.sequences, limits.kv_tokens);
  auto bytes = static_cast<std::int64_t>(counted.bytes() + run.workspace_bytes);
  if (stage.head) bytes += bf16_bytes(area(limits.sequences, run.model.hidden));
  return bytes + angle_bytes(shapes, limits.kv_tokens) + table_bytes(run);
}

std::int64_t first_token_bytes(const CudaRun& run) {
  std::int64_t values = 0;
  for (std::size_t k = 0; k < run.micro_batches.size(); ++k) {
    const spec::BatchShape& shape = run.micro_batches[k].shape;
    if (!sampled_before(run, k)) values += shape.tokens();
    if (shape.samples) values += shape.sequences;
  }
  return int_bytes(values);
}

std::int64_t sampled_bytes(const CudaRun& run) {
  std::int64_t all = 0, most = 0, tokens = 0;
  for (const MicroBatch& micro_batch : run.micro_batches) {
    if (!micro_batch.shape.samples) continue;
    const std::int64_t logits = area(micro_batch.shape.sequences, run.model.vocabulary);
    tokens += micro_batch.shape.sequences;
    all += logits;
    most = std::max(most, logits);
  }
  return int_bytes(tokens) + bf16_bytes(run.keeps_logits ? all : most);
}

std::int64_t buffer_bytes(const CudaRun& run, std::size_t stage, const TensorRank& part) {
  std::int64_t rows = 0;
  for (const MicroBatch& micro_batch : run.micro_batches) rows += micro_batch.shape.tokens();
  std::int64_t values = rows * run.model.hidden;
  const std::int64_t slice = area(stage_limits(run.micro_batches).rows, run.model.hidden) / part.size;
  if (stage > 0) values += static_cast<std::int64_t>(receive_slots(run)) * slice;
  std::int64_t bytes = bf16_bytes(values);
  if (stage == 0) bytes += first_token_bytes(run);
  if (stage + 1 == run.stages.size()) bytes += sampled_bytes(run);
  return bytes;
}

std::int64_t free_now() {
  std::size_t free = 0, total = 0;
  PPPLAN_CHECK(cudaMemGetInfo(&free, &total));
  return static_cast<std::int64_t>(free);
}

}  // namespace

std::vector<StageMemory> stage_memory(const CudaRun& run, const TensorRank& part) {
  std::vector<StageMemory> out;
  std::map<int, std::int64_t> left;
  for (std::size_t s = 0; s < run.stages.size(); ++s) {
    if (!run.holds(static_cast<int>(s))) continue;
    const DeviceScope scope(run.gpus[s]);
    const std::vector<LayerShape> shapes = shapes_of(run, run.stages[s], part);
    StageMemory& stage = out.emplace_back();
    stage.stage = static_cast<int>(s);
    stage.gpu = run.gpus[s];
    stage.weights_bytes = weights_bytes(run, run.stages[s], shapes, part);
    stage.cache_bytes = cache_bytes(run, shapes);
    stage.workspace_bytes = workspace_bytes(run, run.stages[s], shapes) + group_bytes(run, run.stages[s], part);
    stage.buffer_bytes = buffer_bytes(run, s, part);
    if (!left.contains(stage.gpu)) left[stage.gpu] = free_now();
    stage.free_bytes = left[stage.gpu];
    left[stage.gpu] = std::max<std::int64_t>(0, left[stage.gpu] - stage.needed_bytes());
  }
  return out;
}

bool fits_on_one(const CudaRun& run) {
  CudaRun single = run;
  static_cast<PipelineRun&>(single) = in_one_stage(run);
  single.gpus = {run.gpus[static_cast<std::size_t>(run.only_stage.value_or(0))]};
  single.slices.clear();
  return stage_memory(single).front().short_bytes() == 0;
}

void require_room(const std::vector<StageMemory>& stages) {
  for (const StageMemory& stage : stages)
    if (stage.short_bytes() > 0) throw StagesTooLarge(stages);
}

}  // namespace ppplan::exec::cuda

#include "exec/cuda/cuda_probe.h"

#include <algorithm>
#include <cmath>

#include "exec/cuda/captured.h"
#include "exec/cuda/gpu_facts.h"
#include "exec/cuda/stage_memory.h"
#include "exec/host_weights.h"
#include "exec/seeded_values.h"

namespace ppplan::exec::cuda {

namespace {

constexpr std::uint64_t kActivations = 8;  // a name below the seed, besides those of pipeline_run.cpp and its kin
constexpr int kCacheTimes = 2;             // what a probe reads between two runs of the same weights

int current_gpu() {
  int gpu = 0;
  PPPLAN_CHECK(cudaGetDevice(&gpu));
  return gpu;
}

spec::Stage stage_of(PointKind kind, int copies) {
  spec::Stage stage;
  stage.end_layer = copies;
  stage.embedding = kind == PointKind::embedding;
  stage.head = kind == PointKind::head;
  return stage;
}

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

DeviceArray<Bf16> drawn_activations(const PipelineRun& run, std::size_t values, cudaStream_t on) {
  std::vector<float> drawn(values);
  fill_uniform(drawn.data(), drawn.size(), stream(run.seed, {kActivations}), 0.0f, 1.0f);
  return rounded(drawn, on);
}

DeviceArray<int> drawn_token_array(const PipelineRun& run, cudaStream_t on) {
  std::vector<int> most;
  for (std::size_t k = 0; k < run.micro_batches.size(); ++k) {
    std::vector<int> tokens = drawn_tokens(run, k);
    if (tokens.size() > most.size()) most = std::move(tokens);
  }
  return kernels::cuda::uploaded(std::span<const int>(most), on);
}

std::size_t logit_count(const PipelineRun& run) {
  if (!run.stages.front().head) return 0;
  return area(stage_limits(run.micro_batches).sequences, run.model.vocabulary);
}

kernels::cuda::Stream stream_of(const CudaProbe::Settings& settings) {
  if (settings.slices == nullptr) return kernels::cuda::make_stream();
  return settings.slices->make_stream(0, kernels::cuda::Urgency::low);
}

// Before the stage is made: its arrays, and those of the probe in place of a pipeline's.
const PipelineRun& with_room(const PipelineRun& run, const CudaProbe::Settings& settings) {
  CudaRun whole;
  static_cast<PipelineRun&>(whole) = run;
  whole.gpus = {current_gpu()};
  whole.workspace_bytes = settings.workspace_bytes;
  std::vector<StageMemory> memory = stage_memory(whole);
  const std::size_t values = 2 * area(stage_limits(run.micro_batches).rows, run.model.hidden) + logit_count(run);
  memory[0].buffer_bytes = static_cast<std::int64_t>(values * sizeof(Bf16)) + kCacheTimes * l2_bytes(whole.gpus[0]);
  require_room(memory);
  return run;
}

}  // namespace

int cold_copies(const kernels::host::LayerShape& shape, std::int64_t l2_bytes) {
  const std::int64_t idle_experts = std::max(0, shape.experts - shape.experts_per_token);
  const std::int64_t read = static_cast<std::int64_t>(layer_floats(shape)) -
                            idle_experts * 3 * std::int64_t{shape.hidden} * shape.intermediate;
  const std::int64_t bytes = read * static_cast<std::int64_t>(sizeof(Bf16));
  return static_cast<int>(std::max<std::int64_t>(1, (kCacheTimes * l2_bytes + bytes - 1) / bytes));
}

PipelineRun probe_run(const spec::ModelSpec& model, const std::vector<ProfilePoint>& points, int copies,
                      std::uint64_t seed) {
  PipelineRun run;
  run.model = model;
  const PointKind kind = points.front().kind;
  const spec::Layer layer = distinct_layers(model).at(static_cast<std::size_t>(points.front().shape));
  run.model.layers.assign(static_cast<std::size_t>(kind == PointKind::layer ? copies : 0), layer);
  run.stages = {stage_of(kind, static_cast<int>(run.model.layers.size()))};
  for (const ProfilePoint& point : points) run.micro_batches.push_back({point.batch, -1});
  run.unrelated = true;
  run.seed = seed;
  return run;
}

CudaProbe::CudaProbe(const PipelineRun& run, const kernels::cuda::BlasCalls& calls, const Settings& settings)
    : settings_(settings),
      copies_(static_cast<int>(run.model.layers.size())),
      stage_(with_room(run, settings), 0, calls, settings.workspace_bytes),
      stream_(stream_of(settings)),
      begin_(kernels::cuda::make_event()),
      end_(kernels::cuda::make_event()) {
  if (settings.slices != nullptr) stage_.limit_processors(settings.slices->processors(0));
  const StageLimits limits = stage_limits(run.micro_batches);
  in_ = drawn_activations(run, area(limits.rows, run.model.hidden), stream_);
  out_ = drawn_activations(run, in_.size(), stream_);
  if (copies_ > 0) return;
  tokens_ = drawn_token_array(run, stream_);
  sampled_ = DeviceArray<int>(static_cast<std::size_t>(limits.sequences));
  logits_ = DeviceArray<Bf16>(logit_count(run));
  flush_ = DeviceArray<std::byte>(static_cast<std::size_t>(kCacheTimes * l2_bytes(current_gpu())));
}

void CudaProbe::enqueue(std::size_t point) {
  StepBuffers buffers;
  buffers.tokens = tokens_.data();
  buffers.in = copies_ > 0 ? in_.data() : out_.data();  // the head's stage has no layers that would write it
  buffers.out = out_.data();
  buffers.logits = logits_.data();
  buffers.sampled = sampled_.data();
  stage_.forward(point, buffers, stream_);
}

kernels::cuda::GraphExec CudaProbe::graph_of(std::size_t point, int runs) {
  return captured(stream_, [&] {
    for (int run = 0; run < runs; ++run) enqueue(point);
  });
}

// Seconds of a graph, or of an eager run.
double CudaProbe::timed(cudaGraphExec_t graph, std::size_t point) {
  if (flush_.size() > 0) PPPLAN_CHECK(cudaMemsetAsync(flush_.data(), 0, flush_.size(), stream_));
  PPPLAN_CHECK(cudaEventRecord(begin_, stream_));
  if (graph != nullptr)
    PPPLAN_CHECK(cudaGraphLaunch(graph, stream_));
  else
    enqueue(point);
  PPPLAN_CHECK(cudaEventRecord(end_, stream_));
  PPPLAN_CHECK(cudaStreamSynchronize(stream_));
  float milliseconds = 0;
  PPPLAN_CHECK(cudaEventElapsedTime(&milliseconds, begin_, end_));
  return 1e-3 * static_cast<double>(milliseconds);
}

void CudaProbe::run(std::size_t point) { timed(nullptr, point); }

CudaProbe::Samples CudaProbe::samples(std::size_t point, int count) {
  timed(nullptr, point);  // chooses algorithms and loads kernels
  const double parts = std::max(1, copies_);
  Samples out;
  for (int i = 0; i < count; ++i) out.eager_s.push_back(timed(nullptr, point) / parts);
  constexpr double kShortest_s = 1e-6;  // about what events tell apart
  const double once_s = std::max(kShortest_s, parts * *std::min_element(out.eager_s.begin(), out.eager_s.end()));
  const int wanted = static_cast<int>(std::ceil(settings_.sample_s / once_s));
  const int runs = copies_ > 0 ? std::clamp(wanted, 1, settings_.most_runs) : 1;
  const kernels::cuda::GraphExec graph = graph_of(point, runs);
  timed(graph, point);
  for (int i = 0; i < count; ++i) out.graph_s.push_back(timed(graph, point) / (parts * runs));
  return out;
}

}  // namespace ppplan::exec::cuda

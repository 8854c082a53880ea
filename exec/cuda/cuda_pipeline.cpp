#include "exec/cuda/cuda_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "exec/cuda/captured.h"
#include "exec/cuda/cuda_stage.h"
#include "kernels/cuda/sm_slices.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::cuda {

namespace {

using input::InputError;
using kernels::cuda::DeviceScope;
using kernels::cuda::make_stream;
using kernels::cuda::Stream;

// What a run does to one micro-batch on one stage.
struct StepState {
  DeviceArray<Bf16> out;     // [rows, hidden], until it is sent
  const Bf16* in = nullptr;  // the receive buffer it came in
  int runs = 0;              // so far
  CapturedParts graphs;      // of a compute that reads `captured`
  const Bf16* captured = nullptr;
};

template <typename T>
std::vector<T> downloaded(const DeviceArray<T>& array, int gpu) {
  std::vector<T> out(array.size());
  if (out.empty()) return out;
  const DeviceScope scope(gpu);
  const Stream stream = make_stream();
  PPPLAN_CHECK(cudaMemcpyAsync(out.data(), array.data(), out.size() * sizeof(T), cudaMemcpyDeviceToHost, stream));
  PPPLAN_CHECK(cudaStreamSynchronize(stream));
  return out;
}

// One stage with its buffers. Nothing in it is allocated or freed while a run is under way.
struct StagePlace {
  StagePlace(const CudaRun& run, std::size_t index, const kernels::cuda::BlasCalls& calls, TensorGroup* group)
      : stage(run, index, calls, run.workspace_bytes, group), steps(run.micro_batches.size()) {
    const StageLimits limits = stage_limits(run.micro_batches);
    const auto activations = [&](int rows) { return static_cast<std::size_t>(rows) * hidden(run); };
    for (std::size_t k = 0; k < steps.size(); ++k)
      steps[k].out = DeviceArray<Bf16>(activations(run.micro_batches[k].shape.tokens()));
    if (index == 0) return;
    for (std::size_t slot = 0; slot < receive_slots(run); ++slot)
      received.emplace_back(activations(limits.rows) / parts(group));
  }

  static std::size_t parts(const TensorGroup* group) {
    return group != nullptr ? static_cast<std::size_t>(group->part().size) : 1;
  }
  static std::size_t hidden(const CudaRun& run) { return static_cast<std::size_t>(run.model.hidden); }

  CudaStage stage;
  std::vector<StepState> steps;             // [micro-batch]
  std::vector<DeviceArray<Bf16>> received;  // [receive buffer of the edge into this stage]
};

// Tokens on the first stage, and what the last one makes of them.
struct Tokens {
  DeviceArray<int> drawn;     // [rows], where the micro-batch takes them
  DeviceArray<int> returned;  // [sequences], on the first stage
  DeviceArray<int> sampled;   // [sequences], on the last
  DeviceArray<Bf16> logits;   // [sequences, vocabulary], on the last; shared unless the run keeps them
  bool has_returned = false;  // in what was enqueued so far
};

void check_slices(const CudaRun& run, const std::vector<int>& gpus) {
  if (run.slices.empty()) return;
  if (run.slices.size() != run.stages.size())
    throw InputError("slices", "", fmt::format("one for each of the {} stages", run.stages.size()),
                     std::to_string(run.slices.size()));
  if (std::ranges::any_of(gpus, [&](int gpu) { return gpu != gpus.front(); }))
    throw InputError("slices", "", "all stages on one GPU", "several");
}

}  // namespace

struct CudaPipeline::State {
  State(CudaRun from, const kernels::cuda::BlasCalls& calls, Wires& carriers, TensorGroup* ranks)
      : run(std::move(from)), wires(carriers), group(ranks), tokens(run.micro_batches.size()) {
    chain_roots(run.micro_batches);
    check_stages(run);
    check_group();
    run.gpus = gpus_of(run);
    if (!run.slices.empty()) slices.emplace(run.gpus.front(), run.slices);
    for (std::size_t s = 0; s < run.stages.size(); ++s) {
      places.emplace_back();
      if (run.gpus[s] == kElsewhere) continue;
      const DeviceScope scope(run.gpus[s]);
      places.back() = std::make_unique<StagePlace>(run, s, calls, group);
      if (slices) places.back()->stage.limit_processors(slices->processors(s));
    }
    make_tokens();
  }

  void check_group() {
    if (group == nullptr) return;
    if (!run.only_stage && run.stages.size() > 1)
      throw std::logic_error("a tensor-parallel group for more than one stage");
    if (run.model.hidden % group->part().size != 0)
      throw InputError(fmt::format("tensor parallelism: expected a hidden size that {} ranks share evenly, found {}",
                                   group->part().size, run.model.hidden));
  }

  bool has_first() const { return run.gpus.front() != kElsewhere; }
  bool has_last() const { return run.gpus.back() != kElsewhere; }

  void make_tokens() {
    for (std::size_t k = 0; k < tokens.size(); ++k) {
      if (has_first()) make_first_tokens(k);
      if (has_last() && run.micro_batches[k].shape.samples) make_last_tokens(k);
    }
    if (!has_last() || run.keeps_logits) return;
    const DeviceScope scope(run.gpus.back());
    shared_logits = DeviceArray<Bf16>(logits_of(stage_limits(run.micro_batches).sequences));
  }

  std::size_t logits_of(int sequences) const {
    return static_cast<std::size_t>(sequences) * static_cast<std::size_t>(run.model.vocabulary);
  }

  void make_first_tokens(std::size_t k) {
    const DeviceScope scope(run.gpus.front());
    const Stream stream = kernels::cuda::make_stream();
    if (!sampled_before(run, k))
      tokens[k].drawn = kernels::cuda::uploaded(std::span<const int>(drawn_tokens(run, k)), stream);
    if (run.micro_batches[k].shape.samples)
      tokens[k].returned = DeviceArray<int>(static_cast<std::size_t>(run.micro_batches[k].shape.sequences));
  }

  void make_last_tokens(std::size_t k) {
    const DeviceScope scope(run.gpus.back());
    const int sequences = run.micro_batches[k].shape.sequences;
    tokens[k].sampled = DeviceArray<int>(static_cast<std::size_t>(sequences));
    if (run.keeps_logits) tokens[k].logits = DeviceArray<Bf16>(logits_of(sequences));
  }

  StagePlace& place(int stage) const {
    if (gpu(stage) == kElsewhere)
      throw InputError("schedule", "", "stages that this process holds", std::to_string(stage));
    return *places[static_cast<std::size_t>(stage)];
  }

  int gpu(int stage) const {
    if (stage < 0 || stage >= static_cast<int>(places.size()))
      throw InputError("schedule", "", fmt::format("stages below {}", places.size()), std::to_string(stage));
    return run.gpus[static_cast<std::size_t>(stage)];
  }

  const int* tokens_of(std::size_t k) const {
    const auto previous = sampled_before(run, k);
    if (!previous) return tokens[k].drawn.data();
    if (places.size() == 1) return tokens[*previous].sampled.data();
    if (!tokens[*previous].has_returned) refuse_without_return(*previous, k);
    return tokens[*previous].returned.data();
  }

  StepBuffers buffers(const StagePlace& place, std::size_t k) const {
    const StepState& step = place.steps[k];
    StepBuffers out;
    if (place.stage.owns_embedding()) out.tokens = tokens_of(k);
    out.in = step.in;
    out.out = step.out.data();
    out.logits = run.keeps_logits ? tokens[k].logits.data() : shared_logits.data();
    out.sampled = tokens[k].sampled.data();
    return out;
  }

  // The first run is eager: it chooses the algorithms and loads the kernels.
  void forward(StagePlace& place, std::size_t k, cudaStream_t stream) {
    StepState& step = place.steps[k];
    const StepBuffers at = buffers(place, k);
    const auto enqueue = [&] { place.stage.forward(k, at, stream); };
    if (step.runs++ == 0 || !run.graphs) return enqueue();
    if (step.graphs.empty() || step.captured != step.in) step.graphs = CapturedParts(stream, group, enqueue);
    step.captured = step.in;
    step.graphs.launch(stream);
  }

  // Of the sides that are here.
  Message message(const schedule::Op& send, const schedule::Op& recv, int slot) {
    const std::size_t k = micro_batch_of(run, send.key);
    const spec::BatchShape& shape = run.micro_batches[k].shape;
    Message out{send.device, recv.device, gpu(send.device), gpu(recv.device)};
    const bool sends = out.from_gpu != kElsewhere, receives = out.to_gpu != kElsewhere;
    if (returns_tokens(send)) {
      tokens[k].has_returned = true;
      if (sends) out.from = tokens[k].sampled.data();
      if (receives) out.to = tokens[k].returned.data();
      out.bytes = static_cast<std::size_t>(shape.sequences) * sizeof(int);
      return out;
    }
    const std::size_t slice =
        static_cast<std::size_t>(shape.tokens()) * StagePlace::hidden(run) / StagePlace::parts(group);
    const std::size_t rank = group != nullptr ? static_cast<std::size_t>(group->part().rank) : 0;
    if (sends) out.from = place(send.device).steps[k].out.data() + rank * slice;
    if (receives) out.to = receive_buffer(place(recv.device), k, slot);
    out.bytes = slice * sizeof(Bf16);
    return out;
  }

  Bf16* receive_buffer(StagePlace& to, std::size_t k, int slot) const {
    if (slot >= static_cast<int>(to.received.size())) refuse_slot(run);
    Bf16* const buffer = to.received[static_cast<std::size_t>(slot)].data();
    to.steps[k].in = buffer;
    return buffer;
  }

  CudaRun run;
  Wires& wires;
  std::optional<kernels::cuda::SmSlices> slices;
  TensorGroup* group;
  std::vector<std::unique_ptr<StagePlace>> places;  // [stage]
  std::vector<Tokens> tokens;                       // [micro-batch]
  DeviceArray<Bf16> shared_logits;
};

std::vector<int> gpus_of(const CudaRun& run) {
  int count = 0;
  PPPLAN_CHECK(cudaGetDeviceCount(&count));
  std::vector<int> gpus = run.gpus;
  if (!run.slices.empty()) gpus.resize(run.stages.size(), gpus.empty() ? 0 : gpus.front());
  for (std::size_t s = gpus.size(); s < run.stages.size(); ++s)
    gpus.push_back(static_cast<int>(s) % std::max(count, 1));
  for (std::size_t s = 0; s < gpus.size(); ++s) {
    const bool is_here = run.holds(static_cast<int>(s));
    if (!is_here) gpus[s] = kElsewhere;
    if (is_here && (gpus[s] < 0 || gpus[s] >= count))
      throw InputError("gpus", "", fmt::format("numbers below the {} GPUs of this machine", count),
                       std::to_string(gpus[s]));
  }
  check_slices(run, gpus);
  return gpus;
}

CudaPipeline::CudaPipeline(CudaRun run, const kernels::cuda::BlasCalls& calls, Wires& wires, TensorGroup* group)
    : state_(std::make_unique<State>(std::move(run), calls, wires, group)) {}
CudaPipeline::~CudaPipeline() = default;

int CudaPipeline::gpu(int device) const { return state_->gpu(device); }

Stream CudaPipeline::make_stream(int device, kernels::cuda::Urgency urgency) {
  if (!state_->slices) return kernels::cuda::make_stream(urgency);
  return state_->slices->make_stream(static_cast<std::size_t>(device), urgency);
}

std::vector<int> CudaPipeline::slices() const {
  std::vector<int> out;
  for (std::size_t s = 0; state_->slices && s < state_->slices->size(); ++s)
    out.push_back(state_->slices->processors(s));
  return out;
}

void CudaPipeline::compute(const schedule::Op& op, cudaStream_t stream) {
  if (op.key.kind != traces::OpKind::forward)
    throw InputError(fmt::format("schedule: expected forward operations on the CUDA backend, found '{}'",
                                 traces::name(op.key.kind)));
  StagePlace& place = state_->place(op.key.stage);
  state_->forward(place, micro_batch_of(state_->run, op.key), stream);
}

void CudaPipeline::transfer(const schedule::Op& send, const schedule::Op& recv, int slot,
                            const TransferStreams& streams) {
  state_->wires.carry(state_->message(send, recv, slot), streams);
}

void CudaPipeline::reset() {
  for (Tokens& tokens : state_->tokens) tokens.has_returned = false;
}

std::vector<Logits> CudaPipeline::logits() const {
  if (!state_->run.keeps_logits) throw std::logic_error("logits of a run that does not keep them");
  std::vector<Logits> out;
  for (const Tokens& tokens : state_->tokens) {
    Logits& row = out.emplace_back();
    for (const Bf16 value : downloaded(tokens.logits, state_->run.gpus.back())) row.push_back(__bfloat162float(value));
  }
  return out;
}

std::vector<std::vector<int>> CudaPipeline::sampled() const {
  std::vector<std::vector<int>> out;
  for (const Tokens& tokens : state_->tokens) out.push_back(downloaded(tokens.sampled, state_->run.gpus.back()));
  return out;
}

std::vector<std::vector<kernels::cuda::LinearChoice>> CudaPipeline::choices() const {
  std::vector<std::vector<kernels::cuda::LinearChoice>> out;
  for (const auto& place : state_->places) {
    out.emplace_back();
    if (place) out.back() = place->stage.choices();
  }
  return out;
}

std::vector<Logits> one_device_logits(const CudaRun& run, const kernels::cuda::BlasCalls& calls) {
  CudaRun single{in_one_stage(run), {}, {}, false, true, run.workspace_bytes};
  if (!run.gpus.empty()) single.gpus = {run.gpus[static_cast<std::size_t>(run.only_stage.value_or(0))]};
  LocalWires wires;
  CudaPipeline pipeline(std::move(single), calls, wires);
  const DeviceScope scope(pipeline.gpu(0));
  const Stream stream = kernels::cuda::make_stream();
  for (std::size_t k = 0; k < run.micro_batches.size(); ++k) {
    schedule::Op op;
    op.key.micro_batch = static_cast<int>(k);
    pipeline.compute(op, stream);
  }
  PPPLAN_CHECK(cudaStreamSynchronize(stream));
  return pipeline.logits();
}

}  // namespace ppplan::exec::cuda

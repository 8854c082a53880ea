#include "exec/host_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <string>

#include "exec/activation_pool.h"
#include "exec/cores.h"
#include "exec/host_stage.h"
#include "exec/machine_memory.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using input::InputError;
using kernels::host::Buffer;
using kernels::host::LayerBatch;
using kernels::host::LayerShape;

LayerBatch layer_batch(const spec::BatchShape& shape) { return {shape.sequences, shape.new_tokens, shape.past_tokens}; }

// What one stage holds besides its layers. The maps from micro-batches to buffers are written by one op and read by a
// later one that the schedule makes wait for it.
struct StagePlace {
  StagePlace(const HostRun& run, std::size_t index, const StageLimits& limits)
      : first(index == 0),
        last(index + 1 == run.stages.size()),
        stage(run.model, run.stages[index], limits, run.seed),
        pool(static_cast<std::size_t>(limits.rows) * static_cast<std::size_t>(run.model.hidden)),
        input_of(run.micro_batches.size(), nullptr),
        output_of(run.micro_batches.size(), nullptr) {
    for (const auto& [root, size] : kv_sizes(run.micro_batches)) {
      kv.emplace(root, KvSet(stage.shapes(), stage.first_layer(), size, run.seed, root));
    }
    if (index == 0) return;
    for (std::size_t slot = 0; slot < receive_slots(run); ++slot) {
      received.emplace_back(static_cast<std::size_t>(limits.rows) * static_cast<std::size_t>(run.model.hidden));
    }
  }

  bool first;  // of the pipeline
  bool last;
  HostStage stage;
  std::map<int, KvSet> kv;        // by first micro-batch of the chain
  std::vector<Buffer> received;   // [receive buffer of the edge into this stage]
  ActivationPool pool;            // outputs that were not sent yet
  std::vector<float*> input_of;   // [micro-batch]
  std::vector<float*> output_of;  // [micro-batch]
  RunTime compute_time;           // of all ops so far
};

}  // namespace

struct HostBackend::State {
  explicit State(HostRun from) : run(std::move(from)), roots(chain_roots(run.micro_batches)) {
    check_stages(run);
    require_memory(run.model.name, "weights and caches", host_bytes(run));
    if (run.cores.empty()) run.cores = allowed_cores();
    const StageLimits limits = stage_limits(run.micro_batches);
    for (std::size_t s = 0; s < run.stages.size(); ++s) {
      places.push_back(run.holds(static_cast<int>(s)) ? std::make_unique<StagePlace>(run, s, limits) : nullptr);
    }
    clear();
  }

  void clear() {
    const std::size_t count = run.micro_batches.size();
    outputs.assign(count, {});
    logits.assign(count, {});
    sampled.assign(count, {});
    returned.assign(count, {});
    has_returned = std::make_unique<std::atomic<bool>[]>(count);
    for (auto& place : places) {
      if (!place) continue;
      place->pool.reset();
      place->compute_time = {};
    }
    for (std::size_t index = 0; index < count; ++index) {
      const spec::BatchShape& shape = run.micro_batches[index].shape;
      if (!shape.samples) continue;
      // Room is made here, so that no compute op pays for it.
      const auto rows = static_cast<std::size_t>(shape.sequences);
      logits[index].assign(rows * static_cast<std::size_t>(run.model.vocabulary), 0.0f);
      sampled[index].assign(rows, 0);
      returned[index].assign(rows, 0);
    }
  }

  StagePlace& place(int stage) {
    if (stage < 0 || stage >= static_cast<int>(places.size())) {
      throw InputError("schedule", "", fmt::format("stages below {}", places.size()), std::to_string(stage));
    }
    if (!places[static_cast<std::size_t>(stage)]) {
      throw InputError("schedule", "", fmt::format("operations of stage {}", *run.only_stage), std::to_string(stage));
    }
    return *places[static_cast<std::size_t>(stage)];
  }

  std::vector<int> tokens_of(std::size_t index) const {
    const auto previous = sampled_before(run, index);
    if (!previous) return drawn_tokens(run, index);
    if (places.size() == 1) return sampled[*previous];
    if (has_returned[*previous].load(std::memory_order_acquire)) return returned[*previous];
    refuse_without_return(*previous, index);
  }

  void forward(StagePlace& place, std::size_t index) {
    const spec::BatchShape& shape = run.micro_batches[index].shape;
    float* out = place.pool.acquire();
    const float* in = place.input_of[index];
    if (place.first) {
      place.stage.embed(tokens_of(index), out);
      in = out;
    }
    place.stage.run_layers(layer_batch(shape), place.kv.at(roots[index]), in, out);
    place.output_of[index] = out;
    if (!place.last) return;
    if (shape.samples) {
      place.stage.sample(layer_batch(shape), out, logits[index].data(), sampled[index].data());
      outputs[index].swap(logits[index]);
    }
    place.pool.release(out);
  }

  // Of an activation.
  std::size_t floats_of(std::size_t index) const {
    return static_cast<std::size_t>(run.micro_batches[index].shape.tokens() * run.model.hidden);
  }

  float* buffer(StagePlace& to, int slot) const {
    if (slot < static_cast<int>(to.received.size())) return to.received[static_cast<std::size_t>(slot)].data();
    refuse_slot(run);
  }

  HostRun run;
  std::vector<int> roots;
  std::vector<std::unique_ptr<StagePlace>> places;  // [stage]
  std::vector<Logits> outputs;                      // [micro-batch]
  std::vector<Logits> logits;                       // [micro-batch]: room for what will become outputs
  std::vector<std::vector<int>> sampled;            // [micro-batch], on the last stage
  std::vector<std::vector<int>> returned;           // [micro-batch], on the first stage
  std::unique_ptr<std::atomic<bool>[]> has_returned;
};

HostBackend::HostBackend(HostRun run) : state_(std::make_unique<State>(std::move(run))) {}
HostBackend::~HostBackend() = default;

void HostBackend::enter_lane(int device, const schedule::Lane&) {
  const std::vector<int>& cores = state_->run.cores;
  pin_to_core(cores[static_cast<std::size_t>(device) % cores.size()]);
}

void HostBackend::compute(schedule::OpId, const schedule::Op& op) {
  if (op.key.kind != traces::OpKind::forward) {
    throw InputError(fmt::format("schedule: expected forward operations on the host backend, found '{}'",
                                 traces::name(op.key.kind)));
  }
  StagePlace& place = state_->place(op.key.stage);
  const RunTime start = thread_time();
  state_->forward(place, micro_batch_of(state_->run, op.key));
  place.compute_time += thread_time() - start;
}

void HostBackend::transfer(schedule::OpId id, const schedule::Op& send, const schedule::Op& recv, int slot) {
  const std::span<const std::byte> message = outgoing(id, send);
  const std::span<std::byte> to = incoming(recv, slot);
  std::memcpy(to.data(), message.data(), message.size());
  received(recv, slot);
  sent(send);
}

std::span<const std::byte> HostBackend::outgoing(schedule::OpId, const schedule::Op& send) {
  const std::size_t index = micro_batch_of(state_->run, send.key);
  if (returns_tokens(send)) return std::as_bytes(std::span(state_->sampled[index]));
  return std::as_bytes(std::span(state_->place(send.device).output_of[index], state_->floats_of(index)));
}

void HostBackend::sent(const schedule::Op& send) {
  if (returns_tokens(send)) return;
  StagePlace& from = state_->place(send.device);
  from.pool.release(from.output_of[micro_batch_of(state_->run, send.key)]);
}

std::span<std::byte> HostBackend::incoming(const schedule::Op& recv, int slot) {
  const std::size_t index = micro_batch_of(state_->run, recv.key);
  if (returns_tokens(recv)) return std::as_writable_bytes(std::span(state_->returned[index]));
  return std::as_writable_bytes(std::span(state_->buffer(state_->place(recv.device), slot), state_->floats_of(index)));
}

void HostBackend::received(const schedule::Op& recv, int slot) {
  const std::size_t index = micro_batch_of(state_->run, recv.key);
  if (returns_tokens(recv)) {
    state_->has_returned[index].store(true, std::memory_order_release);
    return;
  }
  StagePlace& to = state_->place(recv.device);
  to.input_of[index] = state_->buffer(to, slot);
}

void HostBackend::reset() { state_->clear(); }

const std::vector<Logits>& HostBackend::outputs() const { return state_->outputs; }

std::vector<RunTime> HostBackend::compute_times() const {
  std::vector<RunTime> times;
  for (const auto& place : state_->places) times.push_back(place ? place->compute_time : RunTime{});
  return times;
}

std::vector<Logits> one_device_outputs(const HostRun& run) {
  HostRun single{in_one_stage(run), run.cores};
  HostBackend backend(std::move(single));
  for (std::size_t index = 0; index < run.micro_batches.size(); ++index) {
    schedule::Op op;
    op.key.micro_batch = static_cast<int>(index);
    backend.compute(static_cast<schedule::OpId>(index), op);
  }
  return backend.outputs();
}

std::int64_t host_bytes(const HostRun& run) {
  std::vector<LayerShape> shapes;
  std::size_t floats = 2 * static_cast<std::size_t>(run.model.vocabulary) * static_cast<std::size_t>(run.model.hidden);
  for (std::size_t layer = 0; layer < run.model.layers.size(); ++layer) {
    shapes.push_back(layer_shape(run.model, static_cast<int>(layer)));
    floats += layer_floats(shapes.back());
  }
  for (const auto& [root, size] : kv_sizes(run.micro_batches)) floats += KvSet::floats(shapes, size);
  return static_cast<std::int64_t>(floats * sizeof(float));
}

}  // namespace ppplan::exec

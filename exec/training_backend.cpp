#include "exec/training_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "exec/activation_pool.h"
#include "exec/cores.h"
#include "exec/machine_memory.h"
#include "exec/training_layout.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using input::InputError;
using kernels::host::Buffer;
using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// What reaches a stage for one micro-batch. Written by one op and read by a later one that the schedule makes wait.
struct Arrivals {
  const float* input = nullptr;     // output of the stage before
  const float* gradient = nullptr;  // gradient of the stage's own output
  float* outgoing = nullptr;        // gradient of the stage's input, until the stage before has it
};

struct Device {
  explicit Device(std::size_t floats) : outbox(floats) {}
  kernels::host::BufferPool activations;
  ActivationPool outbox;  // gradients that are to leave their stage
};

}  // namespace

struct TrainingBackend::State {
  State(const TrainingRun& from, const schedule::Schedule& schedule, int replica_index)
      : run(from), order(training_order(schedule)), links(neighbours(order)), replica(replica_index) {
    if (run.cores.empty()) run.cores = allowed_cores();
    require_memory(run.model.name, "weights, gradients and optimizer state", training_bytes(run, order.pipes.size()));
    floats = at(run.batch().rows()) * at(run.model.hidden);
    const std::vector<spec::Stage> parts = order_stages(run, order);
    for (std::size_t d = 0; d < order.ranks.size(); ++d) devices.push_back(std::make_unique<Device>(floats));
    for (std::size_t s = 0; s < parts.size(); ++s) {
      stages.push_back(std::make_unique<TrainingStage>(run, parts[s], order.micro_batches, device_of(s).activations));
    }
    arrivals.resize(parts.size() * at(order.micro_batches));
    bytes.resize(parts.size());
    make_edges(schedule);
  }

  void make_edges(const schedule::Schedule& schedule) {
    for (std::size_t device = 0; device < schedule.devices.size(); ++device) {
      for (const schedule::Lane& lane : schedule.devices[device].lanes) {
        if (lane.kind != schedule::LaneKind::recv) continue;
        const std::size_t slots = schedule.receive_buffers > 0 ? at(schedule.receive_buffers) : lane.ops.size();
        auto& edge = edges[{lane.peer, static_cast<int>(device)}];
        while (edge.size() < slots) edge.emplace_back(floats);
      }
    }
  }

  Device& device_of(std::size_t stage) { return *devices[at(order.rank_of[stage])]; }
  void check(int stage, int micro_batch) const {
    if (stage < 0 || at(stage) >= stages.size() || micro_batch < 0 || micro_batch >= order.micro_batches) {
      throw InputError(fmt::format("schedule: expected {} stages and {} micro-batches as in the backend's, found more",
                                   stages.size(), order.micro_batches));
    }
  }
  Arrivals& arrived(int stage, int micro_batch) {
    return arrivals[at(stage) * at(order.micro_batches) + at(micro_batch)];
  }
  bool is_local(int stage, int other) const { return order.rank_of[at(stage)] == order.rank_of[at(other)]; }

  const float* require(const float* values, const char* what, int stage, int micro_batch) const {
    if (values != nullptr) return values;
    throw InputError(fmt::format("schedule: expected {} of micro-batch {} on stage {} to wait for its input", what,
                                 micro_batch, stage));
  }

  void forward(int stage, int micro_batch) {
    check(stage, micro_batch);
    const int previous = links[at(stage)].previous;
    const float* x = nullptr;
    if (previous >= 0) {
      const bool there = is_local(stage, previous) && stages[at(previous)]->holds(micro_batch);
      x = there ? stages[at(previous)]->output(micro_batch) : arrived(stage, micro_batch).input;
      require(x, "the forward", stage, micro_batch);
    }
    const kernels::host::BufferPool& pool = device_of(at(stage)).activations;
    const std::int64_t before = pool.live_bytes();
    stages[at(stage)]->forward(micro_batch, x, samples[at(micro_batch)], loss_scale);
    bytes[at(stage)].kept_by_forward = pool.live_bytes() - before;
  }

  void input_gradient(int stage, int micro_batch) {
    check(stage, micro_batch);
    Arrivals& here = arrived(stage, micro_batch);
    const int next = links[at(stage)].next, previous = links[at(stage)].previous;
    const float* gradient = nullptr;
    if (next >= 0) {
      gradient = is_local(stage, next) ? arrived(next, micro_batch).outgoing : here.gradient;
      require(gradient, "the input gradient", stage, micro_batch);
    }
    Device& device = device_of(at(stage));
    const std::int64_t before = device.activations.live_bytes();
    stages[at(stage)]->backward_input(micro_batch, gradient);
    bytes[at(stage)].freed_by_input_gradient = before - device.activations.live_bytes();
    if (next >= 0 && is_local(stage, next)) give_up(next, micro_batch);
    if (previous < 0) return;
    here.outgoing = device.outbox.acquire();
    std::memcpy(here.outgoing, stages[at(stage)]->input_gradient(micro_batch), floats * sizeof(float));
  }

  void give_up(int stage, int micro_batch) {
    float*& outgoing = arrived(stage, micro_batch).outgoing;
    device_of(at(stage)).outbox.release(std::exchange(outgoing, nullptr));
  }

  void weight_gradient(int stage, int micro_batch) {
    check(stage, micro_batch);
    stages[at(stage)]->backward_weight(micro_batch);
  }

  void backward(int stage, int micro_batch) {
    input_gradient(stage, micro_batch);
    weight_gradient(stage, micro_batch);
  }

  void pass_on(const schedule::Op& send, const schedule::Op& recv, int slot) {
    const int stage = send.key.stage, micro_batch = send.key.micro_batch;
    check(stage, micro_batch);
    auto& edge = edges.at({send.device, recv.device});
    float* to = edge.at(at(slot)).data();
    if (send.key.kind == OpKind::send) {
      std::memcpy(to, stages[at(stage)]->output(micro_batch), floats * sizeof(float));
      arrived(links[at(stage)].next, micro_batch).input = to;
      return;
    }
    const float* outgoing = arrived(stage, micro_batch).outgoing;
    std::memcpy(to, require(outgoing, "the sent gradient", stage, micro_batch), floats * sizeof(float));
    arrived(links[at(stage)].previous, micro_batch).gradient = to;
    give_up(stage, micro_batch);
  }

  TrainingRun run;
  schedule::TrainingOrder order;
  std::vector<schedule::Neighbours> links;
  int replica = 0;
  std::size_t floats = 0;                                    // of an output
  float loss_scale = 0;                                      // 1 over the rows of a step
  std::vector<std::unique_ptr<Device>> devices;              // [device], before the stages that draw on them
  std::vector<std::unique_ptr<TrainingStage>> stages;        // [stage]
  std::vector<Arrivals> arrivals;                            // [stage x micro-batch]
  std::vector<ActivationBytes> bytes;                        // [stage]
  std::vector<Samples> samples;                              // [micro-batch]
  std::map<std::pair<int, int>, std::vector<Buffer>> edges;  // [from, to][receive buffer]
};

TrainingBackend::TrainingBackend(const TrainingRun& run, const schedule::Schedule& schedule, int replica)
    : state_(std::make_unique<State>(run, schedule, replica)) {}
TrainingBackend::~TrainingBackend() = default;

void TrainingBackend::enter_lane(int device, const schedule::Lane&) {
  const std::vector<int>& cores = state_->run.cores;
  const std::size_t rank = at(state_->replica) * state_->devices.size() + at(device);
  pin_to_core(cores[rank % cores.size()]);
}

void TrainingBackend::compute(schedule::OpId, const schedule::Op& op) {
  const int stage = op.key.stage, micro_batch = op.key.micro_batch;
  switch (op.key.kind) {
    case OpKind::forward:
      return state_->forward(stage, micro_batch);
    case OpKind::backward_input:
      return state_->input_gradient(stage, micro_batch);
    case OpKind::backward_weight:
      return state_->weight_gradient(stage, micro_batch);
    case OpKind::backward:
      return state_->backward(stage, micro_batch);
    case OpKind::forward_backward:
      state_->forward(stage, micro_batch);
      return state_->backward(op.with.value().stage, op.with->micro_batch);
    default:
      throw InputError(fmt::format("schedule: expected forwards and gradients, found '{}'", traces::name(op.key.kind)));
  }
}

void TrainingBackend::transfer(schedule::OpId, const schedule::Op& send, const schedule::Op& recv, int slot) {
  state_->pass_on(send, recv, slot);
}

void TrainingBackend::begin_step(int step) {
  State& s = *state_;
  const int count = s.order.micro_batches;
  s.loss_scale = 1.0f / static_cast<float>(s.run.batch().rows() * count * s.run.replicas);
  s.samples.clear();
  for (int k = 0; k < count; ++k) s.samples.push_back(drawn_samples(s.run, step, s.replica * count + k));
  std::fill(s.arrivals.begin(), s.arrivals.end(), Arrivals{});
  for (auto& stage : s.stages) stage->clear_gradients();
  for (auto& device : s.devices) device->activations.reset_peak();
}

std::vector<double> TrainingBackend::losses() const {
  std::vector<double> out;
  for (int k = 0; k < state_->order.micro_batches; ++k) {
    const int last = state_->order.pipes[at(state_->order.pipe_of[at(k)])].back();
    out.push_back(state_->stages[at(last)]->loss(k));
  }
  return out;
}

std::vector<Parameter*> TrainingBackend::parameters() {
  std::vector<Parameter*> out;
  for (const auto& pipe : state_->order.pipes) {
    for (const int stage : pipe) {
      for (Parameter& parameter : state_->stages[at(stage)]->parameters()) out.push_back(&parameter);
    }
  }
  return out;
}

void TrainingBackend::update(const kernels::host::AdamW& optimizer, int step) {
  for (auto& stage : state_->stages) stage->update(optimizer, step);
}

const schedule::TrainingOrder& TrainingBackend::order() const { return state_->order; }

std::vector<std::int64_t> TrainingBackend::peak_activation_bytes() const {
  std::vector<std::int64_t> out;
  for (const auto& device : state_->devices) out.push_back(device->activations.peak_bytes());
  return out;
}

std::vector<ActivationBytes> TrainingBackend::activation_bytes() const { return state_->bytes; }

}  // namespace ppplan::exec

#include "exec/training.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "exec/groups/thread_world.h"

namespace ppplan::exec {

namespace {

using kernels::host::Buffer;

constexpr double kDeadline_s = 600;  // for the slowest replica to come to the sum

// First array of each name, in the order of the list.
std::vector<Parameter*> firsts(const std::vector<Parameter*>& parameters) {
  std::vector<Parameter*> out;
  for (Parameter* parameter : parameters) {
    const auto same = [&](const Parameter* other) { return other->name == parameter->name; };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(parameter);
  }
  return out;
}

void copy_gradients(const std::vector<Parameter*>& parameters) {
  std::map<std::string, const Parameter*> first;
  for (Parameter* parameter : parameters) {
    const Parameter* from = first.emplace(parameter->name, parameter).first->second;
    if (from != parameter) std::copy_n(from->gradient.data(), from->gradient.size(), parameter->gradient.data());
  }
}

void sum_replicas(Group& group, const std::vector<Parameter*>& parameters) {
  for (Parameter* parameter : firsts(parameters)) {
    const std::span<float> values(parameter->gradient.data(), parameter->gradient.size());
    group.all_reduce(std::as_writable_bytes(values), DataType::fp32, Reduction::sum);
  }
  copy_gradients(parameters);
}

}  // namespace

void sum_copies(const std::vector<Parameter*>& parameters) {
  std::map<std::string, Parameter*> first;
  for (Parameter* parameter : parameters) {
    Parameter* into = first.emplace(parameter->name, parameter).first->second;
    if (into == parameter) continue;
    float* sum = into->gradient.data();
    kernels::host::operations().add(sum, parameter->gradient.data(), into->gradient.size(), sum);
  }
  copy_gradients(parameters);
}

NamedArrays named_weights(const std::vector<Parameter*>& parameters) {
  NamedArrays out;
  for (const Parameter* parameter : parameters) {
    out.try_emplace(parameter->name, parameter->weights.begin(), parameter->weights.end());
  }
  return out;
}

NamedArrays named_gradients(const std::vector<Parameter*>& parameters) {
  NamedArrays out;
  for (const Parameter* parameter : parameters) {
    const Buffer& gradient = parameter->gradient;
    out.try_emplace(parameter->name, gradient.data(), gradient.data() + gradient.size());
  }
  return out;
}

Training::Training(TrainingRun run, schedule::Schedule schedule, const kernels::host::AdamW& optimizer)
    : run_(std::move(run)), schedule_(std::move(schedule)), optimizer_(optimizer) {
  for (int replica = 0; replica < run_.replicas; ++replica) {
    backends_.push_back(std::make_unique<TrainingBackend>(run_, schedule_, replica));
  }
}

TrainingStep Training::step() {
  TrainingStep out;
  ++steps_;
  out.timelines.resize(backends_.size());
  std::vector<std::exception_ptr> failures(backends_.size());
  std::vector<std::unique_ptr<groups::World>> worlds = groups::thread_worlds(run_.replicas, kDeadline_s);
  std::vector<int> ranks(backends_.size());
  for (std::size_t r = 0; r < ranks.size(); ++r) ranks[r] = static_cast<int>(r);
  const auto replica = [&](std::size_t r) {
    const std::unique_ptr<groups::World> world = std::move(worlds[r]);  // ends with this replica, whatever happens
    try {
      TrainingBackend& backend = *backends_[r];
      const std::unique_ptr<Group> group = world->group("DP", ranks);
      backend.begin_step(steps_);
      out.timelines[r] = run_schedule(schedule_, backend);
      const std::vector<Parameter*> parameters = backend.parameters();
      sum_copies(parameters);
      sum_replicas(*group, parameters);
      backend.update(optimizer_, steps_);
    } catch (...) {
      failures[r] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t r = 0; r < backends_.size(); ++r) threads.emplace_back(replica, r);
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  double sum = 0;
  int rows = 0;
  for (const auto& backend : backends_) {
    double of_replica = 0;
    for (const double loss : backend->losses()) of_replica += loss;
    sum += of_replica;
    rows += run_.batch().rows() * backend->order().micro_batches;
  }
  out.loss = sum / rows;
  out.gradients = named_gradients(backends_.front()->parameters());
  return out;
}

NamedArrays Training::weights() { return named_weights(backends_.front()->parameters()); }

bool Training::copies_agree() {
  const NamedArrays expected = weights();
  for (const auto& backend : backends_) {
    for (const Parameter* parameter : backend->parameters()) {
      if (!std::ranges::equal(parameter->weights, expected.at(parameter->name))) return false;
    }
  }
  return true;
}

}  // namespace ppplan::exec

#include "exec/one_device_training.h"

#include <algorithm>

#include "exec/training_layout.h"

namespace ppplan::exec {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

spec::Stage whole(const spec::ModelSpec& model) {
  spec::Stage stage;
  stage.end_layer = static_cast<int>(model.layers.size());
  stage.embedding = true;
  stage.head = true;
  return stage;
}

void add(NamedArrays& sums, const std::string& name, const std::vector<float>& values) {
  const auto [sum, first] = sums.try_emplace(name, values);
  if (first) return;
  for (std::size_t i = 0; i < values.size(); ++i) sum->second[i] += values[i];
}

}  // namespace

OneDeviceTraining::OneDeviceTraining(const TrainingRun& run, const schedule::TrainingOrder& order,
                                     const kernels::host::AdamW& optimizer)
    : run_(run),
      order_(order),
      optimizer_(optimizer),
      parts_(order_stages(run, order)),
      stage_(run, whole(run.model), order.micro_batches, pool_),
      losses_(at(order.micro_batches), 0.0) {}

// Stages that add up in the same order share a pass.
std::vector<OneDeviceTraining::Pass> OneDeviceTraining::passes(const std::vector<int>& pipe) const {
  const std::vector<std::vector<int>> sums = accumulation_order(order_);
  std::vector<Pass> out;
  for (const int stage : pipe) {
    const auto same = [&](const Pass& pass) { return pass.micro_batches == sums[at(stage)]; };
    auto pass = std::find_if(out.begin(), out.end(), same);
    if (pass == out.end()) pass = out.insert(pass, {sums[at(stage)], {}});
    pass->stages.push_back(stage);
  }
  return out;
}

void OneDeviceTraining::run_pass(const Pass& pass, int replica) {
  const int count = order_.micro_batches;
  const float scale = 1.0f / static_cast<float>(run_.batch().rows() * count * run_.replicas);
  stage_.clear_gradients();
  for (const int k : pass.micro_batches) {
    stage_.forward(k, nullptr, drawn_samples(run_, steps_, replica * count + k), scale);
    losses_[at(k)] = stage_.loss(k);
    stage_.backward_input(k, nullptr);
    stage_.backward_weight(k);
  }
}

// Parameters of the one stage are the embedding, the layers, the final norm and the head.
bool OneDeviceTraining::trains(const std::vector<int>& stages, std::size_t parameter) const {
  const std::size_t layers = run_.model.layers.size();
  return std::ranges::any_of(stages, [&](int index) {
    const spec::Stage& stage = parts_[at(index)];
    if (parameter == 0) return stage.embedding;
    if (parameter > layers) return stage.head;
    return parameter - 1 >= at(stage.first_layer) && parameter - 1 < at(stage.end_layer);
  });
}

NamedArrays OneDeviceTraining::replica_gradients(int replica) {
  NamedArrays sums;
  const std::vector<Parameter>& parameters = stage_.parameters();
  for (const auto& pipe : order_.pipes) {
    std::vector<std::vector<float>> of_pipe(parameters.size());
    for (const Pass& pass : passes(pipe)) {
      run_pass(pass, replica);
      for (std::size_t p = 0; p < parameters.size(); ++p) {
        const float* gradient = parameters[p].gradient.data();
        if (trains(pass.stages, p)) of_pipe[p].assign(gradient, gradient + parameters[p].gradient.size());
      }
    }
    for (std::size_t p = 0; p < parameters.size(); ++p) add(sums, parameters[p].name, of_pipe[p]);
  }
  return sums;
}

TrainingStep OneDeviceTraining::step() {
  TrainingStep out;
  ++steps_;
  double sum = 0;
  for (int replica = 0; replica < run_.replicas; ++replica) {
    for (const auto& [name, values] : replica_gradients(replica)) add(out.gradients, name, values);
    double of_replica = 0;
    for (const double loss : losses_) of_replica += loss;
    sum += of_replica;
  }
  out.loss = sum / (run_.batch().rows() * order_.micro_batches * run_.replicas);
  for (Parameter& parameter : stage_.parameters()) {
    std::ranges::copy(out.gradients.at(parameter.name), parameter.gradient.data());
  }
  stage_.update(optimizer_, steps_);
  return out;
}

NamedArrays OneDeviceTraining::weights() {
  std::vector<Parameter*> parameters;
  for (Parameter& parameter : stage_.parameters()) parameters.push_back(&parameter);
  return named_weights(parameters);
}

}  // namespace ppplan::exec

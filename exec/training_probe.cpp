#include "exec/training_probe.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <utility>

#include "exec/cores.h"
#include "exec/sample_statistics.h"
#include "exec/training_stage.h"

namespace ppplan::exec {

namespace {

using kernels::host::Buffer;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> seconds) { return quantile(std::move(seconds), 0.5); }

struct Measured {
  schedule::StageTraining stage;
  double released = 0;  // part of the activations that the input gradient frees
};

Measured measure(const TrainingRun& run, const spec::Stage& part, int repeats) {
  kernels::host::BufferPool pool;
  TrainingStage stage(run, part, 1, pool);
  const std::size_t floats = static_cast<std::size_t>(run.batch().rows()) * static_cast<std::size_t>(run.model.hidden);
  Buffer x(floats), gradient(floats), message(floats);
  std::fill_n(x.data(), floats, 0.5f);
  std::fill_n(gradient.data(), floats, 1e-3f);
  const Samples samples = drawn_samples(run, 0, 0);
  std::vector<double> forward, input, weight, send;
  Measured out;
  for (int r = -1; r < repeats; ++r) {  // the first touches memory for the first time and is not counted
    const double forward_s = seconds_of([&] { stage.forward(0, x.data(), samples, 1e-3f); });
    const std::int64_t kept = pool.live_bytes();
    const double input_s = seconds_of([&] { stage.backward_input(0, gradient.data()); });
    out.stage.activation = static_cast<double>(kept);
    out.released = 1 - static_cast<double>(pool.live_bytes()) / static_cast<double>(kept);
    const double weight_s = seconds_of([&] { stage.backward_weight(0); });
    const double send_s = seconds_of([&] { std::memcpy(message.data(), x.data(), floats * sizeof(float)); });
    if (r < 0) continue;
    forward.push_back(forward_s);
    input.push_back(input_s);
    weight.push_back(weight_s);
    send.push_back(send_s);
  }
  out.stage.forward_s = median(forward);
  out.stage.backward_input_s = median(input);
  out.stage.backward_weight_s = median(weight);
  out.stage.send_s = median(send);
  return out;
}

}  // namespace

schedule::TrainingCosts measured_training_costs(const TrainingRun& run, const schedule::TrainingOrder& order,
                                                int repeats) {
  const std::vector<spec::Stage> parts = order_stages(run, order);
  const std::vector<int> allowed = run.cores.empty() ? allowed_cores() : run.cores;
  std::vector<int> cores;
  for (std::size_t device = 0; device < order.ranks.size(); ++device) cores.push_back(allowed[device % allowed.size()]);
  std::vector<Measured> measured(parts.size());
  on_cores(cores, [&](std::size_t device) {
    for (std::size_t s = 0; s < parts.size(); ++s) {
      if (order.rank_of[s] == static_cast<int>(device)) measured[s] = measure(run, parts[s], repeats);
    }
  });
  schedule::TrainingCosts costs;
  costs.released_by_input_gradient = 1;
  for (const Measured& m : measured) {
    costs.stages.push_back(m.stage);
    costs.released_by_input_gradient = std::min(costs.released_by_input_gradient, m.released);
  }
  return costs;
}

}  // namespace ppplan::exec

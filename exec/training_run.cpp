#include "exec/training_run.h"

#include <fmt/format.h>

#include "exec/host_weights.h"
#include "exec/seeded_values.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using input::InputError;

constexpr std::uint64_t kSamples = 7;  // a name below the seed, besides those of the serving backend

}  // namespace

std::vector<int> even_partition(std::size_t layers, std::size_t stages) {
  std::vector<int> out;
  for (std::size_t s = 0; s < stages; ++s) out.push_back(static_cast<int>(layers / stages + (s < layers % stages)));
  return out;
}

Samples drawn_samples(const TrainingRun& run, int step, int index) {
  const std::uint64_t numbers =
      stream(run.seed, {kSamples, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(index)});
  Samples samples;
  std::uint64_t next = 0;
  for (int sequence = 0; sequence < run.sequences; ++sequence) {
    for (int token = 0; token <= run.tokens; ++token) {
      const int drawn = static_cast<int>(value(numbers, next++) % static_cast<std::uint64_t>(run.model.vocabulary));
      if (token < run.tokens) samples.tokens.push_back(drawn);
      if (token > 0) samples.targets.push_back(drawn);
    }
  }
  return samples;
}

std::vector<spec::Stage> pipe_stages(const TrainingRun& run, std::size_t stages) {
  if (run.partition.size() != stages) {
    throw InputError("partition", "", fmt::format("{} stages as in the schedule's pipe", stages),
                     std::to_string(run.partition.size()));
  }
  std::vector<spec::Stage> out;
  int next = 0;
  for (const int layers : run.partition) {
    if (layers < 0) throw InputError("partition", "", "numbers of layers of at least 0", std::to_string(layers));
    spec::Stage& stage = out.emplace_back();
    stage.first_layer = next;
    stage.end_layer = next += layers;
  }
  if (next != static_cast<int>(run.model.layers.size())) {
    throw InputError("partition", "", fmt::format("{} layers over all stages", run.model.layers.size()),
                     std::to_string(next));
  }
  out.front().embedding = true;
  out.back().head = true;
  return out;
}

std::vector<spec::Stage> order_stages(const TrainingRun& run, const schedule::TrainingOrder& order) {
  std::vector<spec::Stage> out(order.rank_of.size());
  for (const auto& pipe : order.pipes) {
    const std::vector<spec::Stage> parts = pipe_stages(run, pipe.size());
    for (std::size_t position = 0; position < pipe.size(); ++position) {
      out[static_cast<std::size_t>(pipe[position])] = parts[position];
    }
  }
  return out;
}

std::int64_t training_bytes(const TrainingRun& run, std::size_t pipes) {
  const auto hidden = static_cast<std::size_t>(run.model.hidden);
  std::size_t floats = 2 * static_cast<std::size_t>(run.model.vocabulary) * hidden + hidden;
  for (std::size_t layer = 0; layer < run.model.layers.size(); ++layer) {
    floats += layer_floats(layer_shape(run.model, static_cast<int>(layer)));
  }
  constexpr std::size_t kArrays = 4;  // weights, gradients and two moments
  return static_cast<std::int64_t>(kArrays * sizeof(float) * floats * pipes * static_cast<std::size_t>(run.replicas));
}

}  // namespace ppplan::exec

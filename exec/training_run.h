// What a step of training on the host is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/host/layer.h"
#include "planner/schedule/training_order.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"

namespace ppplan::exec {

struct TrainingRun {
  spec::ModelSpec model;
  std::vector<int> partition;  // layers of each stage along a pipe; together all of the model's
  int sequences = 1;           // of a micro-batch
  int tokens = 1;              // of a sequence
  int replicas = 1;            // data-parallel copies, each with its own micro-batches
  std::uint64_t seed = 1;      // of weights and data
  std::vector<int> cores;      // [replica * devices + device] -> CPU, again and again; empty = the allowed CPUs
  kernels::host::LayerBatch batch() const { return {sequences, tokens, 0}; }
  bool operator==(const TrainingRun&) const = default;
};

/// `layers` over `stages`, the first ones one larger where they do not share out.
std::vector<int> even_partition(std::size_t layers, std::size_t stages);

/// Tokens and what follows each, [sequences * tokens].
struct Samples {
  std::vector<int> tokens;
  std::vector<int> targets;
};

/// Micro-batch `index` of a step, counted over all replicas; drawn from the seed.
Samples drawn_samples(const TrainingRun& run, int step, int index);

/// The layers and ends of a pipe's stages. Throws InputError unless the partition has `stages` entries of at least 0
/// that sum to the layers of the model.
std::vector<spec::Stage> pipe_stages(const TrainingRun& run, std::size_t stages);

/// Of every pipe of the order: the parts as above, by stage of the order. Throws InputError for pipes of different
/// lengths.
std::vector<spec::Stage> order_stages(const TrainingRun& run, const schedule::TrainingOrder& order);

/// Bytes of weights, gradients and optimizer state of a run of `pipes` copies on every replica; activations come on
/// top.
std::int64_t training_bytes(const TrainingRun& run, std::size_t pipes);

}  // namespace ppplan::exec

#include "exec/pipeline_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "exec/seeded_values.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using input::InputError;

constexpr std::uint64_t kTokens = 6;  // a name below the seed, besides those of host_weights.cpp and host_stage.cpp

}  // namespace

double logits_distance(const std::vector<Logits>& outputs, const std::vector<Logits>& expected) {
  constexpr double never = std::numeric_limits<double>::infinity();
  if (outputs.size() != expected.size()) return never;
  double largest = 0, apart = 0;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    if (outputs[k].size() != expected[k].size()) return never;
    for (std::size_t i = 0; i < expected[k].size(); ++i) {
      const double difference = std::abs(static_cast<double>(outputs[k][i]) - expected[k][i]);
      if (!std::isfinite(difference)) return never;
      largest = std::max(largest, std::abs(static_cast<double>(expected[k][i])));
      apart = std::max(apart, difference);
    }
  }
  return apart > 0 ? apart / largest : 0;
}

StageLimits stage_limits(const std::vector<MicroBatch>& micro_batches) {
  StageLimits limits;
  for (const MicroBatch& micro_batch : micro_batches) {
    limits.rows = std::max(limits.rows, micro_batch.shape.tokens());
    limits.sequences = std::max(limits.sequences, micro_batch.shape.sequences);
    limits.kv_tokens = std::max(limits.kv_tokens, micro_batch.shape.past_tokens + micro_batch.shape.new_tokens);
  }
  return limits;
}

std::map<int, KvSize> kv_sizes(const std::vector<MicroBatch>& micro_batches) {
  const std::vector<int> roots = chain_roots(micro_batches);
  std::map<int, KvSize> sizes;
  for (std::size_t index = 0; index < micro_batches.size(); ++index) {
    const spec::BatchShape& shape = micro_batches[index].shape;
    const bool first = roots[index] == static_cast<int>(index);
    KvSize& size = sizes[roots[index]];
    if (first) size = {shape.sequences, 0, shape.past_tokens};
    size.capacity = std::max(size.capacity, shape.past_tokens + shape.new_tokens);
  }
  return sizes;
}

CacheUse cache_use(const PipelineRun& run) {
  if (!run.unrelated) return {chain_roots(run.micro_batches), kv_sizes(run.micro_batches)};
  CacheUse use;
  for (const MicroBatch& micro_batch : run.micro_batches) {
    const spec::BatchShape& shape = micro_batch.shape;
    use.chain.push_back(shape.new_tokens == 1 ? 1 : 0);
    KvSize& size = use.sizes[use.chain.back()];
    size.sequences = std::max(size.sequences, shape.sequences);
    size.capacity = size.past_tokens = std::max(size.capacity, shape.past_tokens + shape.new_tokens);
  }
  return use;
}

std::size_t receive_slots(const PipelineRun& run) {
  return run.receive_buffers > 0 ? static_cast<std::size_t>(run.receive_buffers) : run.micro_batches.size();
}

void refuse_slot(const PipelineRun& run) {
  throw InputError(fmt::format("schedule: expected {} receive buffers as in the run, found more", run.receive_buffers));
}

void check_stages(const PipelineRun& run) {
  const auto layers = static_cast<int>(run.model.layers.size());
  int next = 0;
  for (std::size_t s = 0; s < run.stages.size(); ++s) {
    const spec::Stage& stage = run.stages[s];
    const std::string place = fmt::format("/{}", s);
    if (stage.first_layer != next || stage.end_layer < next || stage.end_layer > layers) {
      throw InputError("stages", place, fmt::format("layers of {} from {} on", layers, next),
                       fmt::format("[{}, {})", stage.first_layer, stage.end_layer));
    }
    next = stage.end_layer;
    if (stage.embedding != (s == 0) || stage.head != (s + 1 == run.stages.size())) {
      throw InputError("stages", place, "the embedding on the first stage and the head on the last", "another place");
    }
  }
  if (next != layers) {
    throw InputError("stages", "", fmt::format("{} layers over all stages", layers), std::to_string(next));
  }
}

std::size_t micro_batch_of(const PipelineRun& run, const traces::OpKey& key) {
  if (key.micro_batch < 0 || key.micro_batch >= static_cast<int>(run.micro_batches.size())) {
    throw InputError("schedule", "", fmt::format("micro-batches below {}", run.micro_batches.size()),
                     std::to_string(key.micro_batch));
  }
  if (key.replica != 0 || key.chunk != 0) {
    throw InputError("schedule: expected one replica and one chunk a device, found more");
  }
  return static_cast<std::size_t>(key.micro_batch);
}

bool returns_tokens(const schedule::Op& op) { return op.key.kind == traces::OpKind::token_return; }

std::vector<int> drawn_tokens(const PipelineRun& run, std::size_t index) {
  const std::uint64_t numbers = stream(run.seed, {kTokens, index});
  std::vector<int> tokens(static_cast<std::size_t>(run.micro_batches[index].shape.tokens()));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int>(value(numbers, i) % static_cast<std::uint64_t>(run.model.vocabulary));
  }
  return tokens;
}

std::optional<std::size_t> sampled_before(const PipelineRun& run, std::size_t index) {
  const MicroBatch& micro_batch = run.micro_batches[index];
  if (micro_batch.continues < 0 || micro_batch.shape.new_tokens != 1) return std::nullopt;
  const auto previous = static_cast<std::size_t>(micro_batch.continues);
  if (!run.micro_batches[previous].shape.samples) return std::nullopt;
  return previous;
}

void refuse_without_return(std::size_t previous, std::size_t index) {
  throw InputError(fmt::format(
      "schedule: expected a token return of micro-batch {} before micro-batch {} starts, found none", previous, index));
}

PipelineRun in_one_stage(const PipelineRun& run) {
  PipelineRun single = run;
  spec::Stage whole;
  whole.end_layer = static_cast<int>(run.model.layers.size());
  whole.embedding = true;
  whole.head = true;
  single.stages = {whole};
  single.only_stage.reset();
  return single;
}

}  // namespace ppplan::exec

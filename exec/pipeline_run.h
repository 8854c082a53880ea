// What a run of a serving pipeline asks of every backend: its stages cover the model in order, micro-batches continue
// each other, and tokens and caches follow from the seed alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "exec/micro_batches.h"
#include "planner/schedule/schedule.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"

namespace ppplan::exec {

struct PipelineRun {
  spec::ModelSpec model;
  std::vector<spec::Stage> stages;        // layer ranges and ends; replica 0
  std::vector<MicroBatch> micro_batches;  // by micro-batch index of the schedule
  int receive_buffers = 2;                // of the schedule; 0 = unbounded
  std::uint64_t seed = 1;
  std::optional<int> only_stage = {};  // the one stage that this process holds; unset = all of them
  /// Micro-batches that are measured one by one and don't follow each other: those of one new token look back on one
  /// set of sequences, all others on another, and every past token is there.
  bool unrelated = false;
  bool holds(int stage) const { return !only_stage || *only_stage == stage; }
};

/// Logits of the last token of every sequence of a micro-batch that samples, [sequences, vocabulary] row-major.
using Logits = std::vector<float>;

/// Largest difference of a logit, as a fraction of the largest expected one; infinite where one is not finite, a size
/// differs, or nothing but zeros was expected and something else came.
double logits_distance(const std::vector<Logits>& outputs, const std::vector<Logits>& expected);

/// The largest batch that a stage will see.
struct StageLimits {
  int rows = 1;
  int sequences = 1;
  int kv_tokens = 1;  // past and new tokens of one sequence
};
StageLimits stage_limits(const std::vector<MicroBatch>& micro_batches);

/// The caches of one chain of micro-batches: `capacity` tokens a sequence, of which the first `past_tokens` are there
/// when the run begins.
struct KvSize {
  int sequences = 1;
  int capacity = 1;
  int past_tokens = 0;
};
/// By the first micro-batch of each chain.
std::map<int, KvSize> kv_sizes(const std::vector<MicroBatch>& micro_batches);

/// The caches that a run's micro-batches use.
struct CacheUse {
  std::vector<int> chain;       // [micro-batch]
  std::map<int, KvSize> sizes;  // by chain
};
/// Throws InputError as chain_roots, unless the micro-batches are unrelated.
CacheUse cache_use(const PipelineRun& run);

/// Receive buffers of the edge into a stage: the schedule's, or one for every micro-batch.
std::size_t receive_slots(const PipelineRun& run);
/// The InputError of a transfer into a buffer that the edge lacks.
[[noreturn]] void refuse_slot(const PipelineRun& run);

/// Throws InputError unless the stages hold the layers in order, the embedding first and the head last.
void check_stages(const PipelineRun& run);

/// Throws InputError for the key of a micro-batch that the run lacks, or of another replica or chunk.
std::size_t micro_batch_of(const PipelineRun& run, const traces::OpKey& key);

bool returns_tokens(const schedule::Op& op);

/// [tokens] of micro-batch `index`, drawn from the seed.
std::vector<int> drawn_tokens(const PipelineRun& run, std::size_t index);

/// The micro-batch whose sampled tokens `index` goes on with: a decode step (one new token) of sequences whose previous
/// micro-batch sampled. All others take drawn tokens.
std::optional<std::size_t> sampled_before(const PipelineRun& run, std::size_t index);

/// The InputError of a schedule that starts `index` before the tokens of `previous` came back.
[[noreturn]] void refuse_without_return(std::size_t previous, std::size_t index);

/// The same run with all layers in one stage.
PipelineRun in_one_stage(const PipelineRun& run);

}  // namespace ppplan::exec

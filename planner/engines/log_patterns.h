// The fixed texts of vLLM's log that the catalog lists (vllm_log.json), ready to be searched for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/engines/fragment_search.h"

namespace ppplan::engines {

enum class Figure {
  weights,
  consumed,  // weights and non-torch together
  non_torch,
  activation,
  peak_torch,  // weights and activations together
  kv,
  graph,
  graph_estimate,
  total,
  free,
  utilization,
  kv_tokens,
  kv_blocks,
  max_model_len,
  concurrency,
  max_num_batched_tokens,
  block_size,
  batches_in_flight,
};

enum class Fact {
  engine_config,
  banner,
  arguments,
  partition,
  rank,
  v2_runner,
  free_memory,
  capturing,
  started,
  traceback,
  repeated,
  loading,
};

/// Exactly one of the optional members, or `kind` of a failure, is set.
struct LogPattern {
  std::optional<Figure> figure = std::nullopt;
  bool before = false;  // the figure stands before the text
  std::optional<Fact> fact = std::nullopt;
  std::string frame;  // place that a function of a traceback belongs to
  std::string kind;   // of a failure
  std::string place;
  int strength = 0;
};

struct LogPatterns {
  FragmentSearch search;
  std::vector<LogPattern> patterns;  // in the order of the search's texts
};

/// Read once; throws InputError when the catalog's file is broken.
const LogPatterns& log_patterns();

}  // namespace ppplan::engines

// What a log of a vLLM server says about its workers' memory, its settings and its end. Reads V0 (0.4 and later), V1
// and current lines, whatever stands before the message. Of a log with several starts the last one counts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::engines {

/// One process that holds a part of the model. Bytes as the log rounds them.
struct LogWorker {
  std::string process;  // "Worker_PP1_TP0 pid=123"; "" for the process that writes without a name
  std::optional<int> rank = std::nullopt;
  std::optional<int> stage = std::nullopt;
  std::optional<int> tp_rank = std::nullopt;
  std::optional<int> replica = std::nullopt;
  bool rank_assumed = false;  // by the order in which V0 starts its workers: the log does not tell
  std::optional<std::int64_t> weights_bytes = std::nullopt;
  std::optional<std::int64_t> non_torch_bytes = std::nullopt;
  std::optional<std::int64_t> consumed_bytes = std::nullopt;  // weights and non-torch, when only their sum is told
  std::optional<std::int64_t> activation_bytes = std::nullopt;
  std::optional<std::int64_t> peak_torch_bytes = std::nullopt;  // weights and activation, when only their sum is told
  std::optional<std::int64_t> kv_bytes = std::nullopt;          // negative: that much was missing
  std::optional<std::int64_t> kv_tokens = std::nullopt;         // of this worker alone
  std::optional<std::int64_t> graph_bytes = std::nullopt;
  std::optional<std::int64_t> graph_estimate_bytes = std::nullopt;  // as taken off the KV cache
  std::optional<std::int64_t> free_bytes = std::nullopt;            // of the device at the start
  std::optional<std::int64_t> total_bytes = std::nullopt;           // of the device, as CUDA reports it
  bool operator==(const LogWorker&) const = default;
};

struct LogFailure {
  std::string kind;   // of vllm_log.json: "out_of_memory", "context_too_long", ...
  std::string place;  // weights, profile, cuda_graph, sampler, kv, context, budget, topology, partition, host_memory,
                      // nccl, serving, unknown
  int strength = 0;
  std::optional<int> stage = std::nullopt;
  std::string process;
  std::optional<std::int64_t> tried_bytes = std::nullopt;  // by the allocation that failed
  std::optional<std::int64_t> free_bytes = std::nullopt;
  std::optional<std::int64_t> total_bytes = std::nullopt;
  std::optional<int> gpu = std::nullopt;
  std::optional<std::int64_t> needed_bytes = std::nullopt;     // KV cache of one request
  std::optional<std::int64_t> available_bytes = std::nullopt;  // for the KV cache; of "budget": wanted
  std::optional<std::int64_t> max_model_len = std::nullopt;
  std::optional<std::int64_t> longest_model_len = std::nullopt;  // that the log itself says would fit
  std::optional<std::int64_t> dummy_requests = std::nullopt;     // of the sampler's warm-up
  std::int64_t line = 0;
  std::string text;  // of the line, shortened
  bool operator==(const LogFailure&) const = default;
};

struct VllmLog {
  std::string source;
  std::int64_t lines = 0;
  std::int64_t known_lines = 0;                 // that had a text of vLLM's; 0: this is no log of vLLM
  int starts = 1;                               // of the server, in this file
  std::string version;                          // "0.8.5"; "" when not told
  std::map<std::string, std::string> settings;  // by vLLM's names: {"max_num_seqs", "256"}; the last value told
  spec::Parallel parallel;
  bool parallel_told = false;  // by settings or ranks; otherwise one device is assumed
  std::vector<int> partition;  // told by the log, or empty
  std::vector<LogWorker> workers;
  std::optional<double> utilization = std::nullopt;
  std::optional<std::int64_t> max_model_len = std::nullopt;
  std::optional<std::int64_t> kv_tokens = std::nullopt;  // capacity of the engine
  std::optional<std::int64_t> kv_blocks = std::nullopt;
  std::optional<double> max_concurrency = std::nullopt;  // of requests of max_model_len
  std::optional<int> batches_in_flight = std::nullopt;
  bool v2_runner = false;
  bool started = false;                              // came to serve
  std::int64_t repeated_lines = 0;                   // that Ray folded into others
  std::vector<LogFailure> failures;                  // at most 64, in the order of lines
  std::optional<LogFailure> failure = std::nullopt;  // the one that the others follow from
  bool operator==(const VllmLog&) const = default;
};

/// Never throws on account of the text. Time is linear in its size.
VllmLog read_vllm_log(const std::string& text, const std::string& source);
/// Stages of which at least one worker told a figure of memory, in order.
std::vector<int> stages_seen(const VllmLog& log);
/// The others.
std::vector<int> stages_not_seen(const VllmLog& log);
/// "stages 0 and 1 of 2 told their memory", with why others are missing; for a log that is none of vLLM's, that.
std::string seen_text(const VllmLog& log);

}  // namespace ppplan::engines

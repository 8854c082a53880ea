// The flags that commands share, and what they mean: model, cluster, workload, pinned parts of a plan, profiles.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "planner/cost/cost_book.h"
#include "planner/search/search.h"
#include "planner/spec/read_cluster.h"

namespace ppplan::tools {

struct InputFlags {
  std::string model;
  std::string dtype, kv_dtype = "auto";
  bool dtype_is_converted = false;          // a server's --quantization: it converts whatever it loads
  std::string server_quantization = {};     // what the server converts 16-bit weights with: "fp8", "bitsandbytes"
  std::optional<std::string> server_dtype;  // of a pasted line, "auto" where it leaves it to vLLM
  spec::ClusterFlags cluster;
  std::vector<std::string> profiles;
  std::string vllm;
  std::optional<int> isl, osl, concurrency;
  std::string goal = "throughput";
  std::optional<double> max_ttft_s, max_tpot_s;
  std::optional<int> tp, pp, dp;
  std::string partition;
  bool allow_long = false;
  std::optional<int> max_model_len, max_num_seqs, max_num_batched_tokens;
  std::optional<double> gpu_memory_utilization;
  std::optional<int> block_size;
  bool enforce_eager = false, expert_parallel = false, draft = false;
  std::string generation, runner, moe_backend;  // vLLM's engine, model runner, kernel of experts; "" = its own choice
  spec::GraphSettings graphs;
  std::optional<int> largest_graph;
  spec::EncoderSettings encoder;
  spec::AdapterSettings adapters;
  bool lora = false;
  std::string kv_cache_memory_bytes;
  double cpu_offload_gib = 0;
  std::optional<bool> chunked_prefill;
  std::string state_dtype = "auto";
  std::vector<std::string> calibrations;
};

void add_model_flags(CLI::App& app, InputFlags& flags, bool required = true);
void add_cluster_flags(CLI::App& app, InputFlags& flags);
void add_workload_flags(CLI::App& app, InputFlags& flags);
void add_plan_flags(CLI::App& app, InputFlags& flags);
void add_profile_flag(CLI::App& app, InputFlags& flags);
/// All of the above.
void add_input_flags(CLI::App& app, InputFlags& flags, bool model_required = true);

/// Everything asked for, assumed parts named. Throws InputError.
search::Request request_from(const CLI::App& app, const InputFlags& flags);
/// Profiles of --profile first, then those that ship with ppplan.
cost::CostBook book_from(const std::vector<std::string>& profiles);

/// "14,13,13": whole numbers, for --partition.
std::vector<int> parse_numbers(const std::string& text, const std::string& flag);

}  // namespace ppplan::tools

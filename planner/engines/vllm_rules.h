// Rules of vLLM by version: defaults, batches in flight, which rank holds what. Data in planner/catalog/data/vllm.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"

namespace ppplan::engines {

struct VllmDefaults {
  std::string version;                // of the table row used
  double gpu_memory_utilization = 0.9;
  int max_num_batched_tokens = 8192;  // of the server, for a card of that memory
  int max_num_seqs = 256;
  int block_size = 16;
  bool send_blocks_next = true;
  int receive_buffers = 1;
};

/// Newest version in the table.
std::string newest_vllm();
std::vector<std::string> known_vllm();
/// Throws InputError for a version that is no version or older than the table.
VllmDefaults vllm_defaults(const std::string& version, const spec::Device& device);
/// Batches in flight for a pipeline of `stages` (pp, or pp + 1 with the V2 runner and asynchronous scheduling).
int batches_in_flight(const std::string& version, const spec::ModelSpec& model, int stages);
/// True for architectures whose every rank holds embedding and head.
bool ends_on_every_stage(const spec::ModelSpec& model);
/// Why `tp` can't divide this model ("64 attention heads are not divisible by 6"); "" when it can.
std::string tensor_parallel_fault(const spec::ModelSpec& model, int tp);

/// The line to paste: environment and `vllm serve ...`.
spec::Launch launch_line(const spec::Plan& plan);

/// Ranks of ExternalDP x DP x PP x TP, TP fastest.
int rank_of(const spec::Parallel& parallel, int replica, int stage, int tp_rank);

}  // namespace ppplan::engines

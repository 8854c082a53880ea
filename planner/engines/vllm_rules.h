// Rules of vLLM by version: defaults and batches in flight. Data in planner/catalog/data/vllm.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "planner/engines/architecture_rules.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"

namespace ppplan::engines {

struct VllmDefaults {
  std::string version;  // of the table row used
  double gpu_memory_utilization = 0.9;
  int max_num_batched_tokens = 8192;  // of the server, for a card of that memory
  int max_num_seqs = 256;
  int block_size = 16;
  bool send_blocks_next = true;
  int receive_buffers = 1;
  bool cuda_graphs_in_budget = true;  // the estimate of CUDA graphs is taken off the KV budget (since 0.21)
};

/// Newest version in the table.
std::string newest_vllm();
/// Versions at which a rule changed, oldest first.
std::vector<std::string> known_vllm();
/// Newest release known to exist; its rules are those of newest_vllm() as far as the table goes.
std::string latest_vllm_release();
/// A version follows the last row that is not newer. Throws InputError for a version that is no version or older than
/// the table.
VllmDefaults vllm_defaults(const std::string& version, const spec::Device& device);
/// Batches in flight for a pipeline of `stages`: pp, or pp + 1 with the V2 runner and asynchronous scheduling; 2 for
/// one stage that is scheduled asynchronously. Which cohorts those batches hold: requests fall into at most pp of them.
int batches_in_flight(const std::string& version, const spec::ModelSpec& model, int stages);
/// The split vLLM chooses itself: before 0.8 the remainder is on the last stage. Takes versions older than the table.
std::vector<int> default_partition(const std::string& version, int layers, int stages);
/// The line to paste: environment and `vllm serve ...`.
spec::Launch launch_line(const spec::Plan& plan);
/// One line for a POSIX shell: "VLLM_PP_LAYER_PARTITION=8,8 vllm serve ...".
std::string shell_line(const spec::Launch& launch);

/// Ranks of ExternalDP x DP x PP x TP, TP fastest.
int rank_of(const spec::Parallel& parallel, int replica, int stage, int tp_rank);

}  // namespace ppplan::engines

// Rules of vLLM by version: defaults and batches in flight. Data in planner/catalog/data/vllm.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "planner/engines/architecture_rules.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"

namespace ppplan::engines {

/// What a default may depend on beside release and card.
struct ServedAs {
  int stages = 1;
  int max_model_len = 8192;                            // tokens; limits of the V0 engine follow it
  const spec::ModelSpec* model = nullptr;              // for the model runner, and sliding windows on V0; not owned
  std::string generation = {};                         // "V0" or "V1" when that engine is asked for
  std::string runner = {};                             // of engine V1, when one is asked for
  std::optional<bool> chunked_prefill = std::nullopt;  // of engine V0, when it is told
  bool adapters = false;                               // the server keeps room for LoRA adapters
};

struct VllmDefaults {
  std::string version;  // of the last table row used
  double gpu_memory_utilization = 0.9;
  int max_num_batched_tokens = 8192;  // of the server, for a card of that memory
  int max_num_seqs = 256;
  int block_size = 16;
  bool send_blocks_next = true;
  int receive_buffers = 1;
  bool cuda_graphs_in_budget = true;  // the estimate of CUDA graphs is taken off the KV budget (since 0.21)
  std::string engine;                 // "V0" or "V1", with the executor that vLLM chooses itself
  std::string runner;                 // model runner of engine V1: "V1" or "V2"
  bool asynchronous = true;           // asynchronous scheduling
  bool chunked_prefill = true;
  std::string default_split;  // "remainder_last" or "remainder_before_last": where layers go that do not divide
  std::string known_until;    // newest release whose source was read for the table
};

/// Newest release whose source was read for the table; what the planner assumes when told none.
std::string newest_vllm();
/// `version` itself, or newest_vllm() where it is "".
std::string version_or_newest(const std::string& version);
/// Versions at which a rule changed, oldest first. The last may be newer than newest_vllm(): known from pull requests.
std::vector<std::string> known_vllm();
/// Newest release known to exist; its rules are those of known_vllm().back() as far as the table goes.
std::string latest_vllm_release();
/// A version follows the rows that are not newer. Throws InputError for a version that is no version or older than the
/// table.
VllmDefaults vllm_defaults(const std::string& version, const spec::Device& device, const ServedAs& served = {});
/// What of a start-up decides between the engines of one version.
struct EngineChoice {
  int stages = 1;
  int capability = 0;           // tenths of the cards' compute capability, 0 = not known
  std::string generation = {};  // "V0" or "V1" when that engine is asked for, "" = none is
  bool fp8_kv = false;          // V1 keeps keys and values in fp8 on some cards alone
};
/// "V0" or "V1".
std::string engine_of(const std::string& version, const EngineChoice& choice);
/// The same of a plan.
std::string engine_of(const spec::Plan& plan);
/// One sentence when the rules of `version` are extrapolated (past newest_vllm()) or when it predates the table; ""
/// else. Throws InputError for a version that is no version.
std::string version_warning(const std::string& version);
/// "V1" or "V2": the model runner that vLLM chooses for this model.
std::string default_runner(const std::string& version, const spec::ModelSpec& model);
/// Batches in flight for a pipeline of `stages`: pp, or pp + 1 with the V2 runner and asynchronous scheduling
/// (since 0.23); 2 for one stage that is scheduled asynchronously. Which cohorts those batches hold: requests fall into
/// at most pp of them.
int batches_in_flight(const std::string& version, const spec::ModelSpec& model, int stages);
/// The split vLLM chooses itself: before 0.8 the remainder is on the last stage. Versions older than the table follow
/// its first row.
std::vector<int> default_partition(const std::string& version, int layers, int stages);
/// The line to paste: environment and `vllm serve ...`.
spec::Launch launch_line(const spec::Plan& plan);
/// One line for a POSIX shell: "VLLM_PP_LAYER_PARTITION=8,8 vllm serve ...".
std::string shell_line(const spec::Launch& launch);

/// Ranks of ExternalDP x DP x PP x TP, TP fastest.
int rank_of(const spec::Parallel& parallel, int replica, int stage, int tp_rank);

}  // namespace ppplan::engines

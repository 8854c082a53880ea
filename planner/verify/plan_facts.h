// What a plan document states, read from its JSON without the reader that wrote it, in the shape that the claims need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/input/document.h"
#include "planner/verify/model_facts.h"

namespace ppplan::verify {

struct DeviceFacts {
  std::string name;
  std::int64_t memory_bytes = 0;
  std::int64_t free_bytes = 0;
  std::int64_t compute_capability = 0;  // 90 of a 9.0 card; 0 = not known
  bool operator==(const DeviceFacts&) const = default;
};

struct StageFacts {
  std::int64_t first_layer = 0, end_layer = 0;
  bool embedding = false, head = false, tower = false;
  std::vector<std::vector<std::int64_t>> devices;  // [replica][rank]
  std::string verdict;
  std::int64_t budget_bytes = 0, weights_bytes = 0, embedding_bytes = 0, head_bytes = 0, activation_bytes = 0,
               cuda_graph_bytes = 0, other_bytes = 0, kv_bytes = 0, margin_bytes = 0;
  std::int64_t tower_bytes = 0, draft_bytes = 0, sampler_bytes = 0, reserve_bytes = 0, unused_bytes = 0;
  bool states_uncertainty = false;
  std::int64_t uncertainty_bytes = 0;
  std::int64_t kv_tokens = 0, kv_blocks = 0;
  double prefill_s = 0, decode_s = 0;
};

/// Elements for one token on one rank that a layer holds at its widest moment; see activation_facts.h.
struct WidthFacts {
  double per_token = 0;
  double latent_elements_per_token = 0;  // of expanded latents, for each token that the workspace holds
  bool operator==(const WidthFacts&) const = default;
};

/// A measured difference that the document applies.
struct CorrectionFacts {
  std::string part;
  std::int64_t delta_bytes = 0;
  std::optional<std::int64_t> stage;
};

/// Where the document says that start-up ends.
struct FailureFacts {
  std::string at;
  std::int64_t stage = 0, short_bytes = 0;
};

/// One batch shape and its costs; `inputs.costs` of the document.
struct BatchFacts {
  std::int64_t sequences = 1, new_tokens = 1, past_tokens = 0;
  std::vector<double> layer_s;
  double embedding_s = 0, head_s = 0;
  std::vector<double> boundary_latency_s, boundary_bytes;
  double alone_fraction = 1;  // of layers and ends, while all other stages idle
  double token_return_s = 0;
};

struct PlanFacts {
  std::int64_t num_layers = 0;
  std::vector<DeviceFacts> devices;        // of the summary at the head of the document
  std::vector<DeviceFacts> input_devices;  // of inputs.cluster
  double slowest_link_bytes_per_s = 0;     // 0 without links
  ModelFacts model;
  std::int64_t tp = 1, pp = 1, dp = 1;
  std::vector<std::int64_t> partition;
  std::vector<StageFacts> stages;
  std::int64_t in_flight = 1, max_num_batched_tokens = 1, max_num_seqs = 1;
  std::int64_t max_model_len = 1;
  double gpu_memory_utilization = 0;
  std::int64_t block_tokens = 16;  // vLLM's default; inputs.block_size where stated
  std::int64_t input_tokens = 1, output_tokens = 1;
  std::vector<BatchFacts> batches;
  std::string verdict;
  std::string vllm;                             // whose rules; "" = the newest
  bool gpt_oss = false;                         // captures more graphs than others
  bool runner_v2 = false;                       // vLLM's model runner V2 serves the model
  bool v0 = false;                              // engine V0 does
  std::int64_t max_position = 0;                // of the model; 0 = not stated
  std::vector<std::vector<double>> kept_bytes;  // [stage][layer]: what the engine keeps beside the weights on a rank
  double rotary_bytes = 0;                      // on every rank
  std::vector<WidthFacts> widths;               // [layer]
  double vocabulary = 0;
  double element_bytes = 2;         // of an activation
  bool to_fp8 = false;              // the server converts the layers' weights when it loads them
  double cpu_offload_bytes = 0;     // of each rank's layers, that the host keeps
  std::vector<double> graph_sizes;  // that the server is told to capture; empty: the version's own
  std::string graph_mode;           // "" = the version's own
  bool enforce_eager = false, expert_parallel = false, draft = false;
  std::string moe_backend;        // kernel of the experts that is asked for
  double adapter_ranks = 0;       // adapters of one batch times their rank
  bool divided_adapters = false;  // --fully-sharded-loras
  bool no_items = false;          // prompts bring neither images nor videos
  bool whole_towers = false;      // every rank keeps all of the vision tower
  std::optional<std::int64_t> kv_cache_memory_bytes;
  std::vector<CorrectionFacts> corrections;
  std::optional<FailureFacts> failure;
  std::int64_t longest_context = 0;

  /// Engine V0 captures whatever mode it is told (cleared by the reader).
  bool captures_graphs() const { return !enforce_eager && graph_mode != "NONE"; }
  /// Sequences per cohort and so on follow from the last batch when something is decoded.
  bool decodes() const { return output_tokens > 1 && !batches.empty(); }
  std::size_t prefill_batches() const { return batches.size() - (decodes() ? 1 : 0); }
  /// Layer range and devices of every stage lie within the model and the cluster, and sizes agree: what the other
  /// claims need to be computed at all.
  bool sound() const;
  bool are_devices(const StageFacts& stage) const;
};

/// Throws InputError for missing or mistyped members. Bytes are limited to 2^53, so that sums of them stay exact.
PlanFacts plan_facts(const input::Node& plan);

/// Weight bytes of the stage's layers on one device.
double layer_bytes(const PlanFacts& plan, const StageFacts& stage);
/// memory_constant() of memory_constants.h for the plan's version and engine.
double memory_constant(const std::string& name, const PlanFacts& plan);

}  // namespace ppplan::verify

// A plan: which layers on which devices, how full the pipeline is kept, what that is predicted to do and how it was
// known. Plain data; plan_json.h reads and writes it as `ppplan/plan/1`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/spec/cluster_spec.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/workload.h"

namespace ppplan::spec {

enum class Verdict { fits, tight, oom };
std::string_view name(Verdict verdict);  // "FITS", "TIGHT", "OOM"

/// Bytes on the fullest device of a stage.
///   kv = budget - weights - embedding - head - tower - draft - activation - sampler - cuda_graph (when the version
///   takes
///        it off the budget) - reserve
/// `other` lies outside the budget (context, communicators; CUDA graphs of versions that do not take them off).
struct StageMemory {
  std::int64_t budget_bytes = 0;   // what the engine may use
  std::int64_t weights_bytes = 0;  // of the layers
  std::int64_t embedding_bytes = 0;
  std::int64_t head_bytes = 0;
  std::int64_t tower_bytes = 0;  // vision tower
  std::int64_t draft_bytes = 0;  // multi-token prediction
  std::int64_t activation_bytes = 0;
  std::int64_t sampler_bytes = 0;  // logits and the sampler's copies, on the last stage
  std::int64_t cuda_graph_bytes = 0;
  std::int64_t reserve_bytes = 0;  // what a calibration found the estimate to lack; negative: to exceed by
  std::int64_t other_bytes = 0;
  std::int64_t kv_bytes = 0;      // may be negative: that much is missing
  std::int64_t unused_bytes = 0;  // of kv: what the stage with the fewest blocks leaves unused here
  std::int64_t margin_bytes = 0;  // smaller of (kv - KV of one request of max_model_len) and (free - budget - other)
  std::int64_t uncertainty_bytes = 0;     // of the margin, on the side of zero; TIGHT = |margin| below it
  std::int64_t kv_uncertainty_bytes = 0;  // half the width of the band that nine of ten measured KV caches lie in
  bool operator==(const StageMemory&) const = default;
};

/// Layers [first_layer, end_layer), one tensor-parallel group of devices per replica, and the ends it owns.
struct Stage {
  int first_layer = 0;
  int end_layer = 0;
  bool embedding = false;
  bool head = false;
  bool tower = false;                     // holds the vision tower's weights
  std::vector<std::vector<int>> devices;  // [replica][tensor-parallel rank] -> index into the cluster's devices
  Verdict verdict = Verdict::fits;
  StageMemory memory;
  std::int64_t kv_tokens = 0;  // that this stage alone could hold
  std::int64_t kv_blocks = 0;  // the same in vLLM's blocks (of any layer group)
  double prefill_s = 0;        // one prefill micro-batch of max_num_batched_tokens
  double decode_s = 0;         // one decode micro-batch of the in-flight cohort
  bool operator==(const Stage&) const = default;
};

/// What a prompt may bring beside text: vLLM's --limit-mm-per-prompt, --mm-processor-kwargs, --mm-encoder-tp-mode.
struct EncoderSettings {
  std::optional<int> images = std::nullopt;  // of one prompt; unset: vLLM's own limit
  std::optional<int> videos = std::nullopt;
  std::optional<std::int64_t> max_pixels = std::nullopt;  // of an image, or of a frame
  bool data_parallel = false;  // every rank keeps the whole tower and encodes its share of the items
  bool operator==(const EncoderSettings&) const = default;
};

/// Adapters that the server keeps room for: vLLM's --enable-lora, --max-loras, --max-lora-rank, --fully-sharded-loras.
struct AdapterSettings {
  int count = 0;  // of one batch; 0 = no LoRA
  int rank = 16;
  bool fully_sharded = false;  // the parts that ranks else hold whole are divided too
  bool operator==(const AdapterSettings&) const = default;
};

/// CUDA graphs, as cudagraph_capture_sizes and cudagraph_mode of vLLM's compilation config ask for them.
struct GraphSettings {
  std::vector<int> sizes = {};  // tokens of the captured batches, ascending; empty: the version's own
  std::string mode = {};        // "NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"; "" its own
  bool operator==(const GraphSettings&) const = default;
};

/// What else the server is told, as vLLM's flags of the same names.
struct EngineSettings {
  int block_size = 16;  // tokens
  bool enforce_eager = false;
  std::optional<std::int64_t> kv_cache_memory_bytes = std::nullopt;  // per worker, instead of what the budget leaves
  std::int64_t cpu_offload_bytes = 0;                                // of each worker's layers, kept by the host
  std::optional<bool> chunked_prefill = std::nullopt;                // of engine V0; unset: its own choice
  bool expert_parallel = false;
  bool draft = false;             // speculation with the model's own draft layers
  std::string quantization = {};  // "fp8": weights are converted when loaded; "" as the checkpoint is
  /// Engine of a version that has both: "V0" is asked for or forced by another flag, "V1" too (a pipeline of 0.8 with
  /// Ray); "" its own choice.
  std::string generation = {};
  std::string runner = {};       // "V1" or "V2": the model runner that is asked for; "" the version's own choice
  std::string state_dtype = {};  // --mamba-ssm-cache-dtype: "float32", "float16", ...; "" the model's own
  std::string moe_backend = {};  // kernel of the experts that is asked for ("marlin"); "" the version's own choice
  GraphSettings graphs = {};
  EncoderSettings encoder = {};
  AdapterSettings adapters = {};
  bool operator==(const EngineSettings&) const = default;
};

/// The server is not kept from capturing CUDA graphs.
inline bool captures_graphs(const EngineSettings& engine) {
  return !engine.enforce_eager && engine.graphs.mode != "NONE";
}

/// A difference that was measured between a real start-up and the estimate, in bytes of a worker's budget.
struct Correction {
  std::string part;              // "weights", "activation", "cuda_graph", "other", or "kv" when only the sum is known
  std::int64_t delta_bytes = 0;  // measured - estimated use
  std::optional<int> stage = std::nullopt;  // of the plan it was measured on; all stages when not known
  std::string source;                       // "doctor: server.log"
  bool operator==(const Correction&) const = default;
};

/// Where start-up ends when the configuration does not fit.
struct Failure {
  std::string at;  // "weights", "profile", "cuda_graph", "sampler", "kv", "context"
  int stage = 0;
  std::int64_t short_bytes = 0;
  bool operator==(const Failure&) const = default;
};

struct Parallel {
  int tp = 1;
  int pp = 1;
  int dp = 1;
  bool operator==(const Parallel&) const = default;
};

/// How full the pipeline is kept. max_num_seqs counts the sequences of all batches in flight together, as vLLM does.
struct MicroBatching {
  int in_flight = 1;
  int max_num_batched_tokens = 2048;
  int max_num_seqs = 256;
  int receive_buffers = 2;        // per edge
  bool send_blocks_next = false;  // the next compute of a stage waits for its previous send (vLLM)
  bool operator==(const MicroBatching&) const = default;
};

/// What one batch shape costs: every layer on the device of its stage, the ends, and what crosses each boundary. A
/// stage's time is the sum of its layers' and of the ends that it owns.
struct BatchTimes {
  BatchShape shape;
  std::vector<double> layer_s;  // [layer]
  double embedding_s = 0;
  double head_s = 0;                       // 0 where the batch samples nothing
  std::vector<double> boundary_latency_s;  // [stages - 1]: the part of the transfer out of a stage that no link shares
  std::vector<std::int64_t> boundary_bytes;  // [stages - 1]: over the links, all tensor-parallel ranks together
  double token_return_s = 0;
  double relative_error = 0;  // 90th percentile of what such times miss by
  bool outside = false;       // at least one time lies outside of what was measured
  double alone_fraction = 1;  // of the compute times, what they are while all other stages idle (cores of one machine)
  bool operator==(const BatchTimes&) const = default;
};

struct Range {
  double low = 0;
  double high = 0;
  bool operator==(const Range&) const = default;
};

struct Predicted {
  double output_tokens_per_s = 0;
  double total_tokens_per_s = 0;
  double ttft_s = 0;
  double tpot_s = 0;
  double bubble_fraction = 0;
  double balance = 1;  // mean / max stage time of a decode round (of prefill when nothing is decoded)
  std::int64_t kv_tokens = 0;
  int limiting_stage = 0;
  double lower_bound_s = 0;                  // of the simulated makespan
  std::string simulated_by;                  // "simgrid" or "analytic"
  std::map<std::string, Range> uncertainty;  // by the names above
  bool operator==(const Predicted&) const = default;
};

struct Neighbour {
  std::vector<int> partition;
  std::int64_t kv_tokens = 0;
  double output_tokens_per_s = 0;
  Verdict verdict = Verdict::fits;
  bool operator==(const Neighbour&) const = default;
};

struct Launch {
  std::map<std::string, std::string> env;
  std::string command;
  bool operator==(const Launch&) const = default;
};

struct Provenance {
  std::string costs;            // "measured", "fitted", "roofline": where the compute times come from
  std::string engine;           // whose kernels were measured: "vllm 0.14.0", "ppplan 0.1"
  std::string profile;          // file or shipped profile; "" of a roofline
  std::string vllm;             // whose rules: "0.26"
  double core_speed = 0;        // speed of the cores that the times are stated for (traces::Profile); 0 = not known
  double alone_core_speed = 0;  // the same while the other cores idled; 0 = not known
  int busy_cores = 0;           // that computed at once while the times were taken (traces::Profile); 0 = not known
  bool operator==(const Provenance&) const = default;
};

struct Plan {
  ModelSpec model;
  ClusterSpec cluster;
  Workload workload;
  int max_model_len = 8192;
  double gpu_memory_utilization = 0.9;
  EngineSettings engine;
  std::vector<Correction> corrections;
  Parallel parallel;
  std::vector<int> partition;  // layers per stage
  std::vector<Stage> stages;
  MicroBatching micro_batching;
  std::vector<BatchTimes> times;  // prefill chunks of one prompt in order, then the decode step of the in-flight cohort
  Predicted predicted;
  Verdict verdict = Verdict::fits;
  std::optional<Failure> failure = std::nullopt;  // unless it fits
  std::int64_t longest_context = 0;               // the largest max_model_len that starts; 0 when none does
  std::vector<std::string> warnings;
  std::vector<Neighbour> neighbours;
  Launch launch;
  Provenance provenance;
  std::vector<std::string> assumed;
  std::map<std::string, std::string> inputs;  // the flags as given
  bool operator==(const Plan&) const = default;
};

}  // namespace ppplan::spec

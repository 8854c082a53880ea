// Enumerates (tp, pp, dp), micro-batch settings and partitions; prunes with counted reasons; ranks.
//
// Candidates are assessed in closed form; the finalists go to the simulator through an evaluator of batches, so that
// this layer knows neither SimGrid nor the executor.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "planner/cost/cost_book.h"
#include "planner/spec/plan.h"

namespace ppplan::search {

/// Fills in what plans do: one Predicted per plan, in order.
using Evaluator = std::function<std::vector<spec::Predicted>(std::span<const spec::Plan>)>;

struct Request {
  spec::ModelSpec model;
  spec::ClusterSpec cluster;
  spec::Workload workload;
  std::optional<int> tp, pp, dp;              // pinned parts
  std::optional<std::vector<int>> partition;  // pinned; checked for length, sum and >= 1
  std::optional<int> max_num_batched_tokens, max_num_seqs, max_model_len;
  double gpu_memory_utilization = 0.9;
  spec::EngineSettings engine;
  std::vector<spec::Correction> corrections;  // of calibrations, for this model and these cards
  std::string vllm;                           // whose rules; "" = newest known
  int top = 5;                                // plans to return
  std::map<std::string, std::string> inputs;  // the flags as given, echoed
  std::vector<std::string> assumed;
  bool allow_long = false;  // max_model_len may exceed the model's, as VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 lets it
  bool keep_order = false;  // devices take their ranks in the order in which they were given
};

struct Alternative {
  spec::Parallel parallel;
  std::string verdict;  // "FITS", "TIGHT", "OOM", "INVALID"
  std::string reason;   // one sentence: slower by how much, or why impossible
  bool operator==(const Alternative&) const = default;
};

/// enumerated = evaluated + the sum of pruned. Plans over a limit of time are pruned. simulated counts neighbours too.
struct Counts {
  long enumerated = 0;
  std::map<std::string, long> pruned;  // by reason
  long evaluated = 0;
  long simulated = 0;
};

struct Result {
  /// Best first, `top` of them. When the best has pp = 1, the best with pp > 1 is among them, after the top ones if it
  /// is none of these, and a warning says so. The best plan and that one carry neighbours.
  std::vector<spec::Plan> plans;
  std::vector<Alternative> alternatives;  // every factorization not chosen, compared in closed form
  std::vector<spec::Plan> pareto;         // throughput against KV tokens against TTFT, in closed form
  Counts counts;
  bool interrupted = false;  // plans may then be empty
  /// False: plans holds one, with a warning that says what is missing: the one nearest to the limits of time when some
  /// fit but none keeps them, otherwise the one least short of memory, verdict OOM.
  bool feasible = true;
};

/// `progress(done, total)` may be empty. `stop` may be set by a signal handler: the best so far is returned.
/// Throws InputError for pinned values that contradict the model or the cluster.
Result search(const Request& request, cost::CostBook& book, const Evaluator& simulate,
              const std::function<void(long, long)>& progress, const std::atomic<bool>& stop);

}  // namespace ppplan::search

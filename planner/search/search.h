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
  std::string vllm;                           // whose rules; "" = newest known
  int top = 5;                                // plans to return
  std::map<std::string, std::string> inputs;  // the flags as given, echoed
  std::vector<std::string> assumed;
};

struct Alternative {
  spec::Parallel parallel;
  std::string verdict;  // "FITS", "TIGHT", "OOM", "INVALID"
  std::string reason;   // one sentence: slower by how much, or why impossible
  bool operator==(const Alternative&) const = default;
};

struct Counts {
  long enumerated = 0;
  std::map<std::string, long> pruned;  // by reason
  long evaluated = 0;
  long simulated = 0;
};

struct Result {
  std::vector<spec::Plan> plans;          // best first; when the best has pp = 1, the best with pp > 1 is among them
  std::vector<Alternative> alternatives;  // every factorization not chosen
  std::vector<spec::Plan> pareto;         // throughput against KV tokens against TTFT
  Counts counts;
  bool interrupted = false;
  bool feasible = true;  // false: plans holds the least bad one, verdict OOM
};

/// `progress(done, total)` may be empty. `stop` may be set by a signal handler: the best so far is returned.
/// Throws InputError for pinned values that contradict the model or the cluster.
Result search(const Request& request, cost::CostBook& book, const Evaluator& simulate,
              const std::function<void(long, long)>& progress, const std::atomic<bool>& stop);

}  // namespace ppplan::search

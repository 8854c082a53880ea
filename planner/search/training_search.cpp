#include "planner/search/training_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "planner/input/input_error.h"
#include "planner/schedule/named_order.h"
#include "planner/search/training_candidate.h"

namespace ppplan::search {
namespace {

using schedule::TrainingOrder;
using spec::TrainingPlan;

constexpr int largest_micro_batch = 16, most_chunks = 4;

struct Kind {
  const char* name;
  bool chunked;   // takes any number of chunks
  int positions;  // stages of a pipe per rank, where not chunked
};
/// Rules whose order does not depend on costs. GPipe and looped BFS are never ahead of 1F1B and interleaved in time or
/// memory, so they are tried only when asked for.
constexpr Kind kinds[] = {{"1f1b", false, 1},     {"interleaved", true, 1}, {"group-interleaved", true, 1},
                          {"zb-h1", false, 1},    {"zb-h2", false, 1},      {"zbv-torch", false, 2},
                          {"dualpipe", false, 1}, {"dualpipev", false, 2},  {"gpipe", false, 1},
                          {"looped-bfs", true, 1}};
constexpr std::size_t tried_unasked = 8;

class TrainingExplorer {
 public:
  TrainingExplorer(const TrainingRequest& request, cost::CostBook& book, const std::atomic<bool>& stop)
      : request_(request), book_(book), stop_(stop) {}

  struct Outcome {
    std::vector<TrainingPlan> fitting;  // best first, at most `top`
    std::optional<TrainingPlan> least_short;
    std::string reason;  // where nothing was assessed
  };
  Outcome explore(const spec::Parallel& parallel) {
    Outcome out;
    for (const spec::TrainingSettings& settings : settings_of(parallel, out)) {
      if (stop_.load()) break;
      consider(parallel, settings, out);
    }
    return out;
  }
  Counts counts;

 private:
  void prune(const std::string& reason, Outcome& out) {
    ++counts.pruned[reason];
    if (out.reason.empty()) out.reason = reason;
  }

  std::vector<int> micro_batch_sizes(int per_replica) const {
    std::vector<int> out;
    for (int b = 1; b <= largest_micro_batch && b <= per_replica; b *= 2)
      if (per_replica % b == 0) out.push_back(b);
    if (request_.sequences) out = {*request_.sequences};
    return out;
  }

  std::vector<spec::TrainingSettings> settings_of(const spec::Parallel& parallel, Outcome& out) {
    const int batch = request_.question.task.global_batch;
    if (batch % parallel.dp != 0) {
      ++counts.enumerated;
      prune("global batch not divisible by DP", out);
      return {};
    }
    std::vector<spec::TrainingSettings> settings;
    for (const int b : micro_batch_sizes(batch / parallel.dp)) {
      if (batch / parallel.dp % b != 0) {
        ++counts.enumerated;
        prune("replica's batch not divisible by the micro-batch", out);
        continue;
      }
      for (const bool recompute : {false, true}) {
        if (request_.recompute && *request_.recompute != recompute) continue;
        add_kinds(parallel, b, batch / parallel.dp / b, recompute, settings);
      }
    }
    return settings;
  }

  void add_kinds(const spec::Parallel& parallel, int sequences, int micro_batches, bool recompute,
                 std::vector<spec::TrainingSettings>& settings) const {
    for (std::size_t k = 0; k < std::size(kinds); ++k) {
      const Kind& kind = kinds[k];
      if (request_.schedule ? *request_.schedule != kind.name : k >= tried_unasked) continue;
      if (parallel.pp == 1 && !request_.schedule && k > 0) continue;
      const int least = !kind.chunked ? 1 : request_.chunks.value_or(2);
      const int most = !kind.chunked ? 1 : request_.chunks.value_or(most_chunks);
      for (int chunks = least; chunks <= most; ++chunks) {
        const bool mirrored = std::string(kind.name) == "dualpipe";
        settings.push_back({sequences, micro_batches, kind.name,
                            mirrored       ? 2
                            : kind.chunked ? chunks
                                           : kind.positions,
                            recompute, request_.question.settings.sharded_optimizer});
      }
    }
  }

  std::optional<TrainingOrder> order_of(const spec::Parallel& parallel, const spec::TrainingSettings& settings,
                                        Outcome& out) {
    const bool mirrored = settings.schedule == "dualpipe";
    const int positions = parallel.pp * (mirrored ? 1 : settings.chunks);
    if (positions > static_cast<int>(request_.question.model.layers.size())) {
      prune("more stages than layers", out);
      return std::nullopt;
    }
    try {
      return schedule::named_order({settings.schedule, parallel.pp, settings.micro_batches, settings.chunks, 0});
    } catch (const input::InputError&) {
      prune("schedule has no order of that size", out);
      return std::nullopt;
    }
  }

  void consider(const spec::Parallel& parallel, const spec::TrainingSettings& settings, Outcome& out) {
    ++counts.enumerated;
    const auto order = order_of(parallel, settings, out);
    if (!order) return;
    TrainingPlan draft = training_draft(request_.question, parallel, settings, *order);
    auto partition = request_.partition ? request_.partition : training_partition(draft, *order, book_, {});
    if (!partition) return prune("weights, gradients and optimizer do not fit", out);
    if (partition->size() != order->pipes.front().size()) return prune("pinned partition has another length", out);
    draft.partition = *partition;
    TrainingPlan plan = draft;
    const std::optional<double> bound = out.fitting.size() < static_cast<std::size_t>(request_.top)
                                            ? std::nullopt
                                            : std::optional(out.fitting.back().predicted.step_s);
    if (!assess_training(plan, *order, book_, bound)) return prune("slower by its bound", out);
    if (plan.verdict == spec::Verdict::oom && !request_.partition) {
      const auto lighter = training_partition(draft, *order, book_, alive_by_position(plan, *order));
      if (lighter && *lighter != draft.partition) {
        draft.partition = *lighter;
        TrainingPlan other = draft;
        if (assess_training(other, *order, book_) && margin(other) > margin(plan)) plan = other;
      }
    }
    ++counts.evaluated;
    keep(plan, out);
  }

  static std::int64_t margin(const TrainingPlan& plan) {
    std::int64_t least = plan.ranks.front().memory.margin_bytes;
    for (const spec::TrainingRank& rank : plan.ranks) least = std::min(least, rank.memory.margin_bytes);
    return least;
  }

  void keep(const TrainingPlan& plan, Outcome& out) const {
    if (plan.verdict == spec::Verdict::oom) {
      if (!out.least_short || margin(plan) > margin(*out.least_short)) out.least_short = plan;
      return;
    }
    const auto place = std::ranges::upper_bound(out.fitting, plan.predicted.step_s, {},
                                                [](const TrainingPlan& it) { return it.predicted.step_s; });
    out.fitting.insert(place, plan);
    if (out.fitting.size() > static_cast<std::size_t>(request_.top)) out.fitting.pop_back();
  }

  const TrainingRequest& request_;
  cost::CostBook& book_;
  const std::atomic<bool>& stop_;
};

bool on_one_node(const spec::ClusterSpec& cluster, int tp) {
  for (std::size_t first = 0; first < cluster.devices.size(); first += static_cast<std::size_t>(tp))
    for (std::size_t i = first; i < first + static_cast<std::size_t>(tp); ++i)
      if (cluster.devices[i].node != cluster.devices[first].node ||
          cluster.devices[i].name != cluster.devices[first].name)
        return false;
  return true;
}

/// Why a tensor-parallel size can't be: "" when it can.
std::string tp_fault(const TrainingPlan& question, int tp) {
  if (!on_one_node(question.cluster, tp))
    return fmt::format("TP {}: a group would not lie on equal cards of one node", tp);
  for (const spec::Layer& layer : question.model.layers) {
    const int heads = std::max({layer.attention.heads, layer.attention.value_heads, 0});
    if (heads % tp != 0) return fmt::format("TP {}: {} attention heads are not divisible by {}", tp, heads, tp);
  }
  return "";
}

std::vector<spec::Parallel> parallels(const TrainingRequest& request) {
  const auto devices = static_cast<int>(request.question.cluster.devices.size());
  std::vector<spec::Parallel> out;
  for (int tp = 1; tp <= devices; ++tp)
    for (int pp = 1; pp * tp <= devices; ++pp) {
      if (devices % (tp * pp) != 0) continue;
      const int dp = devices / (tp * pp);
      if ((request.tp && *request.tp != tp) || (request.pp && *request.pp != pp) || (request.dp && *request.dp != dp))
        continue;
      out.push_back({tp, pp, dp});
    }
  return out;
}

void check(const TrainingRequest& request) {
  const spec::TrainingTask& task = request.question.task;
  const auto at_least_one = [](int value, const char* flag) {
    if (value < 1) throw input::InputError(flag, "", "a whole number of at least 1", std::to_string(value));
  };
  at_least_one(task.global_batch, "--global-batch");
  at_least_one(task.sequence_tokens, "--sequence-length");
  if (request.sequences) at_least_one(*request.sequences, "--micro-batch-size");
  if (request.chunks) at_least_one(*request.chunks, "--chunks");
  const int longest = request.question.model.max_position;
  if (longest > 0 && task.sequence_tokens > longest)
    throw input::InputError("--sequence-length", "", fmt::format("at most the model's {} tokens", longest),
                            std::to_string(task.sequence_tokens));
  if (request.schedule && std::ranges::none_of(kinds, [&](const Kind& kind) { return *request.schedule == kind.name; }))
    throw input::InputError("--schedule", "",
                            "gpipe, 1f1b, interleaved, group-interleaved, looped-bfs, zb-h1, zb-h2, "
                            "zbv-torch, dualpipe or dualpipev",
                            "'" + *request.schedule + "'");
  if (!request.partition) return;
  const int sum = std::accumulate(request.partition->begin(), request.partition->end(), 0);
  const auto layers = static_cast<int>(request.question.model.layers.size());
  if (sum != layers || std::ranges::any_of(*request.partition, [](int n) { return n < 1; }))
    throw input::InputError("--partition", "", fmt::format("entries of at least 1 that sum to {} layers", layers),
                            fmt::format("a sum of {}", sum));
}

Alternative alternative(const spec::Parallel& parallel, const TrainingExplorer::Outcome& outcome, double best_s) {
  if (!outcome.fitting.empty()) {
    const TrainingPlan& plan = outcome.fitting.front();
    return {
        parallel, std::string(spec::name(plan.verdict)),
        fmt::format("slower by {:.0f} %: {} with micro-batches of {}{}", 100 * (plan.predicted.step_s / best_s - 1),
                    plan.settings.schedule, plan.settings.sequences, plan.settings.recompute ? ", recomputing" : "")};
  }
  if (!outcome.least_short) return {parallel, "INVALID", outcome.reason.empty() ? "not tried" : outcome.reason};
  const auto fullest = std::ranges::min_element(outcome.least_short->ranks, {},
                                                [](const spec::TrainingRank& r) { return r.memory.margin_bytes; });
  return {parallel, "OOM",
          fmt::format("rank {} is short of {:.1f} GiB at least", fullest - outcome.least_short->ranks.begin(),
                      -static_cast<double>(fullest->memory.margin_bytes) / (1 << 30))};
}

}  // namespace

TrainingResult training_search(const TrainingRequest& request, cost::CostBook& book,
                               const std::function<void(long, long)>& progress, const std::atomic<bool>& stop) {
  check(request);
  const std::vector<spec::Parallel> all = parallels(request);
  if (all.empty())
    throw input::InputError("--tp, --pp, --dp", "",
                            fmt::format("sizes whose product is {} devices", request.question.cluster.devices.size()),
                            "none");
  TrainingExplorer explorer(request, book, stop);
  std::vector<std::pair<spec::Parallel, TrainingExplorer::Outcome>> outcomes;
  for (const spec::Parallel& parallel : all) {
    if (progress) progress(static_cast<long>(outcomes.size()), static_cast<long>(all.size()));
    const std::string fault = tp_fault(request.question, parallel.tp);
    TrainingExplorer::Outcome outcome;
    if (fault.empty() && !stop.load()) {
      outcome = explorer.explore(parallel);
    } else {
      ++explorer.counts.enumerated;
      ++explorer.counts.pruned[fault.empty() ? "interrupted" : "tensor-parallel size impossible"];
      outcome.reason = fault;
    }
    outcomes.emplace_back(parallel, std::move(outcome));
  }
  TrainingResult out;
  out.counts = explorer.counts;
  out.interrupted = stop.load();
  std::optional<TrainingPlan> least_short;
  for (const auto& [parallel, outcome] : outcomes) {
    out.plans.insert(out.plans.end(), outcome.fitting.begin(), outcome.fitting.end());
    const auto less = [](const TrainingPlan& a, const TrainingPlan& b) {
      const auto margin = [](const TrainingPlan& p) {
        return std::ranges::min(p.ranks, {}, [](const spec::TrainingRank& r) { return r.memory.margin_bytes; })
            .memory.margin_bytes;
      };
      return margin(a) < margin(b);
    };
    if (outcome.least_short && (!least_short || less(*least_short, *outcome.least_short)))
      least_short = outcome.least_short;
  }
  std::ranges::stable_sort(out.plans, {}, [](const TrainingPlan& plan) { return plan.predicted.step_s; });
  if (out.plans.size() > static_cast<std::size_t>(request.top)) out.plans.resize(static_cast<std::size_t>(request.top));
  out.feasible = !out.plans.empty();
  if (!out.feasible && least_short) out.plans.push_back(*least_short);
  if (out.plans.empty()) return out;
  const TrainingPlan& best = out.plans.front();
  for (const auto& [parallel, outcome] : outcomes)
    if (!(parallel == best.parallel)) out.alternatives.push_back(alternative(parallel, outcome, best.predicted.step_s));
  return out;
}

}  // namespace ppplan::search

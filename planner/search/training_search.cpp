#include "planner/search/training_search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "planner/input/input_error.h"
#include "planner/search/training_explorer.h"

namespace ppplan::search {
namespace {

using spec::TrainingPlan;

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
  const std::vector<std::string> schedules = training_schedules();
  if (request.schedule && std::ranges::count(schedules, *request.schedule) == 0)
    throw input::InputError("--schedule", "", fmt::format("one of {}", fmt::join(schedules, ", ")),
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
  return {parallel, "OOM",
          fmt::format("rank {} is short of {:.1f} GiB at least", fullest_rank(*outcome.least_short),
                      -static_cast<double>(smallest_margin_bytes(*outcome.least_short)) / (1 << 30))};
}

using Explored = std::vector<std::pair<spec::Parallel, TrainingExplorer::Outcome>>;

/// The plan that needs the least memory more; nothing when none was assessed.
std::optional<TrainingPlan> least_short(const Explored& all) {
  std::optional<TrainingPlan> out;
  for (const auto& [parallel, outcome] : all)
    if (outcome.least_short && (!out || smallest_margin_bytes(*outcome.least_short) > smallest_margin_bytes(*out)))
      out = outcome.least_short;
  return out;
}

void rank(const Explored& all, int top, TrainingResult& out) {
  for (const auto& [parallel, outcome] : all)
    out.plans.insert(out.plans.end(), outcome.fitting.begin(), outcome.fitting.end());
  std::ranges::stable_sort(out.plans, {}, [](const TrainingPlan& plan) { return plan.predicted.step_s; });
  if (out.plans.size() > static_cast<std::size_t>(top)) out.plans.resize(static_cast<std::size_t>(top));
  out.feasible = !out.plans.empty();
  if (const auto nearest = out.feasible ? std::nullopt : least_short(all)) out.plans.push_back(*nearest);
  if (out.plans.empty()) return;
  const TrainingPlan& best = out.plans.front();
  for (const auto& [parallel, outcome] : all)
    if (!(parallel == best.parallel)) out.alternatives.push_back(alternative(parallel, outcome, best.predicted.step_s));
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
  Explored explored;
  for (const spec::Parallel& parallel : all) {
    if (progress) progress(static_cast<long>(explored.size()), static_cast<long>(all.size()));
    const std::string fault = tp_fault(request.question, parallel.tp);
    explored.emplace_back(parallel, stop.load()      ? explorer.refuse("interrupted", "not tried")
                                    : !fault.empty() ? explorer.refuse("tensor-parallel size impossible", fault)
                                                     : explorer.explore(parallel));
  }
  TrainingResult out;
  out.counts = explorer.counts();
  out.interrupted = stop.load();
  rank(explored, request.top, out);
  return out;
}

}  // namespace ppplan::search

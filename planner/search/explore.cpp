#include "planner/search/explore.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/cost/assess.h"
#include "planner/engines/vllm_rules.h"
#include "planner/search/build_plan.h"
#include "planner/search/micro_batching.h"
#include "planner/search/partitions.h"
#include "planner/search/rank.h"
#include "planner/search/shortage.h"

namespace ppplan::search {

namespace {

bool uses_all(const Question& question, const Factorization& it) { return it.size() == question.devices; }

// By how much a candidate is over its limits, 1 = at the limit.
double excess(const spec::Workload& workload, const spec::Predicted& predicted) {
  double most = 0;
  if (workload.max_ttft_s) most = std::max(most, predicted.ttft_s / *workload.max_ttft_s);
  if (workload.max_tpot_s) most = std::max(most, predicted.tpot_s / *workload.max_tpot_s);
  return most;
}

std::string limit_text(const char* what, double seconds, double limit_s) {
  return fmt::format("{} of {:.4g} s exceeds the limit of {:.4g} s", what, seconds, limit_s);
}

}  // namespace

Explorer::Explorer(const Question& question, Counts& counts, const std::atomic<bool>& stop)
    : question_(question), counts_(counts), stop_(stop) {}

std::size_t Explorer::settings_of(const Factorization& factorization) const {
  if (!factorization.kind.empty()) return 0;
  return settings(question_, factorization.parallel, !uses_all(question_, factorization)).size();
}

Outcome Explorer::explore(const Factorization& factorization, const std::function<void()>& setting_done) {
  Outcome outcome{factorization, {}, {}, {}};
  if (!factorization.kind.empty()) {
    ++counts_.enumerated;
    ++counts_.pruned[factorization.kind];
    return outcome;
  }
  const auto tried = settings(question_, factorization.parallel, !uses_all(question_, factorization));
  std::size_t ticks = 0;
  for (DeviceOrder& order : promising_orders(factorization.parallel, tried.front())) {
    order_ = std::move(order);
    seen_.clear();
    Outcome one{factorization, {}, std::move(outcome.least_short), std::move(outcome.nearest_limit)};
    explore_order(tried, one, [&] {
      if (ticks++ < tried.size()) setting_done();
    });
    outcome.least_short = std::move(one.least_short);
    outcome.nearest_limit = std::move(one.nearest_limit);
    std::move(one.candidates.begin(), one.candidates.end(), std::back_inserter(outcome.candidates));
  }
  rank(outcome.candidates, question_.request.workload);
  return outcome;
}

void Explorer::explore_order(const std::vector<spec::MicroBatching>& tried, Outcome& outcome,
                             const std::function<void()>& setting_done) {
  const bool all = uses_all(question_, outcome.factorization);
  for (const spec::MicroBatching& setting : tried) {
    if (stop_) break;
    try_setting(setting, outcome);
    setting_done();
  }
  rank(outcome.candidates, question_.request.workload);
  for (const Candidate& base : best_by_setting(outcome, all ? 3 : 1)) try_thoroughly(base, outcome);
  rank(outcome.candidates, question_.request.workload);
  if (all && !outcome.candidates.empty()) try_moves(Candidate(outcome.candidates.front()), outcome);
}

std::vector<DeviceOrder> Explorer::promising_orders(const spec::Parallel& parallel,
                                                    const spec::MicroBatching& setting) {
  constexpr std::size_t most_orders = 512, kept = 3;
  std::vector<DeviceOrder> orders = device_orders(question_, parallel, most_orders);
  if (orders.size() <= kept) return orders;
  std::vector<std::pair<double, DeviceOrder>> ranked;
  for (DeviceOrder& order : orders) {
    if (stop_) break;
    const double value = promise(parallel, setting, order);
    ranked.emplace_back(-value, std::move(order));
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  orders.clear();
  for (std::size_t i = 0; i < std::min(kept, ranked.size()); ++i) orders.push_back(std::move(ranked[i].second));
  return orders;
}

// What fits ranks by the goal in closed form, what does not by how little is short.
double Explorer::promise(const spec::Parallel& parallel, const spec::MicroBatching& setting, const DeviceOrder& order) {
  spec::Plan plan = build_plan(question_, parallel, setting, first_partition(question_, parallel.pp), order);
  cost::assess_memory(plan);
  std::vector<int> fitting = fitting_partition(question_, plan);
  const bool fits = !fitting.empty();
  set_partition(plan, fits ? fitting : least_short_partition(question_, plan));
  cost::assess_memory(plan);
  if (!fits) return static_cast<double>(std::min<std::int64_t>(0, least_margin_bytes(plan)));
  cost::assess_times(plan, question_.book);
  double best = 0;
  for (const auto& partition : partitions(question_, plan, false)) {
    set_partition(plan, partition);
    cost::assess_memory(plan);
    if (plan.verdict == spec::Verdict::oom) continue;
    cost::assess_times(plan, question_.book);
    plan.predicted = cost::analytic(plan);
    best = std::max(best, score(question_.request.workload, plan.predicted));
  }
  return best;
}

void Explorer::prune(const std::string& reason) {
  ++counts_.enumerated;
  ++counts_.pruned[reason];
}

void Explorer::try_setting(const spec::MicroBatching& setting, Outcome& outcome) {
  if (setting.max_num_batched_tokens < setting.max_num_seqs) return prune("max_num_batched_tokens below max_num_seqs");
  const spec::Parallel& parallel = outcome.factorization.parallel;
  spec::Plan plan = build_plan(question_, parallel, setting, first_partition(question_, parallel.pp), order_);
  consider(plan, plan.partition, outcome);
  if (plan.verdict == spec::Verdict::oom) {
    const std::vector<int> fitting = fitting_partition(question_, plan);
    if (fitting.empty()) return consider(plan, least_short_partition(question_, plan), outcome);
    consider(plan, fitting, outcome);
  }
  if (plan.times.empty()) return;
  for (const auto& partition : partitions(question_, plan, false)) consider(plan, partition, outcome);
}

void Explorer::try_thoroughly(const Candidate& base, Outcome& outcome) {
  if (base.parallel.pp == 1 || stop_) return;
  spec::Plan plan = build_plan(question_, base.parallel, base.micro_batching, base.partition, order_);
  cost::assess_memory(plan);
  cost::assess_times(plan, question_.book);
  for (const auto& partition : partitions(question_, plan, true)) consider(plan, partition, outcome);
}

void Explorer::try_moves(const Candidate& base, Outcome& outcome) {
  if (question_.request.partition) return;
  spec::Plan plan = build_plan(question_, base.parallel, base.micro_batching, base.partition, order_);
  for (const auto& partition : one_layer_moves(base.partition, 0, base.parallel.pp)) consider(plan, partition, outcome);
}

// Leaves `plan` assessed as far as was needed: without times when it was pruned for memory or is known already.
void Explorer::consider(spec::Plan& plan, const std::vector<int>& partition, Outcome& outcome) {
  const auto& [tokens, sequences] =
      std::tie(plan.micro_batching.max_num_batched_tokens, plan.micro_batching.max_num_seqs);
  if (stop_ || !seen_.emplace(tokens, sequences, partition).second) return;
  set_partition(plan, partition);
  if (!engines::partition_fault(plan.model, partition).empty()) return prune("vLLM can't run the partition");
  cost::assess_memory(plan);
  const std::vector<int> first = first_partition(question_, plan.parallel.pp);
  if (plan.verdict == spec::Verdict::oom) {
    keep_least_short(candidate_of(plan, first), outcome);
    return prune("does not fit");
  }
  cost::assess_times(plan, question_.book);
  plan.predicted = cost::analytic(plan);
  Candidate candidate = candidate_of(plan, first);
  if (!keeps_limits(candidate, outcome)) return;
  ++counts_.enumerated;
  ++counts_.evaluated;
  outcome.candidates.push_back(std::move(candidate));
}

void Explorer::keep_least_short(const Candidate& candidate, Outcome& outcome) const {
  if (!outcome.least_short || candidate.margin_bytes > outcome.least_short->margin_bytes)
    outcome.least_short = candidate;
}

bool Explorer::keeps_limits(Candidate& candidate, Outcome& outcome) {
  const spec::Workload& workload = question_.request.workload;
  const spec::Predicted& predicted = candidate.predicted;
  if (candidate.within_limits) return true;
  const bool late = workload.max_ttft_s && predicted.ttft_s > *workload.max_ttft_s;
  candidate.reason = late ? limit_text("time to first token", predicted.ttft_s, *workload.max_ttft_s)
                          : limit_text("time per output token", predicted.tpot_s, *workload.max_tpot_s);
  if (!outcome.nearest_limit || excess(workload, predicted) < excess(workload, outcome.nearest_limit->predicted))
    outcome.nearest_limit = candidate;
  prune(late ? "over --max-ttft-s" : "over --max-tpot-s");
  return false;
}

std::vector<Candidate> Explorer::best_by_setting(const Outcome& outcome, std::size_t count) const {
  std::vector<Candidate> best;
  for (const Candidate& candidate : outcome.candidates) {
    const bool known = std::any_of(best.begin(), best.end(), [&](const Candidate& other) {
      return other.micro_batching == candidate.micro_batching;
    });
    if (!known) best.push_back(candidate);
    if (best.size() == count) break;
  }
  return best;
}

}  // namespace ppplan::search

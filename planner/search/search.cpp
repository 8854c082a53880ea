#include "planner/search/search.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/cost/assess.h"
#include "planner/search/alternatives.h"
#include "planner/search/explore.h"
#include "planner/search/finalists.h"
#include "planner/search/neighbours.h"
#include "planner/search/pareto.h"
#include "planner/search/partitions.h"
#include "planner/search/question.h"
#include "planner/search/rank.h"

namespace ppplan::search {

namespace {

using Progress = std::function<void(long, long)>;

std::vector<Outcome> explore_all(const Question& question, Counts& counts, const Progress& progress,
                                 const std::atomic<bool>& stop) {
  const std::vector<Factorization> all = factorizations(question);
  Explorer explorer(question, counts, stop);
  long total = 0;
  for (const Factorization& it : all) total += static_cast<long>(explorer.settings_of(it));
  long done = 0;
  const auto tick = [&] {
    ++done;
    if (progress) progress(done, total);
  };
  std::vector<Outcome> outcomes;
  for (const Factorization& it : all) {
    if (stop) break;
    outcomes.push_back(explorer.explore(it, tick));
  }
  return outcomes;
}

std::vector<Candidate> all_ranked(const std::vector<Outcome>& outcomes, const spec::Workload& workload) {
  std::vector<Candidate> all;
  for (const Outcome& outcome : outcomes) all.insert(all.end(), outcome.candidates.begin(), outcome.candidates.end());
  rank(all, workload);
  return all;
}

const Candidate* least_short(const std::vector<Outcome>& outcomes) {
  const Candidate* best = nullptr;
  for (const Outcome& outcome : outcomes)
    if (outcome.least_short && (!best || outcome.least_short->margin_bytes > best->margin_bytes))
      best = &*outcome.least_short;
  return best;
}

const Candidate* nearest_limit(const std::vector<Outcome>& outcomes, const spec::Workload& workload) {
  std::vector<const Candidate*> all;
  for (const Outcome& outcome : outcomes)
    if (outcome.nearest_limit) all.push_back(&*outcome.nearest_limit);
  const auto excess = [&](const Candidate* c) {
    return std::max(workload.max_ttft_s ? c->predicted.ttft_s / *workload.max_ttft_s : 0,
                    workload.max_tpot_s ? c->predicted.tpot_s / *workload.max_tpot_s : 0);
  };
  const auto nearest =
      std::min_element(all.begin(), all.end(), [&](auto* a, auto* b) { return excess(a) < excess(b); });
  return nearest == all.end() ? nullptr : *nearest;
}

// Nothing is left: the plan nearest to the limits, otherwise the one that is least short.
void answer_infeasible(const Question& question, const std::vector<Outcome>& outcomes, Result& result) {
  const Candidate* limit = nearest_limit(outcomes, question.request.workload);
  const Candidate* best = limit ? limit : least_short(outcomes);
  if (!best) return;
  result.feasible = false;
  result.plans.push_back(finished_plan(question, *best));
  std::vector<std::string>& warnings = result.plans.front().warnings;
  warnings.insert(warnings.begin(), limit ? "no plan keeps the limits: the nearest one's " + best->reason
                                          : "no plan fits: in the least short one " + best->reason);
  result.alternatives = alternatives(outcomes, *best, question.request.workload);
}

void add_warnings(const Question& question, std::vector<spec::Plan>& plans) {
  for (spec::Plan& plan : plans) {
    if (&plan != &plans.front() &&
        indistinguishable(question.request.workload, plan.predicted, plans.front().predicted))
      plan.warnings.push_back(fmt::format("no difference: within {:.0f} % of the best plan under the goal {}",
                                          100 * no_difference, spec::name(question.request.workload.goal)));
    for (const spec::Stage& stage : plan.stages)
      for (const auto& group : stage.devices)
        if (plan.cluster.devices[static_cast<std::size_t>(group.front())].node !=
            plan.cluster.devices[static_cast<std::size_t>(group.back())].node) {
          plan.warnings.push_back(
              fmt::format("TP {} spans nodes: its all-reduces cross the network", plan.parallel.tp));
          return;
        }
  }
}

// The first `top`, and the best one with a pipeline when the best of all has none.
std::vector<spec::Plan> top_plans(std::vector<spec::Plan> ranked, std::size_t top) {
  const auto pipeline =
      std::find_if(ranked.begin(), ranked.end(), [](const spec::Plan& p) { return p.parallel.pp > 1; });
  const bool needs_pipeline = !ranked.empty() && ranked.front().parallel.pp == 1 && pipeline != ranked.end();
  if (needs_pipeline) {
    pipeline->warnings.push_back("the best plan has no pipeline; this is the best one with a pipeline");
    const auto last = ranked.begin() + static_cast<std::ptrdiff_t>(std::min(top, ranked.size()));
    if (pipeline >= last) {
      spec::Plan extra = std::move(*pipeline);
      ranked.resize(top);
      ranked.push_back(std::move(extra));
      return ranked;
    }
  }
  if (ranked.size() > top) ranked.resize(top);
  return ranked;
}

void answer(const Question& question, const std::vector<Candidate>& ranked, const Evaluator& simulate,
            const std::atomic<bool>& stop, Result& result) {
  const Evaluator evaluate = stop ? Evaluator() : simulate;
  std::vector<spec::Plan> plans = simulated_finalists(question, ranked, evaluate, result.counts);
  climb(question, plans, evaluate, result.counts);
  result.plans = top_plans(std::move(plans), static_cast<std::size_t>(question.request.top));
  add_warnings(question, result.plans);
  const auto pipeline = std::find_if(result.plans.begin(), result.plans.end(),
                                     [](const spec::Plan& plan) { return plan.parallel.pp > 1; });
  if (pipeline != result.plans.begin() && pipeline != result.plans.end())
    add_neighbours(question, *pipeline, evaluate, result.counts);
  for (const Candidate& candidate : pareto(ranked)) result.pareto.push_back(finished_plan(question, candidate));
}

// The chosen plan as the closed form saw it, so that alternatives are compared like with like.
Candidate chosen(const Question& question, const spec::Plan& plan) {
  Candidate candidate = candidate_of(plan, first_partition(question, plan.parallel.pp));
  candidate.predicted = cost::analytic(plan);
  return candidate;
}

}  // namespace

Result search(const Request& request, cost::CostBook& book, const Evaluator& simulate, const Progress& progress,
              const std::atomic<bool>& stop) {
  const Question question = question_of(request, book);
  Result result;
  const std::vector<Outcome> outcomes = explore_all(question, result.counts, progress, stop);
  const std::vector<Candidate> ranked = all_ranked(outcomes, request.workload);
  if (ranked.empty()) {
    if (!stop) answer_infeasible(question, outcomes, result);
  } else {
    answer(question, ranked, simulate, stop, result);
    result.alternatives = alternatives(outcomes, chosen(question, result.plans.front()), request.workload);
  }
  result.interrupted = stop;
  return result;
}

}  // namespace ppplan::search

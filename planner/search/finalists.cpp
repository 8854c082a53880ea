#include "planner/search/finalists.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "planner/cost/assess.h"
#include "planner/engines/plan_warnings.h"
#include "planner/engines/vllm_rules.h"
#include "planner/search/build_plan.h"
#include "planner/search/partitions.h"
#include "planner/search/rank.h"
#include "planner/search/shortage.h"

namespace ppplan::search {

namespace {

bool same_cut(const Candidate& a, const Candidate& b) {
  return a.parallel == b.parallel && a.partition == b.partition && a.order == b.order;
}

bool same_setting(const Candidate& a, const Candidate& b) {
  return a.parallel == b.parallel && a.micro_batching == b.micro_batching;
}

bool same_plan(const Candidate& a, const Candidate& b) { return same_cut(a, b) && same_setting(a, b); }

template <typename Same>
bool holds(const std::vector<Candidate>& all, const Candidate& candidate, Same same) {
  return std::any_of(all.begin(), all.end(), [&](const Candidate& c) { return same(c, candidate); });
}

template <typename Same>
std::vector<Candidate> first_distinct(const std::vector<Candidate>& ranked, std::size_t most, Same same) {
  std::vector<Candidate> chosen;
  for (const Candidate& candidate : ranked) {
    if (chosen.size() == most) break;
    if (!holds(chosen, candidate, same)) chosen.push_back(candidate);
  }
  return chosen;
}

Candidate reduced(const Question& question, const spec::Plan& plan) {
  return candidate_of(plan, first_partition(question, plan.parallel.pp));
}

/// Those that fit and, in closed form, keep the limits of time; simulated.
std::vector<spec::Plan> predicted_plans(const Question& question, const std::vector<Candidate>& candidates,
                                        const Evaluator& simulate, Counts& counts) {
  std::vector<spec::Plan> plans;
  for (const Candidate& candidate : candidates)
    if (spec::Plan plan = finished_plan(question, candidate);
        plan.verdict != spec::Verdict::oom && reduced(question, plan).within_limits)
      plans.push_back(std::move(plan));
  simulate_all(plans, simulate, counts);
  return plans;
}

}  // namespace

std::vector<Candidate> finalists(const std::vector<Candidate>& ranked, int top) {
  const std::size_t most = 2 * static_cast<std::size_t>(std::max(top, least_top));
  std::vector<Candidate> chosen = first_distinct(ranked, most, same_cut);
  for (const Candidate& candidate : first_distinct(ranked, most, same_setting))
    if (!holds(chosen, candidate, same_plan)) chosen.push_back(candidate);
  const auto pipeline =
      std::find_if(ranked.begin(), ranked.end(), [](const Candidate& c) { return c.parallel.pp > 1; });
  if (pipeline != ranked.end() && !holds(chosen, *pipeline, same_cut)) chosen.push_back(*pipeline);
  return chosen;
}

std::vector<Candidate> crossed(const std::vector<Candidate>& tried, const Candidate& best) {
  std::vector<Candidate> out;
  const auto add = [&](const Candidate& candidate) {
    if (!holds(tried, candidate, same_plan) && !holds(out, candidate, same_plan)) out.push_back(candidate);
  };
  for (const Candidate& other : tried) {
    if (!(other.parallel == best.parallel)) continue;
    Candidate cut = other, setting = best;
    cut.micro_batching = best.micro_batching;
    setting.micro_batching = other.micro_batching;
    add(cut);
    add(setting);
  }
  return out;
}

std::vector<spec::Plan> simulated_finalists(const Question& question, const std::vector<Candidate>& ranked,
                                            const Evaluator& simulate, Counts& counts) {
  std::vector<Candidate> tried, next = finalists(ranked, question.request.top);
  std::vector<spec::Plan> plans;
  while (!next.empty()) {
    std::vector<spec::Plan> more = predicted_plans(question, next, simulate, counts);
    std::move(more.begin(), more.end(), std::back_inserter(plans));
    tried.insert(tried.end(), next.begin(), next.end());
    plans = ranked_plans(question, std::move(plans));
    next = crossed(tried, reduced(question, plans.front()));
  }
  return plans;
}

spec::Plan finished_plan(const Question& question, const Candidate& candidate) {
  spec::Plan plan =
      build_plan(question, candidate.parallel, candidate.micro_batching, candidate.partition, candidate.order);
  cost::assess_memory(plan);
  cost::assess_times(plan, question.book);
  plan.predicted = cost::analytic(plan);
  add_launch(plan);
  return plan;
}

void add_launch(spec::Plan& plan) {
  plan.launch = engines::launch_line(plan);
  if (const std::string shortage = shortage_text(plan); !shortage.empty()) plan.warnings.push_back(shortage);
  if (plan.cluster.devices.front().name == "cpu-core") return;
  for (std::string& warning : engines::launch_warnings(plan)) plan.warnings.push_back(std::move(warning));
}

void simulate_all(std::vector<spec::Plan>& plans, const Evaluator& simulate, Counts& counts) {
  if (!simulate || plans.empty()) return;
  std::vector<spec::Predicted> predicted = simulate(plans);
  if (predicted.size() != plans.size()) throw std::logic_error("the evaluator must answer once for every plan");
  for (std::size_t i = 0; i < plans.size(); ++i) {
    predicted[i].kv_tokens = plans[i].predicted.kv_tokens;
    predicted[i].limiting_stage = plans[i].predicted.limiting_stage;
    plans[i].predicted = std::move(predicted[i]);
  }
  counts.simulated += static_cast<long>(plans.size());
}

std::vector<spec::Plan> ranked_plans(const Question& question, std::vector<spec::Plan> plans) {
  std::vector<Candidate> order;
  for (const spec::Plan& plan : plans) order.push_back(reduced(question, plan));
  rank(order, question.request.workload);
  order = first_distinct(order, order.size(), same_cut);
  std::vector<spec::Plan> ranked;
  for (const Candidate& candidate : order)
    for (spec::Plan& plan : plans)
      if (plan.parallel == candidate.parallel && plan.partition == candidate.partition &&
          plan.micro_batching == candidate.micro_batching && order_of(plan) == candidate.order) {
        ranked.push_back(std::move(plan));
        break;
      }
  return ranked;
}

}  // namespace ppplan::search

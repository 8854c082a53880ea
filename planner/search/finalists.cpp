#include "planner/search/finalists.h"

#include <algorithm>
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

}  // namespace

std::vector<Candidate> finalists(const std::vector<Candidate>& ranked, int top) {
  std::vector<Candidate> chosen;
  const auto known = [&](const Candidate& candidate) {
    return std::any_of(chosen.begin(), chosen.end(), [&](const Candidate& c) { return same_cut(c, candidate); });
  };
  for (const Candidate& candidate : ranked) {
    if (chosen.size() == 2 * static_cast<std::size_t>(top)) break;
    if (!known(candidate)) chosen.push_back(candidate);
  }
  const auto pipeline =
      std::find_if(ranked.begin(), ranked.end(), [](const Candidate& c) { return c.parallel.pp > 1; });
  if (pipeline != ranked.end() && !known(*pipeline)) chosen.push_back(*pipeline);
  return chosen;
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
  for (const spec::Plan& plan : plans) order.push_back(candidate_of(plan, first_partition(question, plan.parallel.pp)));
  rank(order, question.request.workload);
  std::vector<spec::Plan> ranked;
  for (const Candidate& candidate : order)
    for (spec::Plan& plan : plans)
      if (plan.parallel == candidate.parallel && plan.partition == candidate.partition &&
          order_of(plan) == candidate.order)
        ranked.push_back(std::move(plan));
  return ranked;
}

}  // namespace ppplan::search

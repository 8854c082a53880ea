#include "planner/search/neighbours.h"

#include <algorithm>

#include "planner/cost/assess.h"
#include "planner/engines/architecture_rules.h"
#include "planner/search/build_plan.h"
#include "planner/search/finalists.h"
#include "planner/search/partitions.h"
#include "planner/search/rank.h"

namespace ppplan::search {

namespace {

int slowest_stage(const spec::Plan& plan) {
  const auto slower = [](const spec::Stage& a, const spec::Stage& b) {
    return std::pair(a.decode_s, a.prefill_s) < std::pair(b.decode_s, b.prefill_s);
  };
  return static_cast<int>(std::max_element(plan.stages.begin(), plan.stages.end(), slower) - plan.stages.begin());
}

std::vector<std::vector<int>> moves(const spec::Plan& plan) {
  std::vector<std::vector<int>> all;
  for (int stage : {plan.predicted.limiting_stage, slowest_stage(plan)})
    for (auto& partition : one_layer_moves(plan.partition, stage - 1, stage + 1))
      if (std::find(all.begin(), all.end(), partition) == all.end()) all.push_back(std::move(partition));
  return all;
}

bool gains(const Question& question, const spec::Plan& plan, const spec::Plan& moved) {
  std::vector<spec::Plan> both{plan, moved};
  const spec::Plan best = ranked_plans(question, std::move(both)).front();
  return best.partition == moved.partition && moved.verdict <= plan.verdict &&
         !indistinguishable(question.request.workload, plan.predicted, moved.predicted);
}

}  // namespace

std::vector<spec::Plan> add_neighbours(const Question& question, spec::Plan& plan, const Evaluator& simulate,
                                       Counts& counts) {
  plan.neighbours.clear();
  std::vector<spec::Plan> fitting;
  if (plan.parallel.pp == 1) return fitting;
  for (const auto& partition : moves(plan)) {
    if (!engines::partition_fault(plan.model, partition).empty()) continue;
    spec::Plan moved = build_plan(question, plan.parallel, plan.micro_batching, partition, order_of(plan));
    cost::assess_memory(moved);
    plan.neighbours.push_back({partition, moved.predicted.kv_tokens, 0, moved.verdict});
    if (moved.verdict == spec::Verdict::oom) continue;
    cost::assess_times(moved, question.book);
    moved.predicted = cost::analytic(moved);
    fitting.push_back(std::move(moved));
  }
  simulate_all(fitting, simulate, counts);
  for (spec::Neighbour& neighbour : plan.neighbours)
    for (const spec::Plan& moved : fitting)
      if (moved.partition == neighbour.partition) neighbour.output_tokens_per_s = moved.predicted.output_tokens_per_s;
  return fitting;
}

void climb(const Question& question, std::vector<spec::Plan>& ranked, const Evaluator& simulate, Counts& counts) {
  std::vector<spec::Plan> moved = add_neighbours(question, ranked.front(), simulate, counts);
  while (!question.request.partition && !moved.empty()) {
    spec::Plan best = std::move(ranked_plans(question, std::move(moved)).front());
    if (!gains(question, ranked.front(), best)) return;
    add_launch(best);
    ranked.insert(ranked.begin(), std::move(best));
    moved = add_neighbours(question, ranked.front(), simulate, counts);
  }
}

}  // namespace ppplan::search

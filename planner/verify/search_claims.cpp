// A search document and the plans in it, and the plan of a check document.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {

Checks plan_claims(const input::Node& node) {
  const PlanFacts plan = plan_facts(node);
  const input::Node predicted = node.at("predicted");
  Checks checks;
  add_layout_claims(plan, checks);
  Claim readable("stages, costs and boundaries agree in number and lie within model and cluster");
  readable.require("", plan.sound(), "ones that do not, so that nothing else can be recomputed");
  checks.push_back(readable.check());
  if (!plan.sound()) return checks;
  add_memory_claims(plan, predicted, checks);
  add_time_claims(plan, predicted, checks);
  add_predicted_claims(plan, predicted, checks);
  add_launch_claims(plan, node.at("launch"), checks);
  add_neighbour_claims(plan, node.at("neighbours"), checks);
  return checks;
}

Checks check_claims(const input::Node& node) {
  Checks checks = plan_claims(node);
  const std::string verdict = node.at("verdict").text();
  const auto fails_at = node.find("fails_at");
  Claim claim("a configuration that does not fit says where, on which stage and by how much");
  static const std::set<std::string> steps = {"weights", "profile", "cuda_graph", "sampler", "kv", "context"};
  claim.require("fails_at", fails_at ? verdict != "FITS" && steps.contains(fails_at->text()) : verdict != "OOM",
                fails_at ? fails_at->text() : "nothing");
  if (fails_at) {
    const auto stages = node.at("stages").items();
    const auto stage = node.at("stage").integer(0, static_cast<std::int64_t>(stages.size()) - 1);
    const auto margin = stages[static_cast<std::size_t>(stage)].at("memory").at("margin_bytes").integer();
    claim.require("stage", margin < 0, fmt::format("one with a margin of {} bytes", margin));
    claim.require("short_bytes", node.at("short_bytes").integer() > 0, "none");
  }
  checks.push_back(claim.check());
  return checks;
}

namespace {

using input::Node;

/// What the workload's goal ranks by, larger is better.
double score(const Node& plan) {
  const std::string goal = plan.at("inputs").at("workload").at("goal").text();
  const Node predicted = plan.at("predicted");
  const auto inverse = [](double seconds) { return seconds > 0 ? 1 / seconds : 0; };
  if (goal == "ttft") return inverse(predicted.at("ttft_s").number(0));
  if (goal == "tpot") return inverse(predicted.at("tpot_s").number(0));
  return predicted.at(goal == "max-context" ? "kv_tokens" : "output_tokens_per_s").number(0);
}

/// Has room on every stage and keeps the workload's limits.
bool is_first_class(const Node& plan) {
  for (const Node& stage : plan.at("stages").items())
    if (stage.at("memory").at("margin_bytes").number() < 0) return false;
  const Node workload = plan.at("inputs").at("workload");
  const Node predicted = plan.at("predicted");
  const auto kept = [&](const char* limit, const char* figure) {
    const auto most = workload.find(limit);
    return !most || predicted.at(figure).number() <= most->number();
  };
  return kept("max_ttft_s", "ttft_s") && kept("max_tpot_s", "tpot_s");
}

/// Plans within 1 % of each other are no difference and may stand in any order.
Check order_claim(const std::vector<Node>& plans) {
  Claim claim("plans stand best first under the goal");
  for (std::size_t i = 0; i + 1 < plans.size(); ++i)
    for (std::size_t j = i + 1; j < plans.size(); ++j)
      if (is_first_class(plans[j]))
        claim.require(fmt::format("plan {} before plan {}", i, j),
                      is_first_class(plans[i]) && score(plans[i]) >= score(plans[j]) * 0.99 * (1 - 1e-9),
                      "a worse one first");
  return claim.check();
}

Check steps_claim(const std::vector<Node>& plans) {
  Claim claim("training plans stand in the order of their steps");
  for (std::size_t i = 1; i < plans.size(); ++i)
    claim.require(
        fmt::format("plan {}", i),
        plans[i - 1].at("predicted").at("step_s").number(0) <= plans[i].at("predicted").at("step_s").number(0),
        "a faster one");
  return claim.check();
}

std::string factors(const Node& node) {
  return fmt::format("tp {} pp {} dp {}", node.at("tp").count(), node.at("pp").count(), node.at("dp").count());
}

Check alternatives_claim(const Node& search, const std::vector<Node>& plans) {
  Claim claim("alternatives are other factorizations, each once, with a verdict and a reason");
  std::set<std::string> seen;
  if (!plans.empty()) seen.insert(factors(plans.front().at("parallel")));
  static const std::set<std::string> verdicts = {"FITS", "TIGHT", "OOM", "INVALID"};
  for (const Node& alternative : search.at("alternatives").items()) {
    const std::string place = factors(alternative);
    claim.require(place, seen.insert(place).second, "it again");
    claim.require(place, verdicts.contains(alternative.at("verdict").text()), alternative.at("verdict").text());
    claim.require(place, !alternative.at("reason").text().empty(), "no reason");
  }
  return claim.check();
}

Check counts_claim(const Node& search, const std::vector<Node>& plans) {
  Claim claim("counts are not negative, and what is printed was evaluated");
  const Node counts = search.at("counts");
  for (const char* key : {"enumerated", "evaluated", "simulated"})
    claim.require(key, counts.at(key).integer() >= 0, "a negative count");
  const Node pruned = counts.at("pruned");
  for (const std::string& reason : pruned.keys())
    claim.require(reason, pruned.at(reason).integer() >= 0, "a negative count");
  const bool feasible = !plans.empty() && plans.front().at("verdict").text() != "OOM";
  claim.require("evaluated", !feasible || counts.at("evaluated").integer() > 0, "none");
  const auto stated = search.find("feasible");
  if (stated && !plans.empty())
    claim.require("feasible", stated->boolean() == feasible, "the opposite of the first plan's verdict");
  return claim.check();
}

Check pareto_claim(const Node& search) {
  Claim claim("no plan of the Pareto set is beaten by more than 1 % in everything by another");
  const auto pareto = search.find("pareto");
  if (!pareto) return claim.check();
  const auto plans = pareto->items();
  const auto beats = [](const Node& a, const Node& b, const char* key, bool larger) {
    const double one = a.at(key).number(0);
    const double other = b.at(key).number(0);
    return larger ? one > other * 1.01 : one < other * 0.99;
  };
  for (std::size_t i = 1; i < plans.size(); ++i)  // the first is the goal's best, kept in any case
    for (std::size_t j = 0; j < plans.size(); ++j)
      claim.require(fmt::format("plan {}", i),
                    !(beats(plans[j], plans[i], "output_tokens_per_s", true) &&
                      beats(plans[j], plans[i], "kv_tokens", true) && beats(plans[j], plans[i], "ttft_s", false)),
                    fmt::format("plan {} that is better", j));
  return claim.check();
}

}  // namespace

Checks search_claims(const Node& search) {
  const auto plans = search.at("plans").items();
  const auto task = search.find("task");
  const bool training = task && task->text() == "train";
  Checks checks;
  for (std::size_t p = 0; p < plans.size(); ++p) {
    plans[p].expect_format(training ? "ppplan/training-plan/" : "ppplan/plan/", 1);
    for (Check& check : training ? training_claims(plans[p]) : plan_claims(plans[p]))
      checks.push_back({fmt::format("plan {}: {}", p, check.claim), check.holds, check.detail});
  }
  if (training) {
    checks.push_back(steps_claim(plans));
    checks.push_back(alternatives_claim(search, plans));
    checks.push_back(counts_claim(search, plans));
    return checks;
  }
  checks.push_back(order_claim(plans));
  checks.push_back(alternatives_claim(search, plans));
  checks.push_back(counts_claim(search, plans));
  checks.push_back(pareto_claim(search));
  return checks;
}

}  // namespace ppplan::verify

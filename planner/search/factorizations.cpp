#include "planner/search/factorizations.h"

#include <fmt/format.h>

#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/search/device_orders.h"

namespace ppplan::search {

namespace {

bool any_pinned(const Request& request) { return request.tp || request.pp || request.dp || request.partition; }

std::vector<int> device_counts(const Question& question) {
  std::vector<int> counts;
  const bool all = question.devices <= 8 || any_pinned(question.request);
  for (int count = question.devices; count >= 1; --count)
    if (all || question.devices % count == 0) counts.push_back(count);
  return counts;
}

bool as_pinned(const Request& request, const spec::Parallel& parallel) {
  if (request.partition && static_cast<int>(request.partition->size()) != parallel.pp) return false;
  return request.tp.value_or(parallel.tp) == parallel.tp && request.pp.value_or(parallel.pp) == parallel.pp &&
         request.dp.value_or(parallel.dp) == parallel.dp;
}

// Some order of the devices must put every group on equal cards of one node.
void check_groups(const Question& question, Factorization& it) {
  if (!device_orders(question, it.parallel, 512).empty()) return;
  const DeviceOrder given = given_order(it.parallel);
  if (it.reason = order_fault(question, given); !it.reason.empty()) {
    it.kind = "a card can't run the number format";
    return;
  }
  it.reason = group_fault(question.request.cluster, it.parallel, given, true);
  it.kind = it.reason.empty() ? "TP group spans nodes" : "TP group mixes cards";
  if (it.reason.empty()) it.reason = group_fault(question.request.cluster, it.parallel, given, false);
  if (it.reason.empty())
    it.reason = fmt::format("TP {}: there are not that many groups of equal cards", it.parallel.tp);
}

void find_fault(const Question& question, Factorization& it) {
  const auto& [tp, pp, dp] = it.parallel;
  if (const std::string fault = engines::tensor_parallel_fault(question.request.model, tp,
                                                               question.request.engine.expert_parallel, question.vllm);
      !fault.empty()) {
    it.kind = "heads not divisible by TP";
    it.reason = fmt::format("TP {}: {}", tp, fault);
  } else if (const std::string refused = engines::pipeline_fault(question.request.model, pp, question.vllm);
             pp <= question.layers && !refused.empty()) {
    it.kind = "vLLM has no pipeline for the model";
    it.reason = refused;
  } else if (pp > question.layers) {
    it.kind = "PP exceeds the layers";
    it.reason = fmt::format("PP {} exceeds {} layers", pp, question.layers);
  } else if (dp > question.request.workload.concurrency) {
    it.kind = "more replicas than requests";
    it.reason = fmt::format("DP {} exceeds {} concurrent requests", dp, question.request.workload.concurrency);
  } else if (tp > 1 && question.request.cluster.devices.front().name == "cpu-core") {
    it.kind = "CPU cores run TP 1";
    it.reason = fmt::format("TP {}: the host executor gives every rank one core and runs TP 1", tp);
  } else {
    check_groups(question, it);
  }
}

}  // namespace

std::vector<Factorization> factorizations(const Question& question) {
  std::vector<Factorization> all;
  bool possible = false;
  for (int count : device_counts(question))
    for (int tp = 1; tp <= count; ++tp)
      for (int pp = 1; count % tp == 0 && pp <= count / tp; ++pp) {
        if (count / tp % pp != 0) continue;
        Factorization it{{tp, pp, count / tp / pp}, "", ""};
        if (!as_pinned(question.request, it.parallel)) continue;
        find_fault(question, it);
        possible = possible || it.kind.empty();
        all.push_back(std::move(it));
      }
  if (possible) return all;
  throw input::InputError("--tp, --pp, --dp", "", fmt::format("parts that {} devices can hold", question.devices),
                          all.empty() ? "none that match" : all.front().reason);
}

}  // namespace ppplan::search

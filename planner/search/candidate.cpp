#include "planner/search/candidate.h"

#include <algorithm>
#include <optional>

#include "planner/search/build_plan.h"
#include "planner/search/shortage.h"

namespace ppplan::search {

namespace {

bool over(double seconds, const std::optional<double>& limit_s) { return limit_s && seconds > *limit_s; }

}  // namespace

Candidate candidate_of(const spec::Plan& plan, const std::vector<int>& first) {
  Candidate candidate;
  candidate.parallel = plan.parallel;
  candidate.micro_batching = plan.micro_batching;
  candidate.partition = plan.partition;
  candidate.order = order_of(plan);
  candidate.is_default = plan.partition == first;
  candidate.predicted = plan.predicted;
  candidate.outside =
      std::any_of(plan.times.begin(), plan.times.end(), [](const auto& times) { return times.outside; });
  candidate.verdict = plan.verdict;
  candidate.margin_bytes = least_margin_bytes(plan);
  candidate.within_limits =
      !over(plan.predicted.ttft_s, plan.workload.max_ttft_s) && !over(plan.predicted.tpot_s, plan.workload.max_tpot_s);
  candidate.reason = shortage_text(plan);
  return candidate;
}

}  // namespace ppplan::search

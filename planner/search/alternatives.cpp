#include "planner/search/alternatives.h"

#include <fmt/format.h>

#include "planner/search/rank.h"

namespace ppplan::search {

namespace {

std::string figures(const spec::Workload& workload, const spec::Predicted& own, const spec::Predicted& best) {
  switch (workload.goal) {
    case spec::Goal::throughput:
      return fmt::format("{:.4g} against {:.4g} output tokens/s", own.output_tokens_per_s, best.output_tokens_per_s);
    case spec::Goal::ttft:
      return fmt::format("{:.4g} against {:.4g} s to the first token", own.ttft_s, best.ttft_s);
    case spec::Goal::tpot:
      return fmt::format("{:.4g} against {:.4g} s per output token", own.tpot_s, best.tpot_s);
    case spec::Goal::max_context:
      return fmt::format("{} against {} KV tokens", own.kv_tokens, best.kv_tokens);
  }
  return "";
}

std::string comparison(const spec::Workload& workload, const Candidate& own, const Candidate& best) {
  const std::string text = figures(workload, own.predicted, best.predicted);
  if (!own.reason.empty()) return fmt::format("{} within the error of the estimate; {}", own.reason, text);
  const double mine = score(workload, own.predicted);
  const double theirs = score(workload, best.predicted);
  if (indistinguishable(workload, own.predicted, best.predicted)) return "no difference: " + text;
  if (mine >= theirs) return "better in closed form, not in simulation: " + text;
  const char* worse = workload.goal == spec::Goal::max_context ? "smaller" : "slower";
  return mine > 0 ? fmt::format("{:.3g} times {}: {}", theirs / mine, worse, text) : fmt::format("{}: {}", worse, text);
}

Alternative alternative(const Outcome& outcome, const Candidate& chosen, const spec::Workload& workload) {
  const spec::Parallel& parallel = outcome.factorization.parallel;
  if (!outcome.factorization.kind.empty()) return {parallel, "INVALID", outcome.factorization.reason};
  if (!outcome.candidates.empty()) {
    const Candidate& own = outcome.candidates.front();
    return {parallel, std::string(spec::name(own.verdict)), comparison(workload, own, chosen)};
  }
  if (outcome.nearest_limit)
    return {parallel, std::string(spec::name(outcome.nearest_limit->verdict)), outcome.nearest_limit->reason};
  if (outcome.least_short) return {parallel, "OOM", "does not fit: " + outcome.least_short->reason};
  return {parallel, "INVALID", "no setting of max_num_batched_tokens and max_num_seqs is legal"};
}

}  // namespace

std::vector<Alternative> alternatives(const std::vector<Outcome>& outcomes, const Candidate& chosen,
                                      const spec::Workload& workload) {
  std::vector<Alternative> all;
  for (const Outcome& outcome : outcomes)
    if (!(outcome.factorization.parallel == chosen.parallel)) all.push_back(alternative(outcome, chosen, workload));
  return all;
}

}  // namespace ppplan::search

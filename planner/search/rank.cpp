#include "planner/search/rank.h"

#include <algorithm>
#include <tuple>

namespace ppplan::search {

namespace {

double inverse(double seconds) { return seconds > 0 ? 1 / seconds : 0; }

/// Under the goal max-context a plan that may not start by a hair counts like one that may: otherwise more memory could
/// lift a smaller plan over a larger one.
bool falls_short(const Candidate& candidate, spec::Goal goal) {
  return goal == spec::Goal::max_context ? candidate.verdict == spec::Verdict::oom : candidate.margin_bytes < 0;
}

int class_of(const Candidate& candidate, spec::Goal goal) {
  if (falls_short(candidate, goal)) return 3;
  if (!candidate.within_limits) return 2;
  return candidate.outside ? 1 : 0;
}

// What orders candidates that the goal can't tell apart; complete, so that the order never depends on where they came
// from.
auto preference(const Candidate& c, const spec::Workload& workload) {
  const spec::MicroBatching& setting = c.micro_batching;
  const bool throughput = workload.goal == spec::Goal::throughput;
  const double second = throughput ? c.predicted.ttft_s : -c.predicted.output_tokens_per_s;
  return std::tuple(c.verdict, devices(c), unevenness(c), !c.is_default, second, -score(workload, c.predicted),
                    setting.max_num_batched_tokens, setting.max_num_seqs, c.parallel.tp, c.parallel.pp, c.partition,
                    c.order);
}

}  // namespace

double score(const spec::Workload& workload, const spec::Predicted& predicted) {
  switch (workload.goal) {
    case spec::Goal::throughput:
      return predicted.output_tokens_per_s;
    case spec::Goal::ttft:
      return inverse(predicted.ttft_s);
    case spec::Goal::tpot:
      return inverse(predicted.tpot_s);
    case spec::Goal::max_context:
      return static_cast<double>(predicted.kv_tokens);
  }
  return 0;
}

int unevenness(const Candidate& candidate) {
  const auto [low, high] = std::minmax_element(candidate.partition.begin(), candidate.partition.end());
  return *high - *low;
}

bool indistinguishable(const spec::Workload& workload, const spec::Predicted& a, const spec::Predicted& b) {
  const double one = score(workload, a);
  const double other = score(workload, b);
  // Tokens are counted, not measured: one more is one more.
  if (workload.goal == spec::Goal::max_context) return one == other;
  return std::min(one, other) >= std::max(one, other) * (1 - no_difference);
}

void rank(std::vector<Candidate>& candidates, const spec::Workload& workload) {
  const auto preferred = [&](const Candidate& a, const Candidate& b) {
    return preference(a, workload) < preference(b, workload);
  };
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    const auto key = [&](const Candidate& c) {
      return std::pair(class_of(c, workload.goal), -score(workload, c.predicted));
    };
    return key(a) != key(b) ? key(a) < key(b) : preferred(a, b);
  });
  for (auto leader = candidates.begin(); leader != candidates.end();) {
    const auto end = std::find_if(leader, candidates.end(), [&](const Candidate& c) {
      return class_of(c, workload.goal) != class_of(*leader, workload.goal) ||
             !indistinguishable(workload, c.predicted, leader->predicted);
    });
    std::sort(leader, end, preferred);
    leader = end;
  }
}

}  // namespace ppplan::search

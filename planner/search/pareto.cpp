#include "planner/search/pareto.h"

#include <algorithm>

#include "planner/search/rank.h"

namespace ppplan::search {

namespace {

bool beats(const spec::Predicted& a, const spec::Predicted& b, double slack) {
  return a.output_tokens_per_s >= b.output_tokens_per_s * (1 - slack) &&
         static_cast<double>(a.kv_tokens) >= static_cast<double>(b.kv_tokens) * (1 - slack) &&
         a.ttft_s <= b.ttft_s * (1 + slack);
}

}  // namespace

std::vector<Candidate> pareto(const std::vector<Candidate>& ranked) {
  std::vector<Candidate> kept;
  for (const Candidate& candidate : ranked) {
    if (candidate.margin_bytes < 0) continue;
    const bool beaten = std::any_of(kept.begin(), kept.end(), [&](const Candidate& other) {
      return beats(other.predicted, candidate.predicted, no_difference);
    });
    if (beaten) continue;
    // Something kept earlier may be no better than this one in anything; the first stays, it is the goal's best.
    for (auto it = kept.begin(); it != kept.end();)
      it = it != kept.begin() && beats(candidate.predicted, it->predicted, 0) ? kept.erase(it) : it + 1;
    kept.push_back(candidate);
  }
  return kept;
}

}  // namespace ppplan::search

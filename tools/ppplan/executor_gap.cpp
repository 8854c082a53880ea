#include "tools/ppplan/executor_gap.h"

#include <map>
#include <utility>

#include "exec/sample_statistics.h"
#include "planner/schedule/longest_path.h"

namespace ppplan::tools {
namespace {

std::vector<double> durations(const schedule::Schedule& schedule, const traces::Timeline& timeline) {
  std::map<std::pair<int, traces::OpKey>, double> lasted;
  for (const traces::Span& span : timeline.spans) lasted[{span.device, span.key}] = span.end_s - span.start_s;
  std::vector<double> out;
  for (const schedule::Op& op : schedule.ops) out.push_back(lasted.at({op.device, op.key}));
  return out;
}

}  // namespace

double executor_gap_fraction(const schedule::Schedule& schedule, const std::vector<traces::Timeline>& measured) {
  std::vector<double> gaps;
  for (const traces::Timeline& timeline : measured) {
    const double makespan_s = traces::makespan_s(timeline);
    const double least_s = traces::makespan_s(schedule::longest_path(schedule, durations(schedule, timeline)));
    gaps.push_back(makespan_s > 0 ? (makespan_s - least_s) / makespan_s : 0);
  }
  return exec::quantile(gaps, 0.5);
}

}  // namespace ppplan::tools

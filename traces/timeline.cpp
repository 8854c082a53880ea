#include "traces/timeline.h"

#include <algorithm>
#include <tuple>

namespace ppplan::traces {

double makespan_s(const Timeline& timeline) {
  double latest_s = 0;
  for (const Span& span : timeline.spans) latest_s = std::max(latest_s, span.end_s);
  return latest_s;
}

void sort_spans(Timeline& timeline) {
  std::ranges::sort(timeline.spans, [](const Span& a, const Span& b) {
    return std::tie(a.start_s, a.device, a.key, a.end_s) < std::tie(b.start_s, b.device, b.key, b.end_s);
  });
}

}  // namespace ppplan::traces

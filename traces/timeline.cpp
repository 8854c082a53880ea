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
  // Most pairs are told apart by what is here; spans are four times as wide and move once.
  struct Place {
    double start_s;
    int device;
    std::uint32_t index;
  };
  std::vector<Place> places;
  places.reserve(timeline.spans.size());
  for (const Span& span : timeline.spans)
    places.push_back({span.start_s, span.device, static_cast<std::uint32_t>(places.size())});
  std::ranges::sort(places, [&](const Place& a, const Place& b) {
    if (a.start_s != b.start_s) return a.start_s < b.start_s;
    if (a.device != b.device) return a.device < b.device;
    const Span &one = timeline.spans[a.index], &other = timeline.spans[b.index];
    return std::tie(one.key, one.end_s) < std::tie(other.key, other.end_s);
  });
  std::vector<Span> sorted;
  sorted.reserve(places.size());
  for (const Place& place : places) sorted.push_back(timeline.spans[place.index]);
  timeline.spans = std::move(sorted);
}

}  // namespace ppplan::traces

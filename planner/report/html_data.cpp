#include "planner/report/html_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "planner/report/lower_bound.h"
#include "planner/report/op_times.h"
#include "planner/report/operation_graph.h"
#include "planner/report/report_json.h"

namespace ppplan::report {
namespace {

using input::Json;
using traces::Span;
using traces::Timeline;

/// Times as whole ticks, of which the longest timeline has a hundred million.
class Ticks {
 public:
  explicit Ticks(double longest_s) : tick_s_(longest_s > 0 ? longest_s / 1e8 : 1) {}
  std::int64_t of(double seconds) const { return std::llround(seconds / tick_s_); }
  double tick_s() const { return tick_s_; }

 private:
  double tick_s_;
};

/// A column in which all values are equal is one number.
Json column_json(const std::vector<std::int64_t>& values) {
  const bool same = !values.empty() && std::ranges::all_of(values, [&](auto value) { return value == values.front(); });
  return same ? Json(values.front()) : Json(values);
}

Json spans_json(const Timeline& timeline, const Ticks& ticks) {
  constexpr const char* names[] = {"device",  "kind",  "stage",  "chunk", "micro_batch",
                                   "replica", "start", "length", "bytes"};
  std::vector<std::int64_t> columns[std::size(names)];
  std::int64_t before = 0;
  for (const Span& span : timeline.spans) {
    const std::int64_t start = ticks.of(span.start_s);
    const std::int64_t values[] = {span.device,
                                   static_cast<std::int64_t>(span.key.kind),
                                   span.key.stage,
                                   span.key.chunk,
                                   span.key.micro_batch,
                                   span.key.replica,
                                   start - before,
                                   ticks.of(span.end_s) - start,
                                   span.bytes};
    for (std::size_t c = 0; c < std::size(names); ++c) columns[c].push_back(values[c]);
    before = start;
  }
  Json out = {{"count", timeline.spans.size()}};
  for (std::size_t c = 0; c < std::size(names); ++c) out[names[c]] = column_json(columns[c]);
  return out;
}

/// The steps of the critical path as indices of spans.
Json critical_json(const Timeline& timeline, const BubbleReport& report) {
  std::map<std::tuple<int, traces::OpKey, double>, std::size_t> index;
  for (std::size_t i = 0; i < timeline.spans.size(); ++i) {
    const Span& span = timeline.spans[i];
    index.try_emplace({span.device, span.key, span.start_s}, i);
  }
  Json out = Json::array();
  for (const PathStep& step : report.critical_path)
    if (const auto found = index.find({step.device, step.key, step.start_s}); found != index.end())
      out.push_back(found->second);
  return out;
}

/// Without ".0" where it is whole.
Json short_number(double value) {
  constexpr double exact = 1e15;
  return value == std::floor(value) && std::abs(value) < exact ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

Json memory_json(const PageContent& content, const Timeline& timeline, const Ticks& ticks) {
  const OperationGraph graph = operation_graph(*content.schedule);
  const OpTimes times = op_times(*content.schedule, timeline);
  Json out = Json::array();
  for (const auto& device : held_over_time(*content.schedule, graph, times, content.activations)) {
    Json steps = Json::array();
    std::int64_t before = 0;
    for (const Held& held : device) {
      const std::int64_t tick = ticks.of(held.time_s);
      steps.push_back(tick - before);
      steps.push_back(short_number(held.micro_batches));
      steps.push_back(short_number(held.bytes));
      before = tick;
    }
    out.push_back(std::move(steps));
  }
  return out;
}

Json side_json(const PageContent& content, const Timeline& timeline, const char* name, const Ticks& ticks) {
  const BubbleReport report = bubble_report(*content.schedule, timeline, *content.alone_s, content.activations);
  Json out = to_json(report);
  out.erase("format");
  out.erase("critical_path");
  out["name"] = name;
  out["origin"] = timeline.origin;
  out["devices"] = timeline.devices;
  out["spans"] = spans_json(timeline, ticks);
  out["critical"] = critical_json(timeline, report);
  out["memory"] = memory_json(content, timeline, ticks);
  return out;
}

Json bound_json(const PageContent& content) {
  const Bound bound = lower_bound(*content.schedule, *content.alone_s);
  Json out = {{"seconds", bound.seconds()},
              {"of_lane", bound.of_lane},
              {"head_s", bound.head_s},
              {"work_s", bound.work_s},
              {"tail_s", bound.tail_s}};
  if (bound.of_lane) {
    out["device"] = content.schedule->devices[static_cast<std::size_t>(bound.device)].name;
    out["lane"] = bound.lane == schedule::LaneKind::compute ? "compute"
                  : bound.lane == schedule::LaneKind::send  ? "send"
                                                            : "recv";
  }
  return out;
}

Json kind_names() {
  Json out = Json::array();
  for (auto kind = traces::OpKind::forward; kind <= traces::OpKind::update;
       kind = static_cast<traces::OpKind>(static_cast<int>(kind) + 1))
    out.push_back(traces::name(kind));
  return out;
}

}  // namespace

Json page_data(const PageContent& content) {
  double longest_s = traces::makespan_s(*content.predicted);
  if (content.measured) longest_s = std::max(longest_s, traces::makespan_s(*content.measured));
  const Ticks ticks(longest_s);
  Json out = {{"title", content.title}, {"tick_s", ticks.tick_s()}, {"kinds", kind_names()}};
  out["bound"] = bound_json(content);
  out["sides"].push_back(side_json(content, *content.predicted, "predicted", ticks));
  if (content.measured) out["sides"].push_back(side_json(content, *content.measured, "measured", ticks));
  return out;
}

}  // namespace ppplan::report

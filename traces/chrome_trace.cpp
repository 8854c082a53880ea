// The trace-event format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Chrome's own
// description). Times are microseconds.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "traces/timeline_json.h"

namespace ppplan::traces {
namespace {

enum Role { compute, send, recv, role_count };
constexpr std::array<const char*, role_count> role_names = {"compute", "send", "recv"};

// Names out of Chrome's reserved palette, by micro-batch.
constexpr std::array<const char*, 8> colours = {"thread_state_running",
                                                "thread_state_iowait",
                                                "thread_state_runnable",
                                                "rail_response",
                                                "rail_animation",
                                                "rail_idle",
                                                "rail_load",
                                                "thread_state_uninterruptible"};

/// Where each (stage, replica) computes: both ends of a token return carry one kind, and the end at home is the sender.
using Homes = std::map<std::pair<int, int>, int>;

Homes homes(const Timeline& timeline) {
  Homes found;
  for (const Span& span : timeline.spans)
    if (is_compute(span.key.kind)) found.emplace(std::pair(span.key.stage, span.key.replica), span.device);
  return found;
}

Role role(const Span& span, const Homes& at) {
  if (span.key.kind == OpKind::send || span.key.kind == OpKind::send_gradient) return send;
  if (span.key.kind == OpKind::recv || span.key.kind == OpKind::recv_gradient) return recv;
  if (span.key.kind != OpKind::token_return) return compute;
  const auto home = at.find({span.key.stage, span.key.replica});
  return home == at.end() || home->second == span.device ? send : recv;
}

/// Slices of one thread must nest, but transfers with several peers may overlap: those get further rows of their role.
class Rows {
 public:
  /// The row of the next span in order of start.
  int place(int device, Role role, const Span& span) {
    std::vector<double>& ends_s = ends_s_[{device, role}];
    const auto free = std::ranges::find_if(ends_s, [&](double end_s) { return end_s <= span.start_s; });
    const auto row = free - ends_s.begin();
    if (free == ends_s.end()) ends_s.push_back(0);
    ends_s[static_cast<std::size_t>(row)] = span.end_s;
    return static_cast<int>(row);
  }
  const std::map<std::pair<int, Role>, std::vector<double>>& used() const { return ends_s_; }

 private:
  std::map<std::pair<int, Role>, std::vector<double>> ends_s_;
};

int thread_id(Role role, int row) { return row * role_count + role; }

input::Json metadata(const char* what, int device, int thread, const char* key, input::Json value) {
  return {{"name", what}, {"ph", "M"}, {"pid", device}, {"tid", thread}, {"args", {{key, std::move(value)}}}};
}

input::Json slice(const Span& span, int thread) {
  const OpKey& key = span.key;
  input::Json args = {{"stage", key.stage}, {"chunk", key.chunk}, {"micro_batch", key.micro_batch}};
  args["replica"] = key.replica;
  if (span.bytes > 0) args["bytes"] = span.bytes;
  return {{"name", std::string(name(key.kind)) + " " + std::to_string(key.micro_batch)},
          {"cat", name(key.kind)},
          {"ph", "X"},
          {"ts", span.start_s * 1e6},
          {"dur", (span.end_s - span.start_s) * 1e6},
          {"pid", span.device},
          {"tid", thread},
          {"cname", colours[static_cast<std::size_t>(key.micro_batch) % colours.size()]},
          {"args", std::move(args)}};
}

/// Both ends of a transfer lie in the middle of its slices, where no neighbour touches.
input::Json arrow(const char* phase, std::size_t id, const Span& span, int thread) {
  input::Json event = {{"name", "transfer"}, {"cat", "transfer"}, {"ph", phase}, {"id", id}};
  event["ts"] = (span.start_s + span.end_s) / 2 * 1e6;
  event["pid"] = span.device;
  event["tid"] = thread;
  if (*phase == 'f') event["bp"] = "e";  // bind to the enclosing slice
  return event;
}

struct End {
  const Span* span;
  int thread;
};

class TraceWriter {
 public:
  explicit TraceWriter(const Timeline& timeline) : homes_(homes(timeline)), sorted_(timeline) {
    sort_spans(sorted_);
    for (const Span& span : sorted_.spans) add(span);
    for (std::size_t device = 0; device < sorted_.devices.size(); ++device) name_process(static_cast<int>(device));
    for (const auto& [place, rows] : rows_.used()) name_threads(place.first, place.second, rows.size());
  }
  input::Json document() && { return {{"traceEvents", std::move(events_)}, {"displayTimeUnit", "ms"}}; }

 private:
  void add(const Span& span) {
    const Role at = role(span, homes_);
    const int thread = thread_id(at, rows_.place(span.device, at, span));
    events_.push_back(slice(span, thread));
    if (at != compute) connect(span, at, thread);
  }
  /// Draws the arrow once both ends of the transfer were seen.
  void connect(const Span& span, Role at, int thread) {
    OpKey key = span.key;
    key.kind = sent(key.kind);
    const auto [other, first] = open_.try_emplace(key, End{&span, thread});
    if (first) return;
    const End here{&span, thread};
    const auto [from, to] = at == recv ? std::pair(other->second, here) : std::pair(here, other->second);
    ++arrows_;
    events_.push_back(arrow("s", arrows_, *from.span, from.thread));
    events_.push_back(arrow("f", arrows_, *to.span, to.thread));
    open_.erase(other);
  }
  void name_process(int device) {
    const std::string& name = sorted_.devices[static_cast<std::size_t>(device)];
    events_.push_back(metadata("process_name", device, 0, "name", name));
    events_.push_back(metadata("process_sort_index", device, 0, "sort_index", device));
  }
  void name_threads(int device, Role role, std::size_t rows) {
    for (int row = 0; row < static_cast<int>(rows); ++row) {
      std::string label = role_names[role];
      if (row > 0) label.append(" ").append(std::to_string(row + 1));
      const int thread = thread_id(role, row);
      events_.push_back(metadata("thread_name", device, thread, "name", label));
      events_.push_back(metadata("thread_sort_index", device, thread, "sort_index", role * 100 + row));
    }
  }

  Homes homes_;
  Timeline sorted_;
  Rows rows_;
  std::map<OpKey, End> open_;
  std::size_t arrows_ = 0;
  input::Json events_ = input::Json::array();
};

}  // namespace

input::Json chrome_trace(const Timeline& timeline) { return TraceWriter(timeline).document(); }

}  // namespace ppplan::traces

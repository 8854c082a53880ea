#include "planner/report/op_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "planner/input/input_error.h"

namespace ppplan::report {
namespace {

/// Indices of `values` sorted by device, key, then `tie`; stable.
template <class Value, class Tie>
std::vector<std::size_t> by_device_and_key(const std::vector<Value>& values, Tie tie) {
  std::vector<std::size_t> out(values.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) {
    const auto rank = [&](std::size_t i) { return std::tuple(values[i].device, values[i].key, tie(i)); };
    return rank(a) < rank(b);
  });
  return out;
}

[[noreturn]] void missing(const traces::Timeline& timeline, const schedule::Op& op) {
  throw input::InputError("timeline" + (timeline.origin.empty() ? "" : " (" + timeline.origin + ")"), "",
                          fmt::format("a span for the {} on device {}", key_text(op.key), op.device), "none");
}

}  // namespace

std::string key_text(const traces::OpKey& key) {
  std::string out = fmt::format("{} of micro-batch {} on stage {}", traces::name(key.kind), key.micro_batch, key.stage);
  if (key.chunk != 0) out += fmt::format(", chunk {}", key.chunk);
  if (key.replica != 0) out += fmt::format(", replica {}", key.replica);
  return out;
}

OpTimes op_times(const schedule::Schedule& schedule, const traces::Timeline& timeline) {
  const auto spans = by_device_and_key(timeline.spans, [&](std::size_t i) { return timeline.spans[i].start_s; });
  const auto ops = by_device_and_key(schedule.ops, [](std::size_t i) { return i; });
  OpTimes times{std::vector<double>(ops.size()), std::vector<double>(ops.size())};
  std::size_t next = 0;
  for (const std::size_t id : ops) {
    const schedule::Op& op = schedule.ops[id];
    const auto wanted = std::tie(op.device, op.key);
    const auto found = [&] { return std::tie(timeline.spans[spans[next]].device, timeline.spans[spans[next]].key); };
    while (next < spans.size() && found() < wanted) ++next;
    if (next == spans.size() || found() != wanted) missing(timeline, op);
    times.start_s[id] = timeline.spans[spans[next]].start_s;
    times.end_s[id] = timeline.spans[spans[next]].end_s;
    ++next;
  }
  return times;
}

}  // namespace ppplan::report

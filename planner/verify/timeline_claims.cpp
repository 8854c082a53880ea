#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"

namespace ppplan::verify {
namespace {

using input::Node;

struct SpanFacts {
  std::int64_t device = 0, stage = 0, chunk = 0, micro_batch = 0, replica = 0, bytes = 0;
  std::string kind;
  double start_s = 0, end_s = 0;
};

/// Clocks and sums are compared to a nanosecond, or 1e-9 of the run.
double slack_s(double makespan_s) { return 1e-9 * std::max(1.0, makespan_s); }

bool is_transfer(const std::string& kind) { return kind == "send" || kind == "recv" || kind == "token_return"; }
bool occupies_lane(const std::string& kind) {
  return !is_transfer(kind) && kind != "all_reduce" && kind != "all_gather" && kind != "reduce_scatter";
}

std::int64_t whole(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found ? found->integer(0, std::int64_t{1} << 53) : 0;
}

std::vector<SpanFacts> read_spans(const Node& list) {
  std::vector<SpanFacts> out;
  for (const Node& node : list.items())
    out.push_back({node.at("device").integer(0, 1 << 30), node.at("stage").integer(0, 1 << 30), whole(node, "chunk"),
                   node.at("micro_batch").integer(0, 1 << 30), whole(node, "replica"), whole(node, "bytes"),
                   node.at("kind").text(), node.at("start_s").number(), node.at("end_s").number()});
  return out;
}

std::string name_of(const SpanFacts& span) {
  return fmt::format("{} of micro-batch {} on stage {} (device {})", span.kind, span.micro_batch, span.stage,
                     span.device);
}

Check times_claim(const std::vector<SpanFacts>& spans, std::size_t devices) {
  Claim claim("spans lie on devices of the timeline, start at 0 or later and do not end before they start");
  for (const SpanFacts& span : spans)
    claim.require(name_of(span),
                  span.device < static_cast<std::int64_t>(devices) && span.start_s >= 0 && span.end_s >= span.start_s,
                  fmt::format("[{}, {}]", span.start_s, span.end_s));
  return claim.check();
}

Check makespan_claim(const std::vector<SpanFacts>& spans, double stated) {
  Claim claim("the makespan is the latest end");
  double latest = 0;
  for (const SpanFacts& span : spans) latest = std::max(latest, span.end_s);
  return claim.equal("", stated, latest).check();
}

Check once_claim(const std::vector<SpanFacts>& spans) {
  Claim claim("every operation ran once on its device");
  std::map<std::tuple<std::int64_t, std::string, std::int64_t, std::int64_t, std::int64_t, std::int64_t>, int> seen;
  for (const SpanFacts& s : spans)
    claim.require(name_of(s), ++seen[{s.device, s.kind, s.stage, s.chunk, s.micro_batch, s.replica}] == 1, "it again");
  return claim.check();
}

Check overlap_claim(std::vector<SpanFacts> spans, double slack) {
  Claim claim("no two compute spans of a device overlap");
  std::erase_if(spans, [](const SpanFacts& span) { return !occupies_lane(span.kind); });
  std::sort(spans.begin(), spans.end(), [](const SpanFacts& a, const SpanFacts& b) {
    return std::tie(a.device, a.start_s, a.end_s) < std::tie(b.device, b.start_s, b.end_s);
  });
  for (std::size_t i = 1; i < spans.size(); ++i)
    if (spans[i].device == spans[i - 1].device)
      claim.require(name_of(spans[i]), spans[i].start_s >= spans[i - 1].end_s - slack,
                    fmt::format("a start at {} before the end of {} at {}", spans[i].start_s, name_of(spans[i - 1]),
                                spans[i - 1].end_s));
  return claim.check();
}

using TransferKey = std::tuple<bool, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

TransferKey transfer_key(const SpanFacts& s) {
  return {s.kind == "token_return", s.stage, s.chunk, s.micro_batch, s.replica};
}

/// Several transfers may share stage and micro-batch (a replica's two directions): ends are matched by their times.
Check transfers_claim(const std::vector<SpanFacts>& spans, double slack) {
  Claim claim("the two ends of every transfer are on two devices and agree in time and bytes");
  std::map<TransferKey, std::vector<const SpanFacts*>> ends;
  for (const SpanFacts& span : spans)
    if (is_transfer(span.kind)) ends[transfer_key(span)].push_back(&span);
  for (auto& [key, list] : ends) {
    std::sort(list.begin(), list.end(), [](const SpanFacts* a, const SpanFacts* b) {
      return std::tie(a->end_s, a->start_s, a->device) < std::tie(b->end_s, b->start_s, b->device);
    });
    claim.require(name_of(*list.front()), list.size() % 2 == 0, fmt::format("{} ends", list.size()));
    for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
      const SpanFacts& a = *list[i];
      const SpanFacts& b = *list[i + 1];
      const bool kinds = a.kind == "token_return" ? b.kind == a.kind : a.kind != b.kind;
      const bool times = std::abs(a.start_s - b.start_s) <= slack && std::abs(a.end_s - b.end_s) <= slack;
      claim.require(name_of(a), kinds && times && a.bytes == b.bytes && a.device != b.device,
                    fmt::format("{} at [{}, {}] with {} bytes against [{}, {}] with {}", name_of(b), a.start_s, a.end_s,
                                a.bytes, b.start_s, b.end_s, b.bytes));
    }
  }
  return claim.check();
}

/// Of inference alone: with backward passes one stage's transfers go both ways under one name.
Check causality_claim(const std::vector<SpanFacts>& spans, double slack) {
  Claim claim("a forward starts after its input arrived, and is sent after it ended");
  const bool training = std::ranges::any_of(spans, [](const SpanFacts& s) { return s.kind.starts_with("backward"); });
  if (training) return claim.check();
  using Place =
      std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;  // device, stage, micro-batch, replica
  std::map<Place, const SpanFacts*> forwards;
  for (const SpanFacts& s : spans)
    if (s.kind == "forward") forwards[{s.device, s.stage, s.micro_batch, s.replica}] = &s;
  for (const SpanFacts& s : spans) {
    if (s.kind != "send" && s.kind != "recv") continue;
    const bool sends = s.kind == "send";
    const auto found = forwards.find({s.device, sends ? s.stage : s.stage + 1, s.micro_batch, s.replica});
    if (found == forwards.end()) continue;
    const bool holds = sends ? s.start_s >= found->second->end_s - slack : found->second->start_s >= s.end_s - slack;
    claim.require(name_of(s), holds,
                  fmt::format("[{}, {}] against its forward's [{}, {}]", s.start_s, s.end_s, found->second->start_s,
                              found->second->end_s));
  }
  return claim.check();
}

}  // namespace

Checks timeline_claims(const Node& timeline) {
  timeline.at("origin").text();
  const std::size_t devices = timeline.at("devices").items().size();
  const std::vector<SpanFacts> spans = read_spans(timeline.at("spans"));
  const double makespan = timeline.at("makespan_s").number(0);
  const double slack = slack_s(makespan);
  return {times_claim(spans, devices), makespan_claim(spans, makespan), once_claim(spans),
          overlap_claim(spans, slack), transfers_claim(spans, slack),   causality_claim(spans, slack)};
}

}  // namespace ppplan::verify

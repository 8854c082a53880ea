#include "exec/rank_link_probe.h"

#include <algorithm>
#include <map>

#include "exec/rank_replay.h"
#include "planner/schedule/pipeline.h"

namespace ppplan::exec {

namespace {

constexpr int kWarmUp = 2;
constexpr std::int64_t kFirstBytes = 1 << 10;
constexpr double kPause_s = 1e-3;      // that the sender computes at least
constexpr double kConsume_s = 0.2e-3;  // that the receiver does

// The sender computes long enough for the message before to have arrived and the receiver to be waiting again.
schedule::Schedule message_schedule(std::int64_t bytes, int count, double sender_s) {
  schedule::PipelineShape shape;
  shape.members = {{0}, {1}};
  const schedule::MicroBatchCosts costs{{sender_s, kConsume_s}, {0}, {bytes}, 0};
  return schedule::forward_stream(shape, {costs}, std::vector<int>(static_cast<std::size_t>(count), 0));
}

class Probe {
 public:
  explicit Probe(groups::World& world)
      : rank_(world.rank()), ranks_(world, rank_layout(message_schedule(kFirstBytes, 1, kPause_s))) {
    ranks_.warm_up();
  }

  /// The median of `count` messages, alike on both ranks.
  double median_s(std::int64_t bytes, int count, double expected_s) {
    const schedule::Schedule schedule = message_schedule(bytes, count + kWarmUp, kPause_s + 2 * expected_s);
    std::vector<double> durations;
    for (const schedule::Op& op : schedule.ops) durations.push_back(op.seconds);
    RankReplay backend(schedule, rank_, durations, 1, true);
    double seconds = median_of(run_rank(schedule, ranks_, backend));
    ranks_.everyone().broadcast(std::as_writable_bytes(std::span(&seconds, 1)), 0);
    return seconds;
  }
  void tear_down() { ranks_.tear_down(); }

 private:
  static double median_of(const traces::Timeline& timeline) {
    std::map<int, double> sent_s, consumed_s;  // by micro-batch
    for (const traces::Span& span : timeline.spans) {
      if (span.key.kind != traces::OpKind::forward) continue;
      if (span.device == 0) sent_s[span.key.micro_batch] = span.end_s;
      if (span.device == 1) consumed_s[span.key.micro_batch] = span.start_s;
    }
    std::vector<double> seconds;
    for (const auto& [k, sent] : sent_s)
      if (k >= kWarmUp) seconds.push_back(consumed_s.at(k) - sent);
    if (seconds.empty()) return 0;
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    return *middle;
  }

  int rank_;
  groups::ParallelState ranks_;
};

}  // namespace

std::vector<traces::LinkSample> link_curve(groups::World& world, const LinkCurveOptions& options) {
  Probe probe(world);
  std::vector<traces::LinkSample> out;
  double before_s = probe.median_s(kFirstBytes, 1, 0);
  for (std::int64_t bytes = kFirstBytes; bytes <= options.max_bytes && 4 * before_s <= options.longest_s; bytes *= 4) {
    const double about_s = probe.median_s(bytes, 1, 4 * before_s);
    before_s = probe.median_s(bytes, options.count, about_s);
    traces::LinkSample sample;
    sample.op = "send_recv";
    sample.link = "network";
    sample.bytes = bytes;
    sample.median_s = before_s;
    if (world.rank() == 0) out.push_back(sample);
  }
  probe.tear_down();
  return out;
}

}  // namespace ppplan::exec

// Schedules and timelines for tests of reports: small ones by hand, random ones, and timelines as a real run would
// leave them.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "planner/schedule/longest_path.h"
#include "planner/schedule/pipeline.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::tests {

using Random = std::mt19937_64;

inline double between(double low, double high, Random& random) {
  return std::uniform_real_distribution<double>(low, high)(random);
}
inline int between(int low, int high, Random& random) { return std::uniform_int_distribution<int>(low, high)(random); }

inline schedule::PipelineShape shape_of(std::size_t stages, int receive_buffers = 2) {
  schedule::PipelineShape shape;
  for (std::size_t s = 0; s < stages; ++s) shape.members.push_back({static_cast<int>(s)});
  shape.receive_buffers = receive_buffers;
  return shape;
}

inline schedule::MicroBatchCosts costs_of(std::vector<double> stage_s, double boundary_s, double token_return_s = 0) {
  schedule::MicroBatchCosts costs;
  costs.boundary_s.assign(stage_s.size() - 1, boundary_s);
  costs.boundary_bytes.assign(stage_s.size() - 1, 0);
  costs.stage_s = std::move(stage_s);
  costs.token_return_s = token_return_s;
  return costs;
}

/// `count` equal micro-batches of prefill.
inline schedule::Schedule forward(const std::vector<double>& stage_s, double boundary_s, int count) {
  return schedule::forward_stream(shape_of(stage_s.size()), {costs_of(stage_s, boundary_s)},
                                  std::vector<int>(static_cast<std::size_t>(count), 0));
}

struct TrainingCosts {
  double forward_s = 1, input_s = 1, weight_s = 1, transfer_s = 0;
  bool split = false;  // the weight gradient as an op of its own, right after the input gradient
};

/// 1F1B by hand: stage i of p runs min(p - 1 - i, m) forwards, then one forward and one backward in turn, then the
/// rest.
class OneForwardOneBackward {
 public:
  OneForwardOneBackward(int stages, int micro_batches, std::vector<TrainingCosts> costs)
      : stages_(stages), micro_batches_(micro_batches), costs_(std::move(costs)) {
    schedule_.receive_buffers = 0;
    for (int s = 0; s < stages; ++s) schedule_.devices.push_back({"stage " + std::to_string(s), {s}, {}});
    for (int m = 0; m < micro_batches; ++m) add_forwards(m);
    for (int m = 0; m < micro_batches; ++m) add_backwards(m);
    for (int s = 0; s < stages; ++s) order_lane(s);
  }
  schedule::Schedule take() { return std::move(schedule_); }

 private:
  using Id = schedule::OpId;
  const TrainingCosts& costs(int stage) const { return costs_[static_cast<std::size_t>(stage) % costs_.size()]; }
  static traces::OpKey key(traces::OpKind kind, int stage, int micro_batch) {
    return {.kind = kind, .stage = stage, .micro_batch = micro_batch};
  }

  void add_forwards(int m) {
    std::vector<Id> after;
    for (int s = 0; s < stages_; ++s) {
      const Id id = add_compute(schedule_, s, key(traces::OpKind::forward, s, m), costs(s).forward_s, after);
      forwards_.push_back(id);  // [m * stages + s]
      if (s + 1 < stages_) {
        const auto ends =
            add_transfer(schedule_, s, s + 1, key(traces::OpKind::send, s, m), costs(s).transfer_s, 8, {id});
        after = {ends.recv};
      }
    }
  }

  void add_backwards(int m) {
    std::vector<Id> after;
    std::vector<std::vector<Id>> of_stage(static_cast<std::size_t>(stages_));
    for (int s = stages_ - 1; s >= 0; --s) {
      after.push_back(forwards_[static_cast<std::size_t>(m * stages_ + s)]);
      const TrainingCosts& c = costs(s);
      const auto kind = c.split ? traces::OpKind::backward_input : traces::OpKind::backward;
      const Id id = add_compute(schedule_, s, key(kind, s, m), c.split ? c.input_s : c.input_s + c.weight_s, after);
      of_stage[static_cast<std::size_t>(s)].push_back(id);
      if (c.split)
        of_stage[static_cast<std::size_t>(s)].push_back(
            add_compute(schedule_, s, key(traces::OpKind::backward_weight, s, m), c.weight_s, {id}));
      if (s > 0) {
        // The gradient of chunk 1: told apart from the activation that crosses the same boundary the other way.
        traces::OpKey sent = key(traces::OpKind::send, s, m);
        sent.chunk = 1;
        after = {add_transfer(schedule_, s, s - 1, sent, c.transfer_s, 8, {id}).recv};
      }
    }
    backwards_.push_back(std::move(of_stage));
  }

  void order_lane(int s) {
    const auto at = static_cast<std::size_t>(s);
    std::vector<Id> order;
    const int warm = std::min(stages_ - 1 - s, micro_batches_);
    int next_forward = 0;
    const auto run_forward = [&] {
      order.push_back(forwards_[static_cast<std::size_t>(next_forward++ * stages_ + s)]);
    };
    while (next_forward < warm) run_forward();
    for (std::size_t m = 0; m < backwards_.size(); ++m) {
      if (next_forward < micro_batches_) run_forward();
      order.insert(order.end(), backwards_[m][at].begin(), backwards_[m][at].end());
    }
    schedule_.devices[at].lanes.front().ops = order;
  }

  int stages_, micro_batches_;
  std::vector<TrainingCosts> costs_;
  schedule::Schedule schedule_;
  std::vector<Id> forwards_;
  std::vector<std::vector<std::vector<Id>>> backwards_;  // [micro-batch][stage]
};

inline schedule::Schedule one_forward_one_backward(int stages, int micro_batches, std::vector<TrainingCosts> costs) {
  return OneForwardOneBackward(stages, micro_batches, std::move(costs)).take();
}

/// Prefill, decode or training with random stages, times and buffers.
inline schedule::Schedule random_schedule(Random& random) {
  const auto stages = static_cast<std::size_t>(between(1, 6, random));
  const int kind = between(0, 2, random);
  if (kind == 2) {
    std::vector<TrainingCosts> costs(stages);
    for (TrainingCosts& c : costs)
      c = {between(0.1, 2.0, random), between(0.1, 2.0, random), between(0.1, 2.0, random), between(0.0, 0.5, random),
           between(0, 1, random) == 1};
    return one_forward_one_backward(static_cast<int>(stages), between(1, 8, random), costs);
  }
  auto shape = shape_of(stages, between(0, 3, random));
  shape.send_blocks_next = between(0, 1, random) == 1;
  std::vector<schedule::MicroBatchCosts> classes(static_cast<std::size_t>(between(1, 5, random)));
  for (auto& costs : classes) {
    std::vector<double> stage_s(stages);
    for (double& seconds : stage_s) seconds = between(0.1, 2.0, random);
    costs = costs_of(stage_s, between(0.0, 0.7, random), stages > 1 ? between(0.0, 0.5, random) : 0.0);
  }
  if (kind == 1) return schedule::decode_rounds(shape, classes, between(1, 5, random));
  std::vector<int> class_of(static_cast<std::size_t>(between(1, 10, random)));
  for (int& c : class_of) c = between(0, static_cast<int>(classes.size()) - 1, random);
  for (auto& costs : classes) costs.token_return_s = 0;
  return schedule::forward_stream(shape, classes, class_of);
}

/// As a real run would leave it: durations that scatter, and pauses before operations that nothing explains.
inline traces::Timeline measured_like(const schedule::Schedule& schedule, Random& random) {
  std::vector<double> duration_s = schedule::own_seconds(schedule);
  for (std::size_t id = 0; id < duration_s.size(); ++id) {
    const auto partner = schedule.ops[id].partner;
    duration_s[id] = partner >= 0 && static_cast<std::size_t>(partner) < id
                         ? duration_s[static_cast<std::size_t>(partner)]
                         : duration_s[id] * between(0.8, 1.3, random) + between(0.0, 0.05, random);
  }
  traces::Timeline timeline = schedule::longest_path(schedule, duration_s);
  for (traces::Span& span : timeline.spans) span.start_s += (span.end_s - span.start_s) * between(0.0, 0.2, random);
  traces::sort_spans(timeline);
  timeline.origin = "measured";
  return timeline;
}

}  // namespace ppplan::tests

// Schedules for tests of the executor, and what every timeline of a schedule must satisfy.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "planner/schedule/pipeline.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::tests {

inline schedule::PipelineShape pipeline_shape(int stages, int receive_buffers) {
  schedule::PipelineShape shape;
  for (int s = 0; s < stages; ++s) shape.members.push_back({s});
  shape.receive_buffers = receive_buffers;
  return shape;
}

inline schedule::MicroBatchCosts equal_costs(int stages, double stage_s, double boundary_s, double token_return_s = 0) {
  const auto count = static_cast<std::size_t>(stages);
  return {std::vector<double>(count, stage_s), std::vector<double>(count - 1, boundary_s),
          std::vector<std::int64_t>(count - 1, 0), token_return_s};
}

inline schedule::Schedule forward_schedule(int stages, int micro_batches, int receive_buffers, double stage_s = 0,
                                           double boundary_s = 0) {
  return schedule::forward_stream(pipeline_shape(stages, receive_buffers), {equal_costs(stages, stage_s, boundary_s)},
                                  std::vector<int>(static_cast<std::size_t>(micro_batches), 0));
}

inline schedule::Schedule decode_schedule(int stages, int cohorts, int rounds, int receive_buffers) {
  const std::vector<schedule::MicroBatchCosts> costs(static_cast<std::size_t>(cohorts), equal_costs(stages, 0, 0));
  return schedule::decode_rounds(pipeline_shape(stages, receive_buffers), costs, rounds);
}

/// Checks that every op ran once, after its `after` list and what precedes it in its lane, transfers with both ends
/// alike and not before their receive buffer was free.
inline void expect_follows(const schedule::Schedule& schedule, const traces::Timeline& timeline) {
  std::map<std::pair<int, traces::OpKey>, traces::Span> spans;
  for (const traces::Span& span : timeline.spans) spans[{span.device, span.key}] = span;
  ASSERT_EQ(timeline.spans.size(), schedule.ops.size());
  ASSERT_EQ(spans.size(), schedule.ops.size());
  const auto span = [&](schedule::OpId id) {
    const schedule::Op& op = schedule.ops[static_cast<std::size_t>(id)];
    return spans.at({op.device, op.key});
  };
  const auto expect_before = [&](schedule::OpId first, schedule::OpId second) {
    EXPECT_LE(span(first).end_s, span(second).start_s) << "op " << first << " before op " << second;
  };
  std::vector<std::vector<schedule::OpId>> consumers(schedule.ops.size());
  for (std::size_t id = 0; id < schedule.ops.size(); ++id) {
    const schedule::Op& op = schedule.ops[id];
    EXPECT_LE(span(static_cast<int>(id)).start_s, span(static_cast<int>(id)).end_s);
    EXPECT_GE(span(static_cast<int>(id)).start_s, 0);
    if (op.partner >= 0) {
      EXPECT_EQ(span(static_cast<int>(id)).start_s, span(op.partner).start_s);
      EXPECT_EQ(span(static_cast<int>(id)).end_s, span(op.partner).end_s);
    }
    for (const schedule::OpId before : op.after) {
      expect_before(before, static_cast<int>(id));
      consumers[static_cast<std::size_t>(before)].push_back(static_cast<int>(id));
    }
  }
  const auto buffers = static_cast<std::size_t>(schedule.receive_buffers);
  for (const schedule::ScheduleDevice& device : schedule.devices) {
    for (const schedule::Lane& lane : device.lanes) {
      for (std::size_t k = 1; k < lane.ops.size(); ++k) {
        const int group = schedule.ops[static_cast<std::size_t>(lane.ops[k])].group;
        const int previous = schedule.ops[static_cast<std::size_t>(lane.ops[k - 1])].group;
        if (group < 0 || group != previous) expect_before(lane.ops[k - 1], lane.ops[k]);
      }
      if (lane.kind != schedule::LaneKind::recv || buffers == 0) continue;
      for (std::size_t k = buffers; k < lane.ops.size(); ++k) {
        if (!schedule::needs_buffer(schedule.ops[static_cast<std::size_t>(lane.ops[k])])) continue;
        for (const schedule::OpId consumer : consumers[static_cast<std::size_t>(lane.ops[k - buffers])]) {
          expect_before(consumer, lane.ops[k]);
        }
      }
    }
  }
}

}  // namespace ppplan::tests

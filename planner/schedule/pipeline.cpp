#include "planner/schedule/pipeline.h"

#include <algorithm>
#include <cmath>

#include "planner/input/input_error.h"

namespace ppplan::schedule {
namespace {

using input::InputError;
using traces::OpKind;

void require(bool holds, const std::string& sentence) {
  if (!holds) throw InputError("pipeline: " + sentence);
}

bool is_cost(double seconds) { return std::isfinite(seconds) && seconds >= 0; }

void check(const PipelineShape& shape, const std::vector<MicroBatchCosts>& costs) {
  const std::size_t stages = shape.members.size();
  require(stages > 0, "expected at least one stage, found none");
  require(shape.names.empty() || shape.names.size() == stages,
          "expected " + std::to_string(stages) + " names, found " + std::to_string(shape.names.size()));
  require(shape.receive_buffers >= 0,
          "expected receive buffers of at least 0, found " + std::to_string(shape.receive_buffers));
  for (const MicroBatchCosts& cost : costs) {
    require(cost.stage_s.size() == stages,
            "expected times of " + std::to_string(stages) + " stages, found " + std::to_string(cost.stage_s.size()));
    require(cost.boundary_s.size() == stages - 1 && cost.boundary_bytes.size() == stages - 1,
            "expected " + std::to_string(stages - 1) + " boundaries, found " + std::to_string(cost.boundary_s.size()) +
                " latencies and " + std::to_string(cost.boundary_bytes.size()) + " sizes");
    require(std::ranges::all_of(cost.stage_s, is_cost) && std::ranges::all_of(cost.boundary_s, is_cost) &&
                is_cost(cost.token_return_s),
            "expected times that are finite and at least 0, found another");
    require(cost.alone_fraction > 0 && cost.alone_fraction <= 1,
            "expected an alone fraction above 0 and at most 1, found " + std::to_string(cost.alone_fraction));
    require(std::ranges::all_of(cost.boundary_bytes, [](std::int64_t bytes) { return bytes >= 0; }),
            "expected sizes of at least 0 bytes, found a negative one");
  }
}

Schedule empty_schedule(const PipelineShape& shape) {
  Schedule schedule;
  schedule.receive_buffers = shape.receive_buffers;
  schedule.busy_devices = shape.busy_devices;
  for (std::size_t stage = 0; stage < shape.members.size(); ++stage) {
    const std::string name = shape.names.empty() ? "stage " + std::to_string(stage) : shape.names[stage];
    schedule.devices.push_back({name, shape.members[stage], {Lane{}}});
  }
  return schedule;
}

/// Appends micro-batches one after another, each through all stages.
class PipelineBuilder {
 public:
  explicit PipelineBuilder(const PipelineShape& shape)
      : shape_(shape), schedule_(empty_schedule(shape)), last_send_(shape.members.size()) {}

  /// The first stage waits for `entry`. Returns the forward on the last stage.
  OpId add_micro_batch(int micro_batch, const MicroBatchCosts& costs, OpList entry) {
    const int stages = static_cast<int>(shape_.members.size());
    OpList after = std::move(entry);
    OpId computed = 0;
    for (int stage = 0; stage < stages; ++stage) {
      const auto at = static_cast<std::size_t>(stage);
      for (const OpId send : last_send_[at]) after.push_back(send);
      const traces::OpKey key{.kind = OpKind::forward, .stage = stage, .micro_batch = micro_batch};
      computed = add_compute(schedule_, stage, key, costs.stage_s[at], std::move(after));
      schedule_.ops[static_cast<std::size_t>(computed)].alone_fraction = costs.alone_fraction;
      if (stage + 1 < stages) after = {pass_on(stage, key, costs, computed)};
    }
    return computed;
  }

  /// Returns the Recv on the first stage.
  OpId add_token_return(int micro_batch, double seconds, OpId computed) {
    const int last = static_cast<int>(shape_.members.size()) - 1;
    const traces::OpKey key{.kind = OpKind::token_return, .stage = last, .micro_batch = micro_batch};
    return add_transfer(schedule_, last, 0, key, seconds, 0, {computed}).recv;
  }

  Schedule take() { return std::move(schedule_); }

 private:
  OpId pass_on(int stage, traces::OpKey key, const MicroBatchCosts& costs, OpId computed) {
    const auto at = static_cast<std::size_t>(stage);
    key.kind = OpKind::send;
    const TransferIds transfer =
        add_transfer(schedule_, stage, stage + 1, key, costs.boundary_s[at], costs.boundary_bytes[at], {computed});
    if (shape_.send_blocks_next) last_send_[at] = {transfer.send};
    return transfer.recv;
  }

  const PipelineShape& shape_;
  Schedule schedule_;
  std::vector<OpList> last_send_;  // [stage]: what the stage's next compute waits for besides its input
};

}  // namespace

Schedule forward_stream(const PipelineShape& shape, const std::vector<MicroBatchCosts>& classes,
                        const std::vector<int>& class_of) {
  check(shape, classes);
  require(!class_of.empty(), "expected at least one micro-batch, found none");
  PipelineBuilder builder(shape);
  for (std::size_t k = 0; k < class_of.size(); ++k) {
    const auto cost_class = static_cast<std::size_t>(class_of[k]);
    require(class_of[k] >= 0 && cost_class < classes.size(), "expected a class of micro-batches below " +
                                                                 std::to_string(classes.size()) + ", found " +
                                                                 std::to_string(class_of[k]));
    builder.add_micro_batch(static_cast<int>(k), classes[cost_class], {});
  }
  return builder.take();
}

Schedule decode_rounds(const PipelineShape& shape, const std::vector<MicroBatchCosts>& costs, int rounds) {
  check(shape, costs);
  require(!costs.empty(), "expected at least one cohort, found none");
  require(rounds > 0, "expected at least one round, found " + std::to_string(rounds));
  const bool single = shape.members.size() == 1;
  PipelineBuilder builder(shape);
  std::vector<OpList> entry(costs.size());  // what the cohort's next round waits for
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t cohort = 0; cohort < costs.size(); ++cohort) {
      const int micro_batch = round * static_cast<int>(costs.size()) + static_cast<int>(cohort);
      const OpId computed = builder.add_micro_batch(micro_batch, costs[cohort], entry[cohort]);
      const double return_s = costs[cohort].token_return_s;
      require(!single || return_s == 0, "expected no token return on a single stage, found one");
      entry[cohort] = {single ? computed : builder.add_token_return(micro_batch, return_s, computed)};
    }
  }
  return builder.take();
}

}  // namespace ppplan::schedule

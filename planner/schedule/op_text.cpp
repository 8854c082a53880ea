#include "planner/schedule/op_text.h"

namespace ppplan::schedule {

std::string op_text(const Schedule& schedule, OpId id) {
  const Op& op = schedule.ops.at(static_cast<std::size_t>(id));
  const auto device = static_cast<std::size_t>(op.device);
  std::string text = "op " + std::to_string(id) + " (" + std::string(traces::name(op.key.kind)) + " of micro-batch " +
                     std::to_string(op.key.micro_batch) + ", stage " + std::to_string(op.key.stage);
  if (op.key.chunk > 0) text += ", chunk " + std::to_string(op.key.chunk);
  if (op.key.replica > 0) text += ", replica " + std::to_string(op.key.replica);
  if (device < schedule.devices.size()) text += ", on '" + schedule.devices[device].name + "'";
  return text + ")";
}

}  // namespace ppplan::schedule

#include "exec/cuda/emulated_wires.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/cuda/wire_clock.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::cuda {

EmulatedWires::EmulatedWires(const std::vector<WireTime>& times, const std::vector<int>& gpus, Wires& carriers)
    : carriers_(carriers) {
  for (const WireTime& time : times) {
    if (!(time.seconds >= 0) || !std::isfinite(time.seconds))
      throw input::InputError("wires", fmt::format("/{}/{}", time.from_stage, time.to_stage),
                              "a time of at least 0 s for a message", fmt::format("{}", time.seconds));
    Edge& edge = edges_[{time.from_stage, time.to_stage}];
    edge.nanoseconds[time.bytes] = static_cast<unsigned long long>(std::llround(1e9 * time.seconds));
    if (edge.began.size() > 0) continue;
    const kernels::cuda::DeviceScope sender(gpus.at(static_cast<std::size_t>(time.from_stage)));
    edge.began = kernels::cuda::DeviceArray<unsigned long long>(1);
  }
}

EmulatedWires::Edge& EmulatedWires::edge_of(const Message& message) {
  const auto edge = edges_.find({message.from_stage, message.to_stage});
  if (edge != edges_.end() && edge->second.nanoseconds.contains(message.bytes)) return edge->second;
  throw input::InputError("wires", fmt::format("/{}/{}", message.from_stage, message.to_stage),
                          fmt::format("the time of a message of {} bytes", message.bytes), "none");
}

void EmulatedWires::carry(const Message& message, const TransferStreams& streams) {
  if (edges_.empty()) return carriers_.carry(message, streams);
  Edge& edge = edge_of(message);
  const kernels::cuda::DeviceScope sender(message.from_gpu);
  kernels::cuda::note_time(edge.began.data(), streams.send);
  carriers_.carry(message, streams);
  kernels::cuda::hold_since(edge.began.data(), edge.nanoseconds.at(message.bytes), streams.send);
}

}  // namespace ppplan::exec::cuda

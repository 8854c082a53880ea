#include "exec/cuda/nccl_wires.h"

#include "exec/cuda/device_wait.h"
#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::DeviceScope;

Communicator end_on(int gpu, const NcclCalls& calls, const NcclId& id, int rank) {
  if (gpu == kElsewhere) return {};
  const DeviceScope scope(gpu);
  return Communicator(calls, id, 2, rank, NcclWires::kBlocks);
}

/// Where one end of an edge, if it is here, has its first message.
struct WarmUpSide {
  explicit WarmUpSide(int on) : gpu(on) {
    if (gpu == kElsewhere) return;
    const DeviceScope scope(gpu);
    stream = kernels::cuda::make_stream();
    byte = kernels::cuda::DeviceArray<std::byte>(1);
  }
  void await_end(const Patience& patience) const {
    if (gpu == kElsewhere) return;
    const DeviceScope scope(gpu);
    await_stream(stream, patience, "the first message of an edge");
  }
  int gpu;
  kernels::cuda::Stream stream;
  kernels::cuda::DeviceArray<std::byte> byte;
};

}  // namespace

void NcclWires::connect(const Edge& edge, const NcclId& id, int from_gpu, int to_gpu) {
  Ends ends{from_gpu, to_gpu, {}, {}};
  if (!ends.by_copy()) {
    CallGroup group(calls_);
    ends.sender = end_on(from_gpu, calls_, id, 0);
    ends.receiver = end_on(to_gpu, calls_, id, 1);
    group.end();
    settle(ends, "ncclCommInitRankConfig");
  }
  edges_[edge] = std::move(ends);
}

void NcclWires::settle(const Ends& ends, const char* what) const {
  if (ends.sender) ends.sender.settle(patience_, what);
  if (ends.receiver) ends.receiver.settle(patience_, what);
}

void NcclWires::warm_up(const Edge& edge) {
  const Ends& ends = edges_.at(edge);
  if (ends.by_copy()) return;
  WarmUpSide from(ends.from_gpu), to(ends.to_gpu);
  try {
    carry({edge.from, edge.to, ends.from_gpu, ends.to_gpu, from.byte.data(), to.byte.data(), 1},
          {from.stream, to.stream});
    from.await_end(patience_);
    to.await_end(patience_);
  } catch (...) {
    give_up();  // before the bytes are freed, which waits for what still runs
    throw;
  }
}

void NcclWires::carry(const Message& message, const TransferStreams& streams) {
  const Ends& ends = edges_.at({message.from_stage, message.to_stage});
  if (ends.by_copy()) return local_.carry(message, streams);
  CallGroup group(calls_);
  if (ends.sender) {
    const DeviceScope scope(ends.from_gpu);
    PPPLAN_CHECK_NCCL(calls_, ncclSend(message.from, message.bytes, NcclType::bytes, 1, ends.sender, streams.send));
  }
  if (ends.receiver) {
    const DeviceScope scope(ends.to_gpu);
    PPPLAN_CHECK_NCCL(calls_, ncclRecv(message.to, message.bytes, NcclType::bytes, 0, ends.receiver, streams.recv));
  }
  group.end();
  settle(ends, "ncclSend or ncclRecv");
}

std::vector<Communicator*> NcclWires::communicators() {
  std::vector<Communicator*> out;
  for (auto& [edge, ends] : edges_)
    for (Communicator* end : {&ends.sender, &ends.receiver})
      if (*end) out.push_back(end);
  return out;
}

void NcclWires::check() const {
  for (const auto& [edge, ends] : edges_)
    for (const Communicator* end : {&ends.sender, &ends.receiver})
      if (*end) end->check();
}

void NcclWires::close() {
  for (Communicator* end : communicators()) end->begin_close();
  for (Communicator* end : communicators()) end->close(patience_);
  edges_.clear();
}

}  // namespace ppplan::exec::cuda

#include "exec/cuda/nccl_wires.h"

#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::DeviceScope;

/// A group of calls; one that is left by an exception is ended too, so that the thread's next group is its own.
class CallGroup {
 public:
  explicit CallGroup(const NcclCalls& calls) : calls_(calls) { PPPLAN_CHECK_NCCL(calls_, ncclGroupStart()); }
  ~CallGroup() {
    if (!ended_) calls_.ncclGroupEnd();
  }
  CallGroup(const CallGroup&) = delete;
  CallGroup& operator=(const CallGroup&) = delete;
  void end() {
    ended_ = true;
    PPPLAN_CHECK_NCCL(calls_, ncclGroupEnd());
  }

 private:
  const NcclCalls& calls_;
  bool ended_ = false;
};

}  // namespace

NcclWires::~NcclWires() {
  for (const auto& [stages, edge] : edges_)
    for (const NcclComm comm : {edge.sender, edge.receiver})
      if (comm != nullptr) calls_.ncclCommDestroy(comm);
}

NcclWires::Edge& NcclWires::edge(const Message& message) {
  const std::pair stages{message.from_stage, message.to_stage};
  const auto known = edges_.find(stages);
  if (known != edges_.end()) return known->second;
  NcclId id;
  PPPLAN_CHECK_NCCL(calls_, ncclGetUniqueId(&id));
  Edge made;
  CallGroup group(calls_);
  {
    const DeviceScope scope(message.from_gpu);
    PPPLAN_CHECK_NCCL(calls_, ncclCommInitRank(&made.sender, 2, id, 0));
  }
  {
    const DeviceScope scope(message.to_gpu);
    PPPLAN_CHECK_NCCL(calls_, ncclCommInitRank(&made.receiver, 2, id, 1));
  }
  group.end();
  return edges_[stages] = made;
}

void NcclWires::carry(const Message& message, const TransferStreams& streams) {
  if (message.from_gpu == message.to_gpu) return local_.carry(message, streams);
  const Edge& comms = edge(message);
  CallGroup group(calls_);
  {
    const DeviceScope scope(message.from_gpu);
    PPPLAN_CHECK_NCCL(calls_, ncclSend(message.from, message.bytes, NcclType::bytes, 1, comms.sender, streams.send));
  }
  {
    const DeviceScope scope(message.to_gpu);
    PPPLAN_CHECK_NCCL(calls_, ncclRecv(message.to, message.bytes, NcclType::bytes, 0, comms.receiver, streams.recv));
  }
  group.end();
}

}  // namespace ppplan::exec::cuda

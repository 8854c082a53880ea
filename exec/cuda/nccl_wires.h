// Messages between GPUs of one process by NCCL: a communicator of two ranks for every directed edge, so that edges
// don't wait for each other, and a receive that is on its way before the send can end.
//
// Between two stages on one GPU NCCL has no communicator (it refuses two ranks of a process on one GPU): those messages
// are copies.
#pragma once

#include <map>
#include <utility>

#include "exec/cuda/nccl_library.h"
#include "exec/cuda/wires.h"

namespace ppplan::exec::cuda {

class NcclWires : public Wires {
 public:
  /// `calls` outlives it.
  explicit NcclWires(const NcclCalls& calls) : calls_(calls) {}
  ~NcclWires() override;
  /// An edge's first message makes its communicator, and waits for that.
  void carry(const Message& message, const TransferStreams& streams) override;

 private:
  struct Edge {
    NcclComm sender = nullptr;    // rank 0
    NcclComm receiver = nullptr;  // rank 1
  };
  Edge& edge(const Message& message);

  const NcclCalls& calls_;
  LocalWires local_;
  std::map<std::pair<int, int>, Edge> edges_;  // by stages
};

}  // namespace ppplan::exec::cuda

// Messages between stages by NCCL: a communicator of two ranks for every directed edge, so that edges don't wait for
// each other, and a receive that is on its way before the send can end. Of an edge, either end or both are here.
//
// Between two stages of one process on one GPU NCCL has no communicator (it refuses two ranks of a process on one GPU):
// those messages are copies.
#pragma once

#include <map>

#include "exec/cuda/communicator.h"
#include "exec/cuda/wires.h"
#include "exec/groups/parallel_state.h"

namespace ppplan::exec::cuda {

class NcclWires : public Wires {
 public:
  using Edge = groups::StageEdge;
  /// Thread blocks that the messages of an edge take at most: what they don't take computes.
  static constexpr int kBlocks = 4;

  /// `calls` outlives it.
  explicit NcclWires(const NcclCalls& calls, Patience patience = {}) : calls_(calls), patience_(std::move(patience)) {}
  void set_patience(Patience patience) { patience_ = std::move(patience); }
  /// The ends of an edge that are here, on these GPUs or kElsewhere. Both processes of an edge call it with one id at
  /// the same time; all processes go through their edges in one order. Throws DeviceError, and what `look` throws.
  void connect(const Edge& edge, const NcclId& id, int from_gpu, int to_gpu);
  /// Sends a byte along the edge, as connect(): NCCL makes connections with the first message, and hosts meet for that.
  void warm_up(const Edge& edge);
  /// The edge is connected. Throws std::out_of_range for another.
  void carry(const Message& message, const TransferStreams& streams) override;
  /// Throws DeviceError when NCCL has noticed a failure.
  void check() const;
  /// When all messages have ended, in all processes.
  void close();
  /// What is under way ends, undone; so it does when the wires are destroyed without close().
  void give_up() { edges_.clear(); }

 private:
  struct Ends {
    int from_gpu = kElsewhere;
    int to_gpu = kElsewhere;
    Communicator sender;    // rank 0
    Communicator receiver;  // rank 1
    bool by_copy() const { return from_gpu == to_gpu; }
  };
  void settle(const Ends& ends, const char* what) const;
  std::vector<Communicator*> communicators();

  const NcclCalls& calls_;
  Patience patience_;
  LocalWires local_;
  std::map<Edge, Ends> edges_;
};

}  // namespace ppplan::exec::cuda

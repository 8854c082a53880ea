// One direction of messages between this rank and a peer: what NcclWorld's groups are made of.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "exec/cuda/issuer.h"
#include "exec/cuda/nccl_library.h"
#include "exec/groups/world.h"
#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

/// What all edges of a world share.
struct NcclPlane {
  groups::World& control;
  const NcclCalls& calls;
  double deadline_s;
  Issuer& issuer;
};

/// The control groups of one group: sizes travel with the messages, what is awaited travels against them.
struct NcclControl {
  std::unique_ptr<Group> sizes, awaited;
  std::vector<int> ranks;
  std::mutex mutex;  // of posting on them: waits don't hold it
};

/// One end of a message.
struct NcclSide {
  std::byte* to = nullptr;          // of a receive
  const std::byte* from = nullptr;  // of a send
  std::size_t bytes = 0;
  bool ended = false;
  std::optional<std::string> failure;
};

class NcclEdge {
 public:
  static constexpr std::size_t kPartBytes = 1u << 20;  // of a message, in the GPU's memory at once

  /// Rank 0 of the communicator sends. Both ends call it at the same time.
  NcclEdge(NcclPlane& plane, NcclControl& control, int peer, bool receives, const NcclId& id);
  /// Its sides have ended.
  ~NcclEdge();

  std::shared_ptr<NcclSide> post(NcclSide side);
  /// Until it has ended.
  void wait(const NcclSide& side);

 private:
  void serve();
  void carry(NcclSide& side);
  void agree_on_size(const NcclSide& side);
  void cross(const NcclSide& side);
  void enqueue(const std::byte* from, std::size_t bytes);
  void await_event();

  NcclPlane& plane_;
  NcclControl& control_;
  int peer_;
  bool receives_;
  NcclComm comm_ = nullptr;
  kernels::cuda::Stream stream_;
  kernels::cuda::Event event_;
  kernels::cuda::DeviceArray<std::byte> buffer_;  // [kPartBytes]
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<NcclSide>> sides_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ppplan::exec::cuda

#include "exec/cuda/nccl_edge.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/cuda/device_wait.h"

namespace ppplan::exec::cuda {

namespace {

using groups::awaited;
using groups::rank_name;

/// A number of the other end for one of this one, over two control groups. Both posts come before either wait.
std::int64_t exchanged(NcclControl& control, Group& out, Group& in, int peer, std::int64_t mine) {
  std::int64_t theirs = 0;
  std::unique_ptr<Pending> sending, receiving;
  {
    const std::lock_guard lock(control.mutex);
    sending = out.isend(std::as_bytes(std::span(&mine, 1)), peer);
    receiving = in.irecv(std::as_writable_bytes(std::span(&theirs, 1)), peer);
  }
  sending->wait();
  receiving->wait();
  return theirs;
}

}  // namespace

NcclEdge::NcclEdge(NcclPlane& plane, NcclControl& control, int peer, bool receives, const NcclId& id)
    : plane_(plane), control_(control), peer_(peer), receives_(receives) {
  plane_.issuer.run([&] {
    stream_ = kernels::cuda::make_stream(kernels::cuda::Urgency::high);
    event_ = kernels::cuda::make_event();
    buffer_ = kernels::cuda::DeviceArray<std::byte>(kPartBytes);
    PPPLAN_CHECK_NCCL(plane_.calls, ncclCommInitRank(&comm_, 2, id, receives_ ? 1 : 0));
  });
  thread_ = std::thread([this] { serve(); });
}

NcclEdge::~NcclEdge() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  plane_.issuer.run([this] {
    if (comm_ != nullptr) plane_.calls.ncclCommDestroy(comm_);
    event_ = {};
    stream_ = {};
    buffer_ = {};
  });
}

std::shared_ptr<NcclSide> NcclEdge::post(NcclSide side) {
  const auto posted = std::make_shared<NcclSide>(side);
  {
    const std::lock_guard lock(mutex_);
    sides_.push_back(posted);
  }
  changed_.notify_all();
  return posted;
}

void NcclEdge::wait(const NcclSide& side) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return side.ended; });
}

void NcclEdge::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !sides_.empty(); });
    if (sides_.empty()) return;
    const std::shared_ptr<NcclSide> side = sides_.front();
    sides_.pop_front();
    lock.unlock();
    carry(*side);
    lock.lock();
    side->ended = true;
    changed_.notify_all();
  }
}

// A failure ends the run, and the control plane's word for it is what all ranks say.
void NcclEdge::carry(NcclSide& side) {
  try {
    agree_on_size(side);
    if (side.bytes > 0) cross(side);
  } catch (const GroupError& error) {
    side.failure = error.what();
  } catch (const std::exception& error) {
    const Group& group = *control_.sizes;
    side.failure = fmt::format("{}: {}: {}", group.name(), rank_name(control_.ranks, group.rank()), error.what());
    plane_.control.fail(*side.failure);
  }
  // The communicator of a failed run may hold a message that never crosses.
  if (side.failure && comm_ != nullptr)
    plane_.issuer.run([this] { plane_.calls.ncclCommAbort(std::exchange(comm_, nullptr)); });
}

void NcclEdge::agree_on_size(const NcclSide& side) {
  Group &out = receives_ ? *control_.awaited : *control_.sizes, &in = receives_ ? *control_.sizes : *control_.awaited;
  const auto mine = static_cast<std::int64_t>(side.bytes);
  const auto theirs = static_cast<std::size_t>(exchanged(control_, out, in, peer_, mine));
  if (theirs == side.bytes) return;
  const groups::MessageEnd own{out.rank(), side.bytes}, other{peer_, theirs};
  const std::string why =
      groups::size_message(out.name(), control_.ranks, receives_ ? other : own, receives_ ? own : other);
  plane_.control.fail(why);
  throw GroupError(why);
}

// In parts that fit the buffer: to grow it would free it, which waits for all of the GPU's streams, and so for peers
// that may wait for this rank.
void NcclEdge::cross(const NcclSide& side) {
  for (std::size_t at = 0; at < side.bytes; at += kPartBytes) {
    const std::size_t bytes = std::min(kPartBytes, side.bytes - at);
    plane_.issuer.run([&] { enqueue(receives_ ? nullptr : side.from + at, bytes); });
    await_event();
    if (!receives_) continue;
    plane_.issuer.run([&] {
      PPPLAN_CHECK(cudaMemcpyAsync(side.to + at, buffer_.data(), bytes, cudaMemcpyDeviceToHost, stream_));
      PPPLAN_CHECK(cudaStreamSynchronize(stream_));
    });
  }
}

void NcclEdge::enqueue(const std::byte* from, std::size_t bytes) {
  if (comm_ == nullptr) throw GroupError(control_.sizes->name() + ": the communicator was given up after a failure");
  if (receives_) {
    PPPLAN_CHECK_NCCL(plane_.calls, ncclRecv(buffer_.data(), bytes, NcclType::bytes, 0, comm_, stream_));
  } else {
    PPPLAN_CHECK(cudaMemcpyAsync(buffer_.data(), from, bytes, cudaMemcpyHostToDevice, stream_));
    PPPLAN_CHECK_NCCL(plane_.calls, ncclSend(buffer_.data(), bytes, NcclType::bytes, 1, comm_, stream_));
  }
  PPPLAN_CHECK(cudaEventRecord(event_, stream_));
}

void NcclEdge::await_event() {
  const std::string what = fmt::format("NCCL to carry a message {} rank {}", receives_ ? "from" : "to", peer_);
  await([this] { return plane_.issuer.run([this] { return has_ended(event_); }); }, {plane_.deadline_s}, what.c_str());
}

}  // namespace ppplan::exec::cuda

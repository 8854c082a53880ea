#include "tests/cuda_on_cpu/nccl.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "tests/cuda_on_cpu/queues.h"

namespace ppplan::cuda_on_cpu {
namespace {

using exec::cuda::NcclComm;
using exec::cuda::NcclId;
using exec::cuda::NcclResult;
using exec::cuda::NcclType;

constexpr auto kUnhandledCudaError = static_cast<NcclResult>(1);
constexpr auto kInvalidUsage = static_cast<NcclResult>(5);
constexpr auto kInvalidArgument = static_cast<NcclResult>(4);

/// Both ends of one message; they need the same size.
struct Meeting {
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t sent = 0, awaited = 0;
  bool send_began = false, recv_began = false, copied = false;
  bool may_end() const { return send_began && recv_began; }
  void copy() {
    if (std::exchange(copied, true)) return;
    std::memcpy(to, from, std::min(sent, awaited));
  }
};
using MeetingPtr = std::shared_ptr<Meeting>;

/// What all ranks of a communicator share.
struct Clique {
  std::vector<int> devices;  // [rank]; -1 until it has joined
  bool aborted = false;
  std::map<std::pair<int, int>, std::deque<MeetingPtr>> sends,
      receives;  // by (from, to): those without their other end
};

struct Comm {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  int device = 0;
};

struct Operation {
  MeetingPtr meeting;
  bool sends = false;
  void* stream = nullptr;
  std::shared_ptr<Clique> clique;
};

std::map<std::string, std::weak_ptr<Clique>> cliques;  // by id
int ids = 0;
thread_local int depth = 0;
thread_local std::vector<Operation> group;

template <typename Body>
NcclResult call(const char* name, Body body) {
  const MachineLock lock;
  const int error = enter(name);
  return error != 0 ? static_cast<NcclResult>(error) : body();
}

NcclResult get_version(int* version) {
  *version = 22809;
  return NcclResult::success;
}
NcclResult get_unique_id(NcclId* id) {
  return call("ncclGetUniqueId", [&] {
    *id = {};
    const std::string text = std::to_string(++ids);
    std::memcpy(id->internal, text.data(), text.size());
    return NcclResult::success;
  });
}

// Ranks may join one after another: nothing here needs the others.
NcclResult comm_init_rank(NcclComm* out, int ranks, NcclId id, int rank) {
  return call("ncclCommInitRank", [&] {
    if (rank < 0 || rank >= ranks) return kInvalidArgument;
    std::shared_ptr<Clique> clique = cliques[id.internal].lock();
    if (!clique) cliques[id.internal] = clique = std::make_shared<Clique>();
    clique->devices.resize(static_cast<std::size_t>(ranks), -1);
    const auto found = std::find(clique->devices.begin(), clique->devices.end(), current_device());
    if (found != clique->devices.end()) return kInvalidUsage;
    clique->devices[static_cast<std::size_t>(rank)] = current_device();
    *out = new Comm{clique, rank, current_device()};
    return NcclResult::success;
  });
}
NcclResult comm_destroy(NcclComm comm) {
  const MachineLock lock;
  delete static_cast<Comm*>(comm);
  return NcclResult::success;
}
NcclResult comm_abort(NcclComm comm) {
  const MachineLock lock;
  static_cast<Comm*>(comm)->clique->aborted = true;
  return comm_destroy(comm);
}
NcclResult comm_get_async_error(NcclComm, NcclResult* error) {
  *error = NcclResult::success;
  return NcclResult::success;
}

/// The operations of one stream begin together and end together.
void issue(const std::vector<Operation>& operations) {
  std::map<void*, std::vector<Operation>> by_stream;
  for (const Operation& operation : operations) by_stream[operation.stream].push_back(operation);
  for (const auto& [stream, all] : by_stream) {
    enqueue(stream, [all = all] {
      for (const Operation& each : all) (each.sends ? each.meeting->send_began : each.meeting->recv_began) = true;
    });
    const auto may_end = [all = all] {
      return std::all_of(all.begin(), all.end(),
                         [](const Operation& each) { return each.meeting->may_end() || each.clique->aborted; });
    };
    enqueue(
        stream,
        [all = all] {
          for (const Operation& each : all)
            if (!each.clique->aborted) each.meeting->copy();
        },
        may_end);
  }
}

NcclResult group_start() {
  return call("ncclGroupStart", [] {
    ++depth;
    return NcclResult::success;
  });
}
NcclResult group_end() {
  const MachineLock lock;
  if (depth == 0) return kInvalidUsage;
  if (--depth > 0) return NcclResult::success;
  const std::vector<Operation> operations = std::exchange(group, {});
  return call("ncclGroupEnd", [&] {
    issue(operations);
    return NcclResult::success;
  });
}

/// The meeting that waits for this end, or a new one that waits for the other.
MeetingPtr meet(std::deque<MeetingPtr>& others, std::deque<MeetingPtr>& own) {
  if (others.empty()) return own.emplace_back(std::make_shared<Meeting>());
  MeetingPtr found = others.front();
  others.pop_front();
  return found;
}

NcclResult add(bool sends, void* buffer, std::size_t bytes, int peer, NcclComm comm, cudaStream_t stream) {
  if (has_failed()) return kUnhandledCudaError;
  auto& mine = *static_cast<Comm*>(comm);
  Clique& clique = *mine.clique;
  if (peer < 0 || peer >= static_cast<int>(clique.devices.size()) || device_of(stream) != mine.device)
    return kInvalidArgument;
  const std::pair<int, int> edge = sends ? std::pair(mine.rank, peer) : std::pair(peer, mine.rank);
  auto &own = sends ? clique.sends[edge] : clique.receives[edge],
       &others = sends ? clique.receives[edge] : clique.sends[edge];
  const MeetingPtr meeting = meet(others, own);
  if (sends) {
    meeting->from = buffer;
    meeting->sent = bytes;
  } else {
    meeting->to = buffer;
    meeting->awaited = bytes;
  }
  group.push_back({meeting, sends, stream, mine.clique});
  if (depth == 0) issue(std::exchange(group, {}));
  return NcclResult::success;
}

NcclResult send(const void* from, std::size_t count, NcclType, int peer, NcclComm comm, cudaStream_t stream) {
  return call("ncclSend", [&] { return add(true, const_cast<void*>(from), count, peer, comm, stream); });
}
NcclResult recv(void* to, std::size_t count, NcclType, int peer, NcclComm comm, cudaStream_t stream) {
  return call("ncclRecv", [&] { return add(false, to, count, peer, comm, stream); });
}

const char* get_error_string(NcclResult result) { return result == kInvalidUsage ? "invalid usage" : "internal error"; }
const char* get_last_error(NcclComm) { return ""; }

}  // namespace

const exec::cuda::NcclCalls& nccl_calls() {
  static const exec::cuda::NcclCalls calls{
      get_version, get_unique_id, comm_init_rank, comm_destroy, comm_abort,       comm_get_async_error,
      group_start, group_end,     send,           recv,         get_error_string, get_last_error};
  return calls;
}

}  // namespace ppplan::cuda_on_cpu

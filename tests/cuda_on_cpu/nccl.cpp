#include "tests/cuda_on_cpu/nccl.h"

#include <cuda_bf16.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "tests/cuda_on_cpu/queues.h"

namespace ppplan::cuda_on_cpu {
namespace {

using exec::cuda::NcclComm;
using exec::cuda::NcclConfig;
using exec::cuda::NcclId;
using exec::cuda::NcclReduction;
using exec::cuda::NcclResult;
using exec::cuda::NcclType;

constexpr auto kUnhandledCudaError = static_cast<NcclResult>(1);
constexpr auto kInvalidUsage = static_cast<NcclResult>(5);
constexpr auto kInvalidArgument = static_cast<NcclResult>(4);

/// Set once an end's rank has given its communicator up: what it handed over may be freed by now.
using GivenUp = std::shared_ptr<bool>;

/// Both ends of one message; they need the same size.
struct Meeting {
  struct End {
    bool began = false;
    GivenUp given_up = {};
    bool is_here() const { return began && !*given_up; }
  };
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t sent = 0, awaited = 0;
  End sender, receiver;
  bool copied = false;
  bool may_end() const { return copied || (sender.is_here() && receiver.is_here()); }
  void copy() {
    if (std::exchange(copied, true)) return;
    std::memcpy(to, from, std::min(sent, awaited));
  }
};
using MeetingPtr = std::shared_ptr<Meeting>;

/// One call of a collective on all ranks.
struct Gathering {
  std::vector<const void*> from;   // [rank]
  std::vector<void*> to;           // [rank]
  std::vector<Meeting::End> ends;  // [rank]
  bool done = false;
  bool may_end() const {
    return done || std::all_of(ends.begin(), ends.end(), [](const Meeting::End& end) { return end.is_here(); });
  }
};

/// What all ranks of a communicator share.
struct Clique {
  std::vector<int> devices;  // [rank]; -1 until it has joined
  int closing = 0;           // ranks
  std::map<std::pair<int, int>, std::deque<MeetingPtr>> sends,
      receives;  // by (from, to): those without their other end
  std::deque<Gathering> gatherings;
  bool complete() const { return std::find(devices.begin(), devices.end(), -1) == devices.end(); }
};

/// One end's part in a message or a collective.
struct Operation {
  std::function<void()> begin;
  std::function<bool()> may_end;
  std::function<void()> end;
  void* stream = nullptr;
  struct Comm* comm = nullptr;
  GivenUp given_up;
};

struct Comm {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  int device = 0;
  bool blocks = true;
  GivenUp given_up = std::make_shared<bool>(false);
  std::size_t collectives = 0;       // so far
  std::vector<Operation> held = {};  // called, not taken over yet
  std::size_t answers = 0;           // "goes on" that it still gives before it takes over
  bool closing = false;
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

/// Where ranks are threads, one that doesn't block waits for the others to come along; else they come one by one.
bool have_come(bool all) { return all || runtime().shape.patience_s == 0; }

NcclResult join(NcclComm* out, int ranks, const NcclId& id, int rank, bool blocks) {
  if (rank < 0 || rank >= ranks) return kInvalidArgument;
  std::shared_ptr<Clique> clique = cliques[id.internal].lock();
  if (!clique) cliques[id.internal] = clique = std::make_shared<Clique>();
  clique->devices.resize(static_cast<std::size_t>(ranks), -1);
  const auto found = std::find(clique->devices.begin(), clique->devices.end(), current_device());
  if (found != clique->devices.end() && !runtime().shape.ranks_share_devices) return kInvalidUsage;
  clique->devices[static_cast<std::size_t>(rank)] = current_device();
  auto* const made = new Comm{clique, rank, current_device(), blocks};
  made->answers = runtime().draw(3);
  *out = made;
  return blocks ? NcclResult::success : NcclResult::in_progress;
}
NcclResult comm_init_rank(NcclComm* out, int ranks, NcclId id, int rank) {
  return call("ncclCommInitRank", [&] { return join(out, ranks, id, rank, true); });
}
NcclResult comm_init_rank_config(NcclComm* out, int ranks, NcclId id, int rank, NcclConfig* config) {
  return call("ncclCommInitRankConfig", [&] {
    if (config->size != sizeof(NcclConfig) || config->magic != 0xcafebeef) return kInvalidArgument;
    return join(out, ranks, id, rank, config->blocking != 0);
  });
}
NcclResult comm_destroy(NcclComm comm) {
  const MachineLock lock;
  delete static_cast<Comm*>(comm);
  return NcclResult::success;
}
/// Ends what this end is at; the others don't notice.
NcclResult comm_abort(NcclComm comm) {
  const MachineLock lock;
  *static_cast<Comm*>(comm)->given_up = true;
  runtime().changed.notify_all();
  return comm_destroy(comm);
}
NcclResult comm_finalize(NcclComm comm) {
  return call("ncclCommFinalize", [&] {
    auto& it = *static_cast<Comm*>(comm);
    it.closing = true;
    ++it.clique->closing;
    return it.blocks ? NcclResult::success : NcclResult::in_progress;
  });
}

/// The operations of one stream begin together and end together.
void issue(const std::vector<Operation>& operations) {
  std::map<void*, std::vector<Operation>> by_stream;
  for (const Operation& operation : operations) by_stream[operation.stream].push_back(operation);
  for (const auto& [stream, all] : by_stream) {
    enqueue(stream, [all = all] {
      for (const Operation& each : all) each.begin();
    });
    const auto may_end = [all = all] {
      return std::all_of(all.begin(), all.end(),
                         [](const Operation& each) { return *each.given_up || each.may_end(); });
    };
    enqueue(
        stream,
        [all = all] {
          for (const Operation& each : all)
            if (!*each.given_up) each.end();
        },
        may_end);
  }
}

/// At once, or once the communicator takes it over. In the order in which a group names its communicators.
NcclResult hand_over(const std::vector<Operation>& operations) {
  std::vector<Operation> now;
  NcclResult out = NcclResult::success;
  for (const Operation& operation : operations) {
    if (operation.comm->blocks) {
      now.push_back(operation);
      continue;
    }
    operation.comm->held.push_back(operation);
    operation.comm->answers = runtime().draw(3);
    out = NcclResult::in_progress;
  }
  issue(now);
  return out;
}

NcclResult comm_get_async_error(NcclComm comm, NcclResult* error) {
  return call("ncclCommGetAsyncError", [&] {
    auto& it = *static_cast<Comm*>(comm);
    const int ranks = static_cast<int>(it.clique->devices.size());
    const bool goes_on =
        !have_come(it.clique->complete()) || (it.closing && !have_come(it.clique->closing == ranks)) || it.answers > 0;
    if (it.answers > 0) --it.answers;
    *error = goes_on ? NcclResult::in_progress : NcclResult::success;
    if (!goes_on) issue(std::exchange(it.held, {}));
    return NcclResult::success;
  });
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
  return call("ncclGroupEnd", [&] { return hand_over(operations); });
}

/// The meeting that waits for this end, or a new one that waits for the other.
MeetingPtr meet(std::deque<MeetingPtr>& others, std::deque<MeetingPtr>& own) {
  if (others.empty()) return own.emplace_back(std::make_shared<Meeting>());
  MeetingPtr found = others.front();
  others.pop_front();
  return found;
}

NcclResult add(Operation operation) {
  group.push_back(std::move(operation));
  return depth == 0 ? hand_over(std::exchange(group, {})) : NcclResult::success;
}

NcclResult add_message(bool sends, void* buffer, std::size_t bytes, int peer, NcclComm comm, cudaStream_t stream) {
  if (has_failed()) return kUnhandledCudaError;
  auto& mine = *static_cast<Comm*>(comm);
  Clique& clique = *mine.clique;
  if (peer < 0 || peer >= static_cast<int>(clique.devices.size()) || device_of(stream) != mine.device)
    return kInvalidArgument;
  const std::pair<int, int> edge = sends ? std::pair(mine.rank, peer) : std::pair(peer, mine.rank);
  auto &own = sends ? clique.sends[edge] : clique.receives[edge],
       &others = sends ? clique.receives[edge] : clique.sends[edge];
  const MeetingPtr meeting = meet(others, own);
  Meeting::End& end = sends ? meeting->sender : meeting->receiver;
  end.given_up = mine.given_up;
  if (sends) {
    meeting->from = buffer;
    meeting->sent = bytes;
  } else {
    meeting->to = buffer;
    meeting->awaited = bytes;
  }
  return add({[meeting, &end] { end.began = true; }, [meeting] { return meeting->may_end(); },
              [meeting] { meeting->copy(); }, stream, &mine, mine.given_up});
}

/// `perform` reads all ranks' inputs and writes all their outputs, once.
NcclResult add_collective(const void* from, void* to, NcclComm comm, cudaStream_t stream,
                          const std::function<void(Gathering&)>& perform) {
  if (has_failed()) return kUnhandledCudaError;
  auto& mine = *static_cast<Comm*>(comm);
  if (device_of(stream) != mine.device) return kInvalidArgument;
  const std::shared_ptr<Clique> clique = mine.clique;
  const std::size_t nth = mine.collectives++, ranks = clique->devices.size();
  const auto rank = static_cast<std::size_t>(mine.rank);
  if (clique->gatherings.size() <= nth) clique->gatherings.resize(nth + 1);
  Gathering& it = clique->gatherings[nth];
  it.from.resize(ranks);
  it.to.resize(ranks);
  it.ends.resize(ranks);
  it.from[rank] = from;
  it.to[rank] = to;
  it.ends[rank].given_up = mine.given_up;
  return add({[clique, nth, rank] { clique->gatherings[nth].ends[rank].began = true; },
              [clique, nth] { return clique->gatherings[nth].may_end(); },
              [clique, nth, perform] {
                if (Gathering& all = clique->gatherings[nth]; !std::exchange(all.done, true)) perform(all);
              },
              stream, &mine, mine.given_up});
}

NcclResult send(const void* from, std::size_t count, NcclType, int peer, NcclComm comm, cudaStream_t stream) {
  return call("ncclSend", [&] { return add_message(true, const_cast<void*>(from), count, peer, comm, stream); });
}
NcclResult recv(void* to, std::size_t count, NcclType, int peer, NcclComm comm, cudaStream_t stream) {
  return call("ncclRecv", [&] { return add_message(false, to, count, peer, comm, stream); });
}

/// Rounded after every addition, as a ring of ranks does it.
void sum_bf16(Gathering& all, std::size_t count) {
  std::vector<__nv_bfloat16> sum(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t rank = 0; rank < all.from.size(); ++rank) {
      const __nv_bfloat16 value = static_cast<const __nv_bfloat16*>(all.from[rank])[i];
      sum[i] = rank == 0 ? value : __float2bfloat16_rn(__bfloat162float(sum[i]) + __bfloat162float(value));
    }
  }
  for (void* to : all.to) std::memcpy(to, sum.data(), count * sizeof sum[0]);
}

NcclResult all_reduce(const void* from, void* to, std::size_t count, NcclType type, NcclReduction, NcclComm comm,
                      cudaStream_t stream) {
  return call("ncclAllReduce", [&] {
    if (type != NcclType::bf16) return kInvalidArgument;
    return add_collective(from, to, comm, stream, [count](Gathering& all) { sum_bf16(all, count); });
  });
}
NcclResult all_gather(const void* from, void* to, std::size_t count, NcclType type, NcclComm comm,
                      cudaStream_t stream) {
  const std::size_t bytes = count * (type == NcclType::bf16 ? 2 : 1);
  return call("ncclAllGather", [&] {
    return add_collective(from, to, comm, stream, [bytes](Gathering& all) {
      std::vector<char> parts;
      for (const void* part : all.from)
        parts.insert(parts.end(), static_cast<const char*>(part), static_cast<const char*>(part) + bytes);
      for (void* out : all.to) std::memcpy(out, parts.data(), parts.size());
    });
  });
}

const char* get_error_string(NcclResult result) { return result == kInvalidUsage ? "invalid usage" : "internal error"; }
const char* get_last_error(NcclComm) { return ""; }

}  // namespace

const exec::cuda::NcclCalls& nccl_calls() {
  static const exec::cuda::NcclCalls calls{get_version,
                                           get_unique_id,
                                           comm_init_rank,
                                           comm_init_rank_config,
                                           comm_finalize,
                                           comm_destroy,
                                           comm_abort,
                                           comm_get_async_error,
                                           group_start,
                                           group_end,
                                           send,
                                           recv,
                                           all_reduce,
                                           all_gather,
                                           get_error_string,
                                           get_last_error};
  return calls;
}

}  // namespace ppplan::cuda_on_cpu

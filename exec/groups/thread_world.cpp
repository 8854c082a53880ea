#include "exec/groups/thread_world.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "exec/groups/collectives.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

enum class State { waiting, copying, done, failed };

/// One side of a message; its state is guarded by the hub's mutex.
struct Side {
  bool receives = false;
  std::byte* to = nullptr;          // of a receive
  const std::byte* from = nullptr;  // of a send
  std::size_t bytes = 0;
  int rank = 0;  // whose side it is
  int peer = 0;
  State state = State::waiting;
  std::condition_variable changed;
};
using Edge = std::pair<int, int>;  // from, to
using Queues = std::map<Edge, std::deque<std::shared_ptr<Side>>>;

/// Where the threads of one group meet.
struct Meeting {
  std::string name;
  std::vector<int> ranks;
  std::vector<bool> left;  // [rank]
  Queues sends;            // that came before their receives
  Queues receives;         // that came before their sends
};

/// What all ranks of the run share; everything is guarded by the mutex.
struct Hub {
  double deadline_s = 0;
  std::mutex mutex;
  std::optional<std::string> failure;
  std::vector<bool> ended;  // [rank of the run]
  std::map<std::tuple<std::string, std::vector<int>, int>, std::shared_ptr<Meeting>> meetings;
};

std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

/// The first failure stands; every side that no copy holds ends with it.
void end_run(Hub& hub, const std::string& why) {
  if (hub.failure) return;
  hub.failure = why;
  for (auto& [key, meeting] : hub.meetings)
    for (Queues* queues : {&meeting->sends, &meeting->receives})
      for (auto& [edge, sides] : std::exchange(*queues, {}))
        for (auto& side : sides) {
          side->state = State::failed;
          side->changed.notify_all();
        }
}

std::string awaited(const Meeting& meeting, const Side& side) {
  return groups::awaited(meeting.ranks, side.peer, side.receives, side.bytes);
}

bool is_gone(const Hub& hub, const Meeting& meeting, int rank) {
  return meeting.left[index(rank)] || hub.ended[index(meeting.ranks[index(rank)])];
}

void fail_for_ended_peer(Hub& hub, const Meeting& meeting, const Side& side) {
  end_run(hub, fmt::format("{}: {} awaits {}, but it has ended", meeting.name, rank_name(meeting.ranks, side.rank),
                           awaited(meeting, side)));
}

/// After a rank has left: whoever waits for it now waits in vain.
void fail_if_awaited(Hub& hub, const Meeting& meeting) {
  for (const Queues* queues : {&meeting.sends, &meeting.receives})
    for (const auto& [edge, sides] : *queues)
      for (const auto& side : sides)
        if (is_gone(hub, meeting, side->peer)) return fail_for_ended_peer(hub, meeting, *side);
}

class ThreadPending : public Pending {
 public:
  ThreadPending(std::shared_ptr<Hub> hub, std::shared_ptr<Meeting> meeting, std::shared_ptr<Side> side)
      : hub_(std::move(hub)), meeting_(std::move(meeting)), side_(std::move(side)) {}
  ~ThreadPending() override {
    std::unique_lock lock(hub_->mutex);
    finish(lock);
  }
  void wait() override {
    std::unique_lock lock(hub_->mutex);
    finish(lock);
    if (side_->state == State::failed) throw GroupError(*hub_->failure);
  }

 private:
  /// Until the side is done or failed; a copy under way is always waited for, since it uses the caller's buffer.
  void finish(std::unique_lock<std::mutex>& lock) {
    const auto begun = [&] { return side_->state != State::waiting; };
    if (!side_->changed.wait_for(lock, std::chrono::duration<double>(hub_->deadline_s), begun))
      end_run(*hub_, fmt::format("{}: {} waited {:g} s for {}", meeting_->name, rank_name(meeting_->ranks, side_->rank),
                                 hub_->deadline_s, awaited(*meeting_, *side_)));
    side_->changed.wait(lock, [&] { return side_->state == State::done || side_->state == State::failed; });
  }

  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Meeting> meeting_;
  std::shared_ptr<Side> side_;
};

class ThreadGroup : public MessageGroup {
 public:
  ThreadGroup(std::shared_ptr<Hub> hub, std::shared_ptr<Meeting> meeting, int rank)
      : hub_(std::move(hub)), meeting_(std::move(meeting)), rank_(rank) {}
  ~ThreadGroup() override {
    const std::lock_guard lock(hub_->mutex);
    meeting_->left[index(rank_)] = true;
    fail_if_awaited(*hub_, *meeting_);
  }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(meeting_->ranks.size()); }
  const std::string& name() const override { return meeting_->name; }

  std::unique_ptr<Pending> isend(std::span<const std::byte> data, int to) override {
    auto side = make_side(data.size(), to);
    side->from = data.data();
    return post(std::move(side), {rank_, to});
  }
  std::unique_ptr<Pending> irecv(std::span<std::byte> data, int from) override {
    auto side = make_side(data.size(), from);
    side->receives = true;
    side->to = data.data();
    return post(std::move(side), {from, rank_});
  }

 private:
  std::shared_ptr<Side> make_side(std::size_t bytes, int peer) const {
    check_peer(*this, peer);
    auto side = std::make_shared<Side>();
    side->bytes = bytes;
    side->rank = rank_;
    side->peer = peer;
    return side;
  }

  /// Meets the other side when it has come, else waits in line for it.
  std::unique_ptr<Pending> post(std::shared_ptr<Side> side, Edge edge) {
    std::unique_lock lock(hub_->mutex);
    if (hub_->failure) throw GroupError(*hub_->failure);
    auto& others = (side->receives ? meeting_->sends : meeting_->receives)[edge];
    if (!others.empty()) {
      const auto other = others.front();
      others.pop_front();
      deliver(lock, *side, *other);
    } else if (is_gone(*hub_, *meeting_, side->peer)) {
      fail_for_ended_peer(*hub_, *meeting_, *side);
      throw GroupError(*hub_->failure);
    } else {
      (side->receives ? meeting_->receives : meeting_->sends)[edge].push_back(side);
    }
    return std::make_unique<ThreadPending>(hub_, meeting_, std::move(side));
  }

  /// Copies outside of the lock, so that other pairs go on; the state `copying` keeps both buffers in place.
  void deliver(std::unique_lock<std::mutex>& lock, Side& mine, Side& other) {
    Side& send = mine.receives ? other : mine;
    Side& receive = mine.receives ? mine : other;
    State end = State::done;
    if (send.bytes != receive.bytes) {
      end_run(*hub_,
              size_message(meeting_->name, meeting_->ranks, {send.rank, send.bytes}, {receive.rank, receive.bytes}));
      end = State::failed;
    } else if (send.bytes > 0) {
      mine.state = other.state = State::copying;
      lock.unlock();
      std::memcpy(receive.to, send.from, send.bytes);
      lock.lock();
    }
    mine.state = other.state = end;
    other.changed.notify_all();
  }

  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Meeting> meeting_;
  int rank_;
};

class ThreadWorld : public World {
 public:
  ThreadWorld(std::shared_ptr<Hub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}
  ~ThreadWorld() override {
    const std::lock_guard lock(hub_->mutex);
    hub_->ended[index(rank_)] = true;
    for (const auto& [key, meeting] : hub_->meetings) fail_if_awaited(*hub_, *meeting);
  }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(hub_->ended.size()); }

  std::unique_ptr<Group> group(const std::string& name, const std::vector<int>& ranks) override {
    const int position = position_in(name, ranks, rank_, size());
    const std::lock_guard lock(hub_->mutex);
    auto& meeting = hub_->meetings[{name, ranks, made_[{name, ranks}]++}];
    if (!meeting) {
      meeting = std::make_shared<Meeting>();
      meeting->name = name;
      meeting->ranks = ranks;
      meeting->left.resize(ranks.size());
    }
    if (hub_->failure) throw GroupError(*hub_->failure);
    return std::make_unique<ThreadGroup>(hub_, meeting, position);
  }
  void fail(const std::string& why) override {
    const std::lock_guard lock(hub_->mutex);
    end_run(*hub_, why);
  }
  std::optional<std::string> failure() const override {
    const std::lock_guard lock(hub_->mutex);
    return hub_->failure;
  }

 private:
  std::shared_ptr<Hub> hub_;
  int rank_;
  std::map<std::pair<std::string, std::vector<int>>, int> made_;  // groups of each name and list
};

}  // namespace

std::vector<std::unique_ptr<World>> thread_worlds(int size, double deadline_s) {
  if (size < 1) throw input::InputError("a run of threads: expected at least 1 rank, found " + std::to_string(size));
  auto hub = std::make_shared<Hub>();
  hub->deadline_s = deadline_s;
  hub->ended.resize(index(size));
  std::vector<std::unique_ptr<World>> out;
  for (int rank = 0; rank < size; ++rank) out.push_back(std::make_unique<ThreadWorld>(hub, rank));
  return out;
}

}  // namespace ppplan::exec::groups

#include "exec/groups/mpi_world.h"

#include <fmt/format.h>

#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <utility>

#include "exec/groups/collectives.h"
#include "exec/groups/mpi/mpi_channel.h"
#include "exec/groups/mpi/mpi_session.h"
#include "exec/groups/wire.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

using Clock = std::chrono::steady_clock;
using Frame = std::vector<std::byte>;

constexpr int kControlTag = 0;
constexpr std::chrono::microseconds kPause(30);      // of the thread that tests, when nothing moves
constexpr std::chrono::milliseconds kLetGo(300);     // for the library to end what a failed run has begun
constexpr std::chrono::seconds kFarewell(2);         // for the others to say goodbye after a failure
constexpr std::size_t kMostBytes = (1U << 31U) - 1;  // that MPI counts in one message

/// What ranks tell each other besides data. MPI keeps the order of frames between two ranks.
enum class FrameKind { hello, farewell, report, verdict, goodbye };

std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

struct GroupKey {
  std::string name;
  std::vector<int> ranks;
  int made = 0;  // groups of this name and list before
  auto operator<=>(const GroupKey&) const = default;
};
using ChannelKey = std::pair<GroupKey, int>;  // peer's rank of the run
using ChannelPtr = std::shared_ptr<MpiChannel>;

class MpiWorld : public World {
 public:
  explicit MpiWorld(const MpiSettings& settings);
  ~MpiWorld() override;
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::unique_ptr<Group> group(const std::string& name, const std::vector<int>& ranks) override;
  void fail(const std::string& why) override {
    const std::lock_guard lock(mutex_);
    report(why);
  }
  std::optional<std::string> failure() const override {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  MpiSidePtr post(const ChannelKey& key, MpiSidePtr side);
  /// Waits for its end; throws what made the run fail.
  void wait(const ChannelKey& key, MpiSide& side);
  /// As wait, whatever the outcome.
  void finish(const ChannelKey& key, MpiSide& side);
  void leave(const GroupKey& key);

 private:
  // All below needs the mutex.
  void serve();
  bool progress();
  bool take_frame();
  void on_frame(int from, const Frame& frame);
  void on_hello(int from, WireReader& reader);
  void send_frame(int to, Frame frame);
  void draw_tag(const ChannelKey& key, MpiChannel& channel);
  void report(const std::string& why);
  void decide(const std::string& why);
  bool is_quiet() const;

  int rank_;
  int size_;
  double deadline_s_;
  bool failure_ends_job_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  mutable std::mutex mutex_;
  std::optional<std::string> failure_;
  Clock::time_point failed_at_;
  std::map<ChannelKey, ChannelPtr> channels_;
  std::map<ChannelKey, int> parked_;  // tags of channels that this rank has not made yet
  std::map<std::pair<int, int>, std::int64_t>
      left_with_;              // (peer, tag): messages when the peer left, before its group was made here
  std::vector<int> next_tag_;  // [peer]: drawn by this rank
  std::set<int> ended_;        // ranks that said goodbye
  std::list<std::pair<Frame, MPI_Request>> frames_;  // on their way
  std::map<std::pair<std::string, std::vector<int>>, int> groups_made_;
  bool reported_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

class MpiPending : public Pending {
 public:
  MpiPending(MpiWorld& world, ChannelKey key, MpiSidePtr side)
      : world_(world), key_(std::move(key)), side_(std::move(side)) {}
  ~MpiPending() override { world_.finish(key_, *side_); }
  void wait() override { world_.wait(key_, *side_); }

 private:
  MpiWorld& world_;
  ChannelKey key_;
  MpiSidePtr side_;
};

class MpiGroup : public MessageGroup {
 public:
  MpiGroup(MpiWorld& world, GroupKey key, int rank) : world_(world), key_(std::move(key)), rank_(rank) {}
  ~MpiGroup() override { world_.leave(key_); }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(key_.ranks.size()); }
  const std::string& name() const override { return key_.name; }
  std::unique_ptr<Pending> isend(std::span<const std::byte> data, int to) override {
    auto side = made(data.size(), to);
    side->from = data.data();
    return post(std::move(side), to);
  }
  std::unique_ptr<Pending> irecv(std::span<std::byte> data, int from) override {
    auto side = made(data.size(), from);
    side->receives = true;
    side->to = data.data();
    return post(std::move(side), from);
  }

 private:
  MpiSidePtr made(std::size_t bytes, int peer) const {
    check_peer(*this, peer);
    if (bytes > kMostBytes)
      throw GroupError(
          fmt::format("{}: expected a message of at most {} bytes, found {}", key_.name, kMostBytes, bytes));
    auto side = std::make_shared<MpiSide>();
    side->bytes = bytes;
    return side;
  }
  std::unique_ptr<Pending> post(MpiSidePtr side, int peer) {
    const ChannelKey key{key_, key_.ranks[index(peer)]};
    return std::make_unique<MpiPending>(world_, key, world_.post(key, std::move(side)));
  }

  MpiWorld& world_;
  GroupKey key_;
  int rank_;
};

Frame frame_of(FrameKind kind) {
  Frame out;
  append_number(out, static_cast<std::int64_t>(kind));
  return out;
}

MpiWorld::MpiWorld(const MpiSettings& settings)
    : rank_(MpiSession::get().rank),
      size_(settings.size),
      deadline_s_(settings.deadline_s),
      failure_ends_job_(settings.failure_ends_job),
      next_tag_(index(settings.size), kControlTag + 1) {
  std::vector<int> ranks(index(size_));
  std::iota(ranks.begin(), ranks.end(), 0);
  MPI_Group all{}, members{};
  MPI_Comm_group(MPI_COMM_WORLD, &all);
  MPI_Group_incl(all, size_, ranks.data(), &members);
  MPI_Comm_create_group(MPI_COMM_WORLD, members, 0, &comm_);
  MPI_Group_free(&members);
  MPI_Group_free(&all);
  thread_ = std::thread([this] { serve(); });
}

/// Goodbye is said when this rank needs nobody any more, and it stays until nobody needs it.
MpiWorld::~MpiWorld() {
  {
    const std::lock_guard lock(mutex_);
    for (int peer = 0; peer < size_; ++peer)
      if (peer != rank_) send_frame(peer, frame_of(FrameKind::goodbye));
    stopping_ = true;
  }
  thread_.join();
  // Of a failed run messages may linger that nobody receives; their communicator is not used again.
  if (!failure_) MPI_Comm_free(&comm_);
  if (failure_ && failure_ends_job_) MpiSession::get().failed = true;
}

std::unique_ptr<Group> MpiWorld::group(const std::string& name, const std::vector<int>& ranks) {
  const int position = position_in(name, ranks, rank_, size_);
  const std::lock_guard lock(mutex_);
  if (failure_) throw GroupError(*failure_);
  const GroupKey key{name, ranks, groups_made_[{name, ranks}]++};
  for (std::size_t peer = 0; peer < ranks.size(); ++peer) {
    if (static_cast<int>(peer) == position) continue;
    const ChannelKey channel_key{key, ranks[peer]};
    const auto channel =
        std::make_shared<MpiChannel>(comm_, MpiChannel::Ends{name, ranks, position, static_cast<int>(peer)});
    channels_[channel_key] = channel;
    if (const auto parked = parked_.extract(channel_key)) {
      channel->set_tag(parked.mapped());
      if (const auto left = left_with_.extract({ranks[peer], parked.mapped()})) channel->peer_left(left.mapped());
    }
  }
  return std::make_unique<MpiGroup>(*this, key, position);
}

MpiSidePtr MpiWorld::post(const ChannelKey& key, MpiSidePtr side) {
  const std::lock_guard lock(mutex_);
  if (failure_) throw GroupError(*failure_);
  MpiChannel& channel = *channels_.at(key);
  channel.post(side);
  if (!channel.tag() && channel.is_lower()) draw_tag(key, channel);
  progress();
  return side;
}

void MpiWorld::wait(const ChannelKey& key, MpiSide& side) {
  finish(key, side);
  const std::lock_guard lock(mutex_);
  if (side.state == MpiState::failed) throw GroupError(failure_.value_or("the run has failed"));
}

void MpiWorld::finish(const ChannelKey& key, MpiSide& side) {
  std::unique_lock lock(mutex_);
  const auto patience = std::chrono::duration<double>(deadline_s_);
  const auto ended = [&] { return side.ended(); };
  if (side.changed.wait_for(lock, patience, ended)) return;
  const MpiChannel::Ends& ends = channels_.at(key)->ends();
  const std::string why = fmt::format("{}: {} waited {:g} s for {}", ends.group, rank_name(ends.ranks, ends.rank),
                                      deadline_s_, awaited(ends.ranks, ends.peer, side.receives, side.bytes));
  report(why);
  // Rank 0 may be the one that hangs.
  if (!side.changed.wait_for(lock, kFarewell, ended)) decide(why);
  side.changed.wait(lock, ended);
}

void MpiWorld::leave(const GroupKey& key) {
  const std::lock_guard lock(mutex_);
  for (const int peer : key.ranks) {
    const auto channel = channels_.extract({key, peer});
    if (!channel) continue;
    if (!channel.mapped()->tag()) continue;
    Frame frame = frame_of(FrameKind::farewell);
    append_number(frame, *channel.mapped()->tag());
    append_number(frame, channel.mapped()->sent());
    send_frame(peer, std::move(frame));
  }
}

void MpiWorld::serve() {
  for (;;) {
    bool moved = false;
    {
      const std::lock_guard lock(mutex_);
      moved = progress();
      if (stopping_ && is_quiet()) return;
    }
    if (!moved) std::this_thread::sleep_for(kPause);
  }
}

bool MpiWorld::is_quiet() const {
  if (failure_ && Clock::now() - failed_at_ > kFarewell) return true;
  return static_cast<int>(ended_.size()) == size_ - 1 && frames_.empty();
}

/// Whether a frame came.
bool MpiWorld::progress() {
  bool moved = false;
  while (take_frame()) moved = true;
  for (auto& [frame, request] : frames_) {
    int ended = 0;
    MPI_Test(&request, &ended, MPI_STATUS_IGNORE);
    if (ended != 0) frame.clear();
  }
  frames_.remove_if([](const auto& frame) { return frame.first.empty(); });
  for (const auto& [key, channel] : channels_) {
    if (failure_) {
      channel->fail(Clock::now() - failed_at_ > kLetGo);
    } else if (const auto fault = channel->progress(ended_.contains(key.second))) {
      report(*fault);
    }
  }
  return moved;
}

bool MpiWorld::take_frame() {
  int found = 0, bytes = 0;
  MPI_Message message{};
  MPI_Status status{};
  MPI_Improbe(MPI_ANY_SOURCE, kControlTag, comm_, &found, &message, &status);
  if (found == 0) return false;
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  Frame frame(static_cast<std::size_t>(bytes));
  MPI_Mrecv(frame.data(), bytes, MPI_BYTE, &message, MPI_STATUS_IGNORE);
  on_frame(status.MPI_SOURCE, frame);
  return true;
}

void MpiWorld::send_frame(int to, Frame frame) {
  auto& [bytes, request] = frames_.emplace_back(std::move(frame), MPI_REQUEST_NULL);
  MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, kControlTag, comm_, &request);
}

void MpiWorld::draw_tag(const ChannelKey& key, MpiChannel& channel) {
  const int tag = next_tag_[index(key.second)]++;
  channel.set_tag(tag);
  Frame frame = frame_of(FrameKind::hello);
  append_number(frame, tag);
  append_text(frame, key.first.name);
  append_number(frame, key.first.made);
  for (const int rank : key.first.ranks) append_number(frame, rank);
  send_frame(key.second, std::move(frame));
}

void MpiWorld::on_hello(int from, WireReader& reader) {
  const int tag = static_cast<int>(reader.number());
  ChannelKey key;
  key.first.name = reader.text();
  key.first.made = static_cast<int>(reader.number());
  while (!reader.at_end()) key.first.ranks.push_back(static_cast<int>(reader.number()));
  key.second = from;
  const auto channel = channels_.find(key);
  if (channel != channels_.end())
    channel->second->set_tag(tag);
  else
    parked_[key] = tag;
}

void MpiWorld::on_frame(int from, const Frame& frame) {
  WireReader reader(frame);
  switch (static_cast<FrameKind>(reader.number())) {
    case FrameKind::hello:
      return on_hello(from, reader);
    case FrameKind::farewell: {
      const int tag = static_cast<int>(reader.number());
      const std::int64_t messages = reader.number();
      for (const auto& [key, channel] : channels_)
        if (key.second == from && channel->tag() == tag) return channel->peer_left(messages);
      left_with_[{from, tag}] = messages;
      return;
    }
    case FrameKind::report:
      return decide(reader.text());
    case FrameKind::verdict:
      return decide(reader.text());
    case FrameKind::goodbye:
      ended_.insert(from);
  }
}

void MpiWorld::report(const std::string& why) {
  if (failure_ || std::exchange(reported_, true)) return;
  if (rank_ == 0) return decide(why);
  Frame frame = frame_of(FrameKind::report);
  append_text(frame, why);
  send_frame(0, std::move(frame));
}

void MpiWorld::decide(const std::string& why) {
  if (failure_) return;
  failure_ = why;
  failed_at_ = Clock::now();
  Frame frame = frame_of(FrameKind::verdict);
  append_text(frame, why);
  for (int peer = 1; rank_ == 0 && peer < size_; ++peer) send_frame(peer, frame);
  for (const auto& [key, channel] : channels_) channel->fail(false);
}

}  // namespace

std::unique_ptr<World> join_mpi_world(const MpiSettings& settings) {
  const MpiSession& session = MpiSession::get();
  const int size = settings.size;
  if (size < 1 || size > session.size || session.rank >= size)
    throw input::InputError(
        fmt::format("ranks of an MPI job of {}: expected a rank below {}, found {}", session.size, size, session.rank));
  return std::make_unique<MpiWorld>(settings);
}

}  // namespace ppplan::exec::groups

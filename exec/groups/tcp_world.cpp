#include "exec/groups/tcp_world.h"

#include <fmt/format.h>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <future>
#include <thread>

#include "exec/groups/collectives.h"
#include "exec/groups/tcp_channel.h"
#include "exec/groups/tcp_control.h"
#include "exec/groups/tcp_rendezvous.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

using asio::awaitable;
using asio::use_awaitable;
using ChannelPtr = std::shared_ptr<TcpChannel>;

std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

/// Which channel of this rank: the group by name, ranks and order, and the peer's rank of the run.
struct ChannelKey {
  std::string group;
  std::vector<int> ranks;
  int made = 0;
  int peer = 0;
  auto operator<=>(const ChannelKey&) const = default;
};

class TcpWorld : public World {
 public:
  explicit TcpWorld(const TcpSettings& settings);
  ~TcpWorld() override;
  int rank() const override { return settings_.rank; }
  int size() const override { return settings_.size; }
  std::unique_ptr<Group> group(const std::string& name, const std::vector<int>& ranks) override;
  void fail(const std::string& why) override { report_from_rank(why); }

  double deadline_s() const { return settings_.deadline_s; }
  asio::io_context& context() { return context_; }
  std::optional<std::string> failure() const override;
  /// From the rank's thread.
  void report_from_rank(std::string text) {
    asio::post(context_, [this, text = std::move(text)] { control_->report(text, std::nullopt); });
  }

 private:
  // All below runs on the thread that serves the sockets.
  void add_channel(const ChannelKey& key, ChannelPtr channel);
  void on_failed(const std::string& why);
  void on_goodbye(int rank, std::int64_t connections);
  bool is_gone(const TcpChannel& channel) const;
  void check_channels_of(int rank);
  awaitable<void> accept_data();
  awaitable<void> receive_data(tcp::socket socket);
  awaitable<void> connect(ChannelPtr channel, int made);
  void arrive(const DataHello& hello, tcp::socket socket);
  void remove_channel(const ChannelKey& key);
  void leave_when_quiet();

  TcpSettings settings_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  tcp::acceptor data_{context_};
  Rendezvous meeting_;
  std::unique_ptr<TcpControl> control_;
  std::map<ChannelKey, ChannelPtr> channels_;
  std::map<ChannelKey, tcp::socket> parked_;        // connections for groups that this rank has not made yet
  std::vector<std::int64_t> made_;                  // [rank]: data connections made to it
  std::vector<std::int64_t> arrived_;               // [rank]: data connections it made to this rank
  std::vector<std::optional<std::int64_t>> ended_;  // [rank]: connections it had made when it said goodbye
  std::optional<std::promise<void>> left_;          // set once this rank wants to go

  std::map<std::pair<std::string, std::vector<int>>, int> groups_made_;  // of each name and list; the rank's thread
  mutable std::mutex mutex_;
  std::optional<std::string> failure_;  // guarded
  std::thread thread_;
};

class TcpPending : public Pending {
 public:
  TcpPending(TcpWorld& world, ChannelPtr channel, TcpSidePtr side)
      : world_(world), channel_(std::move(channel)), side_(std::move(side)) {}
  ~TcpPending() override { finish(); }
  void wait() override {
    if (!finish()) throw GroupError(world_.failure().value_or("the run has failed"));
  }

 private:
  /// The verdict on a wait that took too long ends the side, after which no socket uses its buffer.
  bool finish() {
    if (!side_->wait_for(world_.deadline_s())) {
      const TcpChannel::Ends& ends = channel_->ends();
      world_.report_from_rank(fmt::format("{}: {} waited {:g} s for {}", ends.group, rank_name(ends.ranks, ends.rank),
                                          world_.deadline_s(),
                                          awaited(ends.ranks, ends.peer, side_->receives, side_->bytes)));
    }
    return side_->wait();
  }

  TcpWorld& world_;
  ChannelPtr channel_;
  TcpSidePtr side_;
};

class TcpGroup : public MessageGroup {
 public:
  TcpGroup(TcpWorld& world, std::string name, int rank, std::vector<ChannelPtr> channels)
      : world_(world), name_(std::move(name)), rank_(rank), channels_(std::move(channels)) {}
  ~TcpGroup() override {
    asio::post(world_.context(), [channels = std::move(channels_)] {
      for (const auto& channel : channels)
        if (channel) channel->leave();
    });
  }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(channels_.size()); }
  const std::string& name() const override { return name_; }
  std::unique_ptr<Pending> isend(std::span<const std::byte> data, int to) override {
    check_peer(*this, to);
    return post(std::make_shared<TcpSide>(data), to);
  }
  std::unique_ptr<Pending> irecv(std::span<std::byte> data, int from) override {
    check_peer(*this, from);
    return post(std::make_shared<TcpSide>(data), from);
  }

 private:
  std::unique_ptr<Pending> post(TcpSidePtr side, int peer) {
    if (const auto failure = world_.failure()) throw GroupError(*failure);
    const ChannelPtr& channel = channels_[index(peer)];
    asio::post(world_.context(), [channel, side] { channel->post(side); });
    return std::make_unique<TcpPending>(world_, channel, std::move(side));
  }

  TcpWorld& world_;
  std::string name_;
  int rank_;
  std::vector<ChannelPtr> channels_;  // [rank of the group]; none for this one
};

TcpWorld::TcpWorld(const TcpSettings& settings) : settings_(settings) {
  meeting_ = meet(context_, settings_, data_);
  made_.resize(index(size()));
  arrived_.resize(index(size()));
  ended_.resize(index(size()));
  control_ = std::make_unique<TcpControl>(
      context_, TcpControl::Settings{rank(), settings_.heartbeat_s, settings_.silence_s}, std::move(meeting_.links),
      TcpControl::Events{[this](const std::string& why) { on_failed(why); },
                         [this](int from, std::int64_t connections) { on_goodbye(from, connections); }});
  control_->start();
  asio::co_spawn(context_, accept_data(), asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

TcpWorld::~TcpWorld() {
  std::future<void> left;
  std::promise<void> promise;
  left = promise.get_future();
  asio::post(context_, [this, &promise] {
    left_ = std::move(promise);
    leave_when_quiet();
  });
  left.wait();
  context_.stop();
  thread_.join();
}

std::unique_ptr<Group> TcpWorld::group(const std::string& name, const std::vector<int>& ranks) {
  const int position = position_in(name, ranks, rank(), size());
  const int made = groups_made_[{name, ranks}]++;
  std::vector<ChannelPtr> channels(ranks.size());
  for (std::size_t peer = 0; peer < ranks.size(); ++peer) {
    if (static_cast<int>(peer) == position) continue;
    const ChannelKey key{name, ranks, made, ranks[peer]};
    TcpChannel::Host host;
    host.connect = [this, made](TcpChannel& channel) {
      asio::co_spawn(context_, connect(channel.shared_from_this(), made), asio::detached);
    };
    host.report = [this](const std::string& text, std::optional<int> lost) { control_->report(text, lost); };
    host.peer_is_gone = [this](const TcpChannel& channel) { return is_gone(channel); };
    host.left = [this, key] { remove_channel(key); };
    channels[peer] =
        std::make_shared<TcpChannel>(TcpChannel::Ends{name, ranks, position, static_cast<int>(peer)}, std::move(host));
    asio::post(context_, [this, key, channel = channels[peer]] { add_channel(key, channel); });
  }
  return std::make_unique<TcpGroup>(*this, name, position, std::move(channels));
}

std::optional<std::string> TcpWorld::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void TcpWorld::add_channel(const ChannelKey& key, ChannelPtr channel) {
  channels_[key] = channel;
  if (failure()) return channel->fail();
  if (auto parked = parked_.extract(key)) channel->attach(std::move(parked.mapped()));
}

void TcpWorld::remove_channel(const ChannelKey& key) {
  // Not at once: the channel that says so is still at work.
  asio::post(context_, [this, key] {
    channels_.erase(key);
    leave_when_quiet();
  });
}

void TcpWorld::leave_when_quiet() {
  if (!left_ || !channels_.empty()) return;
  control_->leave(made_, [this] { left_->set_value(); });
}

void TcpWorld::on_failed(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    failure_ = why;
  }
  for (const auto& [key, channel] : channels_) channel->fail();
}

void TcpWorld::on_goodbye(int rank, std::int64_t connections) {
  if (rank < 0 || rank >= size()) return;
  ended_[index(rank)] = connections;
  check_channels_of(rank);
}

/// What a rank sent before its goodbye may still be on its way, on connections that it made.
bool TcpWorld::is_gone(const TcpChannel& channel) const {
  const int peer = channel.peer_of_run();
  const auto& ended = ended_[index(peer)];
  return ended && (rank() < peer || arrived_[index(peer)] >= *ended);
}

void TcpWorld::check_channels_of(int rank) {
  for (const auto& [key, channel] : channels_)
    if (key.peer == rank) channel->check_peer();
}

awaitable<void> TcpWorld::accept_data() {
  for (;;) {
    tcp::socket socket = co_await data_.async_accept(use_awaitable);
    asio::co_spawn(context_, receive_data(std::move(socket)), asio::detached);
  }
}

awaitable<void> TcpWorld::receive_data(tcp::socket socket) {
  try {
    const Frame frame = co_await read_frame(socket);
    const DataHello hello = decode_data_hello(frame);
    // Whoever doesn't know the run's token belongs to another run or isn't a rank at all.
    if (hello.token != meeting_.token || hello.from < 0 || hello.from >= size()) co_return;
    socket.set_option(tcp::no_delay(true));
    arrive(hello, std::move(socket));
  } catch (const std::exception&) {
    co_return;  // it closed before it said what it is for
  }
}

void TcpWorld::arrive(const DataHello& hello, tcp::socket socket) {
  ++arrived_[index(hello.from)];
  const ChannelKey key{hello.group, hello.ranks, hello.made, hello.from};
  const auto channel = channels_.find(key);
  if (channel != channels_.end())
    channel->second->attach(std::move(socket));
  else
    parked_.emplace(key, std::move(socket));
  check_channels_of(hello.from);
}

awaitable<void> TcpWorld::connect(ChannelPtr channel, int made) {
  const TcpChannel::Ends& ends = channel->ends();
  const int peer = channel->peer_of_run();
  std::string why;
  try {
    tcp::socket socket(context_);
    co_await socket.async_connect(meeting_.peers[index(peer)], use_awaitable);
    socket.set_option(tcp::no_delay(true));
    const DataHello presented{meeting_.token, ends.group, made, rank(), ends.ranks};
    const Frame hello = framed(encode(presented));
    co_await asio::async_write(socket, asio::buffer(hello), use_awaitable);
    ++made_[index(peer)];
    channel->attach(std::move(socket));
    co_return;
  } catch (const std::system_error& error) {
    why = error.code().message();
  }
  channel->lost(why);
}

}  // namespace

std::unique_ptr<World> join_tcp_world(const TcpSettings& settings) {
  if (settings.size < 1 || settings.rank < 0 || settings.rank >= settings.size)
    throw input::InputError(
        fmt::format("ranks of a run: expected a rank below {}, found {}", settings.size, settings.rank));
  return std::make_unique<TcpWorld>(settings);
}

}  // namespace ppplan::exec::groups

// The data connection of one pair of ranks in one group: the messages of both directions, each direction in order. Used
// by the thread that serves the sockets alone, but for the sides of messages, which the rank's own thread waits for.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "exec/groups/tcp_frames.h"

namespace ppplan::exec::groups {

/// One side of a message, shared between the rank's thread and the one that serves the sockets.
class TcpSide {
 public:
  explicit TcpSide(std::span<const std::byte> data) : from(data), bytes(data.size()) {}
  explicit TcpSide(std::span<std::byte> data) : to(data), bytes(data.size()), receives(true) {}
  void finish(bool failed);
  /// Whether it ended before the time has passed.
  bool wait_for(double seconds);
  /// Until it has ended; whether well.
  bool wait();

  const std::span<const std::byte> from;
  const std::span<std::byte> to;
  const std::size_t bytes;
  const bool receives = false;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;
  bool has_failed_ = false;
};
using TcpSidePtr = std::shared_ptr<TcpSide>;

class TcpChannel : public std::enable_shared_from_this<TcpChannel> {
 public:
  struct Ends {
    std::string group;
    std::vector<int> ranks;  // of the run, by rank of the group
    int rank = 0;            // this one, in the group
    int peer = 0;
  };
  struct Host {
    std::function<void(TcpChannel&)> connect;  // the first use, on the side that connects
    std::function<void(const std::string& text, std::optional<int> lost)> report;
    std::function<bool(const TcpChannel&)> peer_is_gone;  // ended, and nothing of it is still to come
    std::function<void()> left;                           // leave() is through
  };
  TcpChannel(Ends ends, Host host) : ends_(std::move(ends)), host_(std::move(host)) {}

  void post(TcpSidePtr side);
  void attach(tcp::socket socket);
  bool is_attached() const { return socket_.has_value(); }
  /// The connection can't be made or was lost.
  void lost(const std::string& why);
  /// Reports what is awaited of a peer that has ended, if anything is.
  void check_peer();
  /// Ends all sides; those that a socket operation holds, when it has let go of their buffers.
  void fail();
  /// This rank makes no more use of the group.
  void leave();
  int peer_of_run() const { return ends_.ranks[static_cast<std::size_t>(ends_.peer)]; }
  const Ends& ends() const { return ends_; }

 private:
  void write_next();
  void written(const asio::error_code& error);
  void read_next();
  void read_header();
  void read_body();
  void fail_idle();
  void close();

  Ends ends_;
  Host host_;
  std::optional<tcp::socket> socket_;
  std::deque<TcpSidePtr> sends_;
  std::deque<TcpSidePtr> receives_;
  std::array<std::byte, 8> header_out_{};
  std::array<std::byte, 8> header_in_{};
  std::optional<std::int64_t> awaiting_;  // bytes of the message whose header was read
  bool writing_ = false;
  bool reading_ = false;
  bool broken_ = false;     // the connection is lost
  bool peer_left_ = false;  // it said so, after its last message
  bool leaving_ = false;
  bool failed_ = false;
  bool connecting_ = false;
};

}  // namespace ppplan::exec::groups

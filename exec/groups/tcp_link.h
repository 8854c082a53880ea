// One connection between rank 0 and another rank, for control frames. Used by the thread that serves the sockets alone.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>

#include "exec/groups/tcp_frames.h"

namespace ppplan::exec::groups {

class TcpLink : public std::enable_shared_from_this<TcpLink> {
 public:
  explicit TcpLink(tcp::socket socket) : socket_(std::move(socket)) {}
  /// `on_lost` is called once, when the other side has closed or the connection failed; not after close().
  void start(std::function<void(const ControlFrame&)> on_frame, std::function<void()> on_lost);
  void send(const ControlFrame& frame);
  /// Nothing is sent after what was sent; the other side sees the end, and its own frames still arrive.
  void finish();
  void close();
  double silent_s() const;  // since the last frame arrived

 private:
  asio::awaitable<void> read(std::shared_ptr<TcpLink> self);
  void write_next();

  tcp::socket socket_;
  std::function<void(const ControlFrame&)> on_frame_;
  std::function<void()> on_lost_;
  std::deque<Frame> unsent_;
  bool writing_ = false;
  bool finished_ = false;
  std::chrono::steady_clock::time_point heard_ = std::chrono::steady_clock::now();
};

}  // namespace ppplan::exec::groups

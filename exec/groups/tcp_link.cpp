#include "exec/groups/tcp_link.h"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/write.hpp>
#include <utility>

namespace ppplan::exec::groups {

void TcpLink::start(std::function<void(const ControlFrame&)> on_frame, std::function<void()> on_lost) {
  on_frame_ = std::move(on_frame);
  on_lost_ = std::move(on_lost);
  heard_ = std::chrono::steady_clock::now();
  asio::co_spawn(socket_.get_executor(), read(shared_from_this()), asio::detached);
}

asio::awaitable<void> TcpLink::read([[maybe_unused]] std::shared_ptr<TcpLink> self) {
  try {
    while (socket_.is_open()) {
      const Frame frame = co_await read_frame(socket_);
      heard_ = std::chrono::steady_clock::now();
      const auto on_frame = on_frame_;  // a copy: it may close this link
      if (on_frame) on_frame(decode_control(frame));
    }
  } catch (const std::exception&) {
    // Closed, reset or garbage: to the run it is all the same, the rank can't be heard any more.
  }
  const auto on_lost = std::exchange(on_lost_, nullptr);
  close();
  if (on_lost) on_lost();
}

void TcpLink::send(const ControlFrame& frame) {
  if (!socket_.is_open() || finished_) return;
  unsent_.push_back(framed(encode(frame)));
  write_next();
}

void TcpLink::write_next() {
  if (writing_ || !socket_.is_open()) return;
  asio::error_code ignored;
  if (unsent_.empty()) {
    if (finished_) socket_.shutdown(tcp::socket::shutdown_send, ignored);
    return;
  }
  writing_ = true;
  asio::async_write(socket_, asio::buffer(unsent_.front()),
                    [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                      self->writing_ = false;
                      self->unsent_.pop_front();
                      if (!error) self->write_next();  // the reader hears of an error too
                    });
}

void TcpLink::finish() {
  finished_ = true;
  write_next();
}

void TcpLink::close() {
  asio::error_code ignored;
  socket_.close(ignored);
  on_frame_ = nullptr;
  on_lost_ = nullptr;
}

double TcpLink::silent_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - heard_).count();
}

}  // namespace ppplan::exec::groups

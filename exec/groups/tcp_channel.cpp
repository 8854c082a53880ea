#include "exec/groups/tcp_channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <utility>

#include "exec/groups/world.h"

namespace ppplan::exec::groups {
namespace {

constexpr std::int64_t farewell = -1;  // in place of a length: no message follows

std::array<std::byte, 8> header_of(std::int64_t length) {
  Frame frame;
  append_number(frame, length);
  std::array<std::byte, 8> out{};
  std::copy(frame.begin(), frame.end(), out.begin());
  return out;
}

}  // namespace

void TcpSide::finish(bool failed) {
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  has_failed_ = failed;
  ended_.notify_all();
}

bool TcpSide::wait_for(double seconds) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return has_ended_; });
}

bool TcpSide::wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return has_ended_; });
  return !has_failed_;
}

void TcpChannel::post(TcpSidePtr side) {
  if (failed_) return side->finish(true);
  (side->receives ? receives_ : sends_).push_back(std::move(side));
  if (!socket_ && !broken_ && !connecting_ && ends_.ranks[static_cast<std::size_t>(ends_.rank)] < peer_of_run()) {
    connecting_ = true;
    host_.connect(*this);
  }
  write_next();
  read_next();
  check_peer();
}

void TcpChannel::attach(tcp::socket socket) {
  if (failed_ || leaving_) return;
  socket_ = std::move(socket);
  write_next();
  read_next();
}

void TcpChannel::lost(const std::string& why) {
  broken_ = true;
  if (failed_ || leaving_) return fail_idle();
  if (host_.peer_is_gone(*this)) return check_peer();
  host_.report(fmt::format("{}: {} lost its connection with {}: {}", ends_.group, rank_name(ends_.ranks, ends_.rank),
                           rank_name(ends_.ranks, ends_.peer), why),
               peer_of_run());
}

void TcpChannel::check_peer() {
  const bool in_vain = peer_left_ || ((!socket_ || broken_) && host_.peer_is_gone(*this));
  if (!in_vain || failed_ || (sends_.empty() && receives_.empty())) return;
  const TcpSide& side = receives_.empty() ? *sends_.front() : *receives_.front();
  host_.report(fmt::format("{}: {} awaits {}, but it has ended", ends_.group, rank_name(ends_.ranks, ends_.rank),
                           awaited(ends_.ranks, ends_.peer, side.receives, side.bytes)),
               std::nullopt);
}

void TcpChannel::write_next() {
  if (!socket_ || writing_ || broken_ || failed_) return;
  if (sends_.empty() && !leaving_) return;
  writing_ = true;
  const bool last = sends_.empty();
  header_out_ = header_of(last ? farewell : static_cast<std::int64_t>(sends_.front()->bytes));
  const std::array<asio::const_buffer, 2> buffers = {
      asio::buffer(header_out_),
      last ? asio::const_buffer() : asio::buffer(sends_.front()->from.data(), sends_.front()->bytes)};
  asio::async_write(*socket_, buffers, [self = shared_from_this(), last](const asio::error_code& error, std::size_t) {
    self->writing_ = false;
    if (last) return self->close();
    self->written(error);
  });
}

void TcpChannel::written(const asio::error_code& error) {
  if (failed_) return fail_idle();
  if (error) return lost(error.message());
  sends_.front()->finish(false);
  sends_.pop_front();
  write_next();
}

void TcpChannel::read_next() {
  if (!socket_ || reading_ || broken_ || failed_ || peer_left_) return;
  if (!awaiting_) return read_header();
  if (receives_.empty()) return;
  const TcpSide& side = *receives_.front();
  if (*awaiting_ == static_cast<std::int64_t>(side.bytes)) return read_body();
  host_.report(size_message(ends_.group, ends_.ranks, {ends_.peer, static_cast<std::size_t>(*awaiting_)},
                            {ends_.rank, side.bytes}),
               std::nullopt);
}

void TcpChannel::read_header() {
  reading_ = true;
  asio::async_read(*socket_, asio::buffer(header_in_),
                   [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                     self->reading_ = false;
                     if (self->failed_) return self->fail_idle();
                     if (error) return self->lost(error.message());
                     self->awaiting_ = WireReader(self->header_in_).number();
                     self->peer_left_ = *self->awaiting_ == farewell;
                     self->read_next();
                     self->check_peer();
                   });
}

void TcpChannel::read_body() {
  reading_ = true;
  TcpSide& side = *receives_.front();
  asio::async_read(*socket_, asio::buffer(side.to.data(), side.bytes),
                   [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                     self->reading_ = false;
                     if (self->failed_) return self->fail_idle();
                     if (error) return self->lost(error.message());
                     self->awaiting_.reset();
                     self->receives_.front()->finish(false);
                     self->receives_.pop_front();
                     self->read_next();
                   });
}

void TcpChannel::fail() {
  failed_ = true;
  if (socket_) {
    asio::error_code ignored;
    socket_->close(ignored);
  }
  fail_idle();
}

void TcpChannel::fail_idle() {
  if (!writing_)
    for (const auto& side : std::exchange(sends_, {})) side->finish(true);
  if (!reading_)
    for (const auto& side : std::exchange(receives_, {})) side->finish(true);
}

void TcpChannel::leave() {
  leaving_ = true;
  if (!socket_ || broken_ || failed_) return close();
  write_next();
}

void TcpChannel::close() {
  if (socket_) {
    asio::error_code ignored;
    socket_->close(ignored);
  }
  broken_ = true;
  if (host_.left) std::exchange(host_.left, nullptr)();
}

}  // namespace ppplan::exec::groups

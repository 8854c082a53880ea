#include "exec/groups/tcp_control.h"

#include <fmt/format.h>

#include <utility>

namespace ppplan::exec::groups {
namespace {

std::chrono::nanoseconds duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace

TcpControl::TcpControl(asio::io_context& context, Settings settings, std::map<int, tcp::socket> links, Events events)
    : settings_(settings), events_(std::move(events)), heartbeat_(context), grace_(context), patience_(context) {
  for (auto& [rank, socket] : links) links_.emplace(rank, std::make_shared<TcpLink>(std::move(socket)));
}

void TcpControl::start() {
  for (auto& [rank, link] : links_)
    link->start([this, rank = rank](const ControlFrame& frame) { on_frame(rank, frame); },
                [this, rank = rank] { on_lost(rank); });
  tick();
}

void TcpControl::tick() {
  send_all({.kind = ControlKind::heartbeat, .text = ""}, std::nullopt);
  std::vector<int> silent;
  for (const auto& [rank, link] : links_)
    if (link->silent_s() > settings_.silence_s) silent.push_back(rank);
  for (int rank : silent) {
    decide(fmt::format("rank {} hangs or can't be reached: no sign of life for {:g} s", rank, settings_.silence_s));
    if (const auto link = links_.extract(rank)) link.mapped()->close();
  }
  check_done();
  heartbeat_.expires_after(duration(settings_.heartbeat_s));
  heartbeat_.async_wait([this](const asio::error_code& error) {
    if (!error) tick();
  });
}

void TcpControl::report(const std::string& text, std::optional<int> lost) {
  const ControlFrame frame{.kind = ControlKind::report, .text = text, .rank = lost};
  if (settings_.rank == 0) return on_report(frame);
  if (links_.contains(0)) return links_.at(0)->send(frame);
  decide(text);
}

void TcpControl::on_report(const ControlFrame& frame) {
  if (failed_) return;
  if (!frame.rank) return decide(frame.text);
  // Of a rank that said goodbye its peer hears too, and says then what it awaited in vain.
  if (ended_.contains(*frame.rank) || std::exchange(grace_running_, true)) return;
  grace_.expires_after(duration(settings_.heartbeat_s));
  grace_.async_wait([this, frame](const asio::error_code& error) {
    grace_running_ = false;
    if (!error && !ended_.contains(*frame.rank)) decide(frame.text);
  });
}

void TcpControl::decide(const std::string& why) {
  if (std::exchange(failed_, true)) return;
  grace_.cancel();
  if (settings_.rank == 0) send_all({.kind = ControlKind::verdict, .text = why}, std::nullopt);
  events_.failed(why);
  patience_.expires_after(duration(settings_.silence_s));
  patience_.async_wait([this](const asio::error_code& error) {
    if (!error && done_) close_all();
  });
}

void TcpControl::on_frame(int from, const ControlFrame& frame) {
  switch (frame.kind) {
    case ControlKind::heartbeat:
      return;
    case ControlKind::report:
      return on_report(frame);
    case ControlKind::verdict:
      return decide(frame.text);
    case ControlKind::goodbye:
      return on_goodbye(frame.rank.value_or(from), frame);
  }
}

void TcpControl::on_goodbye(int from, const ControlFrame& frame) {
  if (settings_.rank == 0) send_all(frame, from);
  ended_.insert(from);
  const auto own = static_cast<std::size_t>(settings_.rank);
  events_.goodbye(from, own < frame.connections.size() ? frame.connections[own] : 0);
}

void TcpControl::on_lost(int rank) {
  links_.erase(rank);
  // A rank closes after its goodbye; rank 0 stays after its own and closes in answer to this rank's.
  const bool expected = rank == 0 ? done_ != nullptr : ended_.contains(rank);
  if (!expected) decide(fmt::format("rank {} has died: its connection is closed", rank));
  check_done();
}

void TcpControl::leave(const std::vector<std::int64_t>& connections, std::function<void()> done) {
  done_ = std::move(done);
  send_all({.kind = ControlKind::goodbye, .text = "", .rank = settings_.rank, .connections = connections},
           std::nullopt);
  if (settings_.rank != 0)
    for (auto& [rank, link] : links_) link->finish();
  if (failed_ && patience_.expiry() < asio::steady_timer::clock_type::now()) close_all();
  check_done();
}

void TcpControl::close_all() {
  for (auto& [rank, link] : std::exchange(links_, {})) link->close();
  check_done();
}

void TcpControl::check_done() {
  if (!links_.empty() || !done_) return;
  heartbeat_.cancel();
  grace_.cancel();
  patience_.cancel();
  std::exchange(done_, nullptr)();
}

void TcpControl::send_all(const ControlFrame& frame, std::optional<int> except) {
  for (auto& [rank, link] : links_)
    if (rank != except) link->send(frame);
}

}  // namespace ppplan::exec::groups

// The control plane of a run over sockets: a star around rank 0 that carries signs of life, says why a run fails and
// who has ended. Rank 0 decides the cause, the others report to it; when rank 0 itself is lost, each knows it alone.
// Used by the thread that serves the sockets alone.
#pragma once

#include <asio/steady_timer.hpp>
#include <map>
#include <set>

#include "exec/groups/tcp_link.h"

namespace ppplan::exec::groups {

class TcpControl {
 public:
  struct Settings {
    int rank = 0;
    double heartbeat_s = 1;
    double silence_s = 3;
  };
  struct Events {
    std::function<void(const std::string& why)> failed;               // once, with the same cause on every rank
    std::function<void(int rank, std::int64_t connections)> goodbye;  // that it had made to this rank
  };
  TcpControl(asio::io_context& context, Settings settings, std::map<int, tcp::socket> links, Events events);
  void start();

  /// A fault that this rank found. When it is a connection to `lost`, rank 0 gives the control plane a moment to tell
  /// that this rank has died or ended, which is then the cause.
  void report(const std::string& text, std::optional<int> lost);
  /// Says goodbye; `connections[r]` were made to rank r. `done` is called once nobody needs this rank's connection with
  /// rank 0 any more.
  void leave(const std::vector<std::int64_t>& connections, std::function<void()> done);

 private:
  void decide(const std::string& why);
  void on_frame(int from, const ControlFrame& frame);
  void on_report(const ControlFrame& frame);
  void on_goodbye(int from, const ControlFrame& frame);
  void on_lost(int rank);
  void tick();
  void check_done();
  void send_all(const ControlFrame& frame, std::optional<int> except);
  void close_all();

  Settings settings_;
  Events events_;
  std::map<int, std::shared_ptr<TcpLink>> links_;  // those that are open
  std::set<int> ended_;                            // ranks that said goodbye
  asio::steady_timer heartbeat_;
  asio::steady_timer grace_;     // until a lost connection is itself the cause
  asio::steady_timer patience_;  // until a failed run ends without the others
  std::function<void()> done_;
  bool failed_ = false;
  bool grace_running_ = false;
};

}  // namespace ppplan::exec::groups

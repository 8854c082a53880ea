// A simulated machine: time that passes and links that flows share. The only place that sees SimGrid.
//
// Model: a delay ends its seconds after its start. A flow of B bytes over a route moves at its max-min fair share of
// the route's links, nothing else: one flow alone on links of which the slowest has bandwidth b ends B / b after its
// start (SimGrid's CM02 without TCP window, cross traffic and wire latency). Each activity is started when its time has
// come, by a callback: an activity that waits inside SimGrid costs time at every step. What shares nothing, a delay or
// a flow that has its links to itself (lone_flows.h), is no activity of SimGrid's at all but a date that its clock
// stops at: an activity would take ten times as long. A flow goes to SimGrid as soon as it shares a link, with what is
// left.
//
// SimGrid holds one platform a process, so a process makes one Machine at most, and only processes that end by _exit
// (workers.h) make one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace ppplan::sim {

/// Links run one way: a full-duplex link is two of them.
struct MachineSpec {
  std::vector<double> link_bytes_per_s;
  std::vector<std::vector<int>> routes;  // links that a flow crosses, at least one each
};

class Machine {
 public:
  /// What an activity belongs to: given at its start, handed back at its end.
  using Task = std::size_t;

  explicit Machine(const MachineSpec& spec);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Called at the end of every activity, with now_s() at that time; it may start others.
  void on_end(std::function<void(Task)> callback);
  /// Delays do not slow one another down. Those that end within 1e-12 s of one another may end together, in the order
  /// of their dates and, of equal dates, of their starts.
  void start_delay(double seconds, Task task);
  void start_flow(int route, double bytes, Task task);
  /// Returns when nothing is under way.
  void run();
  /// Seconds since the machine was made.
  double now_s() const;

 private:
  struct Platform;
  std::unique_ptr<Platform> platform_;
};

}  // namespace ppplan::sim

#include "sim/run_graph.h"

#include <limits>

#include "sim/paces.h"

namespace ppplan::sim {
namespace {

class GraphRun {
 public:
  GraphRun(const ActivityGraph& graph, Machine& machine)
      : graph_(graph),
        machine_(machine),
        origin_s_(machine.now_s()),
        waits_for_(graph.waits_for),
        flows_open_(graph.size()),
        paces_(graph),
        delays_(graph.size()) {
    const double never = std::numeric_limits<double>::quiet_NaN();
    intervals_.assign(graph.size(), {never, never});
    ready_.reserve(graph.size());
  }

  std::vector<Interval> run() {
    machine_.on_end([this](Machine::Task task) {
      const std::size_t activity = task % graph_.size();
      if (flows_open_[activity] == 0 && task / graph_.size() != delays_[activity]) return;  // overtaken by another pace
      proceed(activity);
      start_ready();
    });
    for (std::size_t activity = 0; activity < graph_.size(); ++activity)
      if (waits_for_[activity] == 0) ready_.push_back(activity);
    start_ready();
    machine_.run();
    machine_.on_end({});
    return std::move(intervals_);
  }

 private:
  double now_s() const { return machine_.now_s() - origin_s_; }

  /// Activities that take no time end here at once, which may make others ready: a list, not recursion, since chains of
  /// them can be as long as the schedule.
  void start_ready() {
    for (std::size_t next = 0; next < ready_.size(); ++next) start(ready_[next]);
    ready_.clear();
  }

  void start(std::size_t activity) {
    intervals_[activity].start_s = now_s();
    if (graph_.delay_s[activity] > 0 && shares_processor(activity)) {
      follow(paces_.start(activity, now_s()));
    } else if (graph_.delay_s[activity] > 0) {
      start_delay(activity, graph_.delay_s[activity]);
    } else {
      start_flows(activity);
    }
  }

  bool shares_processor(std::size_t activity) const { return paces_.vary() && graph_.alone_fraction[activity] > 0; }

  /// An activity may get a second delay when its pace changes; only its latest one counts.
  void start_delay(std::size_t activity, double seconds) {
    machine_.start_delay(seconds, activity + graph_.size() * ++delays_[activity]);
  }

  void follow(const std::vector<Paces::Change>& changes) {
    for (const Paces::Change& change : changes) start_delay(change.activity, change.left_s);
  }

  /// The delay of an activity or one of its flows has ended.
  void proceed(std::size_t activity) {
    if (flows_open_[activity] == 0) return start_flows(activity);
    if (--flows_open_[activity] == 0) end(activity);
  }

  void start_flows(std::size_t activity) {
    const std::span<const Flow> flows = graph_.flows[activity];
    if (flows.empty()) return end(activity);
    flows_open_[activity] = flows.size();
    for (const Flow& flow : flows) machine_.start_flow(flow.route, flow.bytes, activity);
  }

  void end(std::size_t activity) {
    intervals_[activity].end_s = now_s();
    if (graph_.delay_s[activity] > 0 && shares_processor(activity)) follow(paces_.end(activity, now_s()));
    for (const int successor : graph_.successors[activity])
      if (--waits_for_[static_cast<std::size_t>(successor)] == 0) ready_.push_back(static_cast<std::size_t>(successor));
  }

  const ActivityGraph& graph_;
  Machine& machine_;
  double origin_s_;
  std::vector<int> waits_for_;
  std::vector<std::size_t> flows_open_;
  Paces paces_;
  std::vector<std::size_t> delays_;  // [activity] started
  std::vector<std::size_t> ready_;
  std::vector<Interval> intervals_;
};

}  // namespace

std::vector<Interval> run_graph(const ActivityGraph& graph, Machine& machine) { return GraphRun(graph, machine).run(); }

}  // namespace ppplan::sim

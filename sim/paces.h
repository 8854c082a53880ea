// How fast compute goes while devices share a processor: see schedule.h. Work is counted in seconds of the op's own
// `seconds`, its pace in those per second that passes: 1 while all busy_devices compute, 1 / alone_fraction while no
// other does.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/activity_graph.h"

namespace ppplan::sim {

class Paces {
 public:
  /// A change of pace: the activity now ends in `left_s` from now on, unless something changes again.
  struct Change {
    std::size_t activity = 0;
    double left_s = 0;
  };

  /// The graph outlives this.
  explicit Paces(const ActivityGraph& graph);
  /// Whether anything of the graph depends on others.
  bool vary() const { return !busy_.empty(); }
  /// Whose pace changes when this compute starts or ends; the one that starts is among them.
  std::vector<Change> start(std::size_t activity, double now_s);
  std::vector<Change> end(std::size_t activity, double now_s);

 private:
  struct Running {
    std::size_t activity = 0;
    double left_s = 0;  // of its work
    double pace = 1;
    double since_s = 0;
  };
  double pace(std::size_t activity) const;
  std::vector<Change> change(double now_s);

  const ActivityGraph& graph_;
  std::vector<int> busy_;  // [device] computes under way
  int busy_devices_ = 0;
  std::vector<Running> running_;
};

}  // namespace ppplan::sim

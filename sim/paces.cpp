#include "sim/paces.h"

#include <algorithm>

#include "planner/schedule/shared_processor.h"

namespace ppplan::sim {

Paces::Paces(const ActivityGraph& graph) : graph_(graph) {
  if (graph.alone_fraction.empty()) return;
  busy_.assign(static_cast<std::size_t>(*std::ranges::max_element(graph.device)) + 1, 0);
}

double Paces::pace(std::size_t activity) const {
  return 1 / schedule::lasting_fraction(graph_.alone_fraction[activity], busy_devices_ - 1, graph_.busy_devices);
}

std::vector<Paces::Change> Paces::change(double now_s) {
  std::vector<Change> out;
  for (Running& one : running_) {
    one.left_s -= (now_s - one.since_s) * one.pace;
    one.since_s = now_s;
    const double before = one.pace;
    one.pace = pace(one.activity);
    // What is due this moment ends by the end that is already on its way.
    if (one.pace != before && one.left_s > 1e-12 * std::max(1.0, now_s))
      out.push_back({one.activity, one.left_s / one.pace});
  }
  return out;
}

std::vector<Paces::Change> Paces::start(std::size_t activity, double now_s) {
  if (busy_[static_cast<std::size_t>(graph_.device[activity])]++ == 0) ++busy_devices_;
  running_.push_back({activity, graph_.delay_s[activity], 0, now_s});
  return change(now_s);
}

std::vector<Paces::Change> Paces::end(std::size_t activity, double now_s) {
  if (--busy_[static_cast<std::size_t>(graph_.device[activity])] == 0) --busy_devices_;
  std::erase_if(running_, [&](const Running& one) { return one.activity == activity; });
  return change(now_s);
}

}  // namespace ppplan::sim

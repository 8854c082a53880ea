// A schedule as activities that wait for one another: compute ops and transfers, each with the set of activities that
// must end before it starts. Everything schedule.h says about lanes, groups, rendezvous and buffers becomes such a set.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"
#include "sim/flow_routes.h"

namespace ppplan::sim {

/// Lists of varying length in one array: list i is items[begin[i], begin[i + 1]).
template <class Item>
struct Lists {
  std::vector<std::size_t> begin = {0};
  std::vector<Item> items;
  std::span<const Item> operator[](std::size_t i) const {
    return std::span(items).subspan(begin[i], begin[i + 1] - begin[i]);
  }
};

struct ActivityGraph {
  std::vector<int> device;             // [activity] of the schedule: the sender of a transfer
  std::vector<double> delay_s;         // [activity] before its flows
  std::vector<double> alone_fraction;  // [activity], see schedule.h; 0 of transfers; empty when all compute has 1
  int busy_devices = 0;                // at once, while delay_s was measured
  Lists<Flow> flows;                   // [activity]
  Lists<int> successors;               // [activity]
  std::vector<int> waits_for;          // [activity] how many activities list it as successor
  std::vector<int> activity_of;        // [op] both ops of a transfer have one
  std::size_t size() const { return delay_s.size(); }
};

/// Needs a schedule without faults; throws what FlowRoutes::flows throws.
ActivityGraph activity_graph(const schedule::Schedule& schedule, FlowRoutes& routes);

}  // namespace ppplan::sim

// Flows that have every link of their route to themselves. Such a flow shares nothing, so its end is known from its
// start: with b the smallest bandwidth of its links, each divided by how often the route crosses it, it moves b bytes a
// second. Once another flow needs one of the links, what is left of it is one of those that share.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace ppplan::sim {

class LoneFlows {
 public:
  struct Flow {
    int route = 0;
    double bytes = 0;
    std::size_t task = 0;  // whose flow it is
  };
  /// A lone flow, until its end.
  struct Ticket {
    std::size_t place = 0;
    std::size_t number = 0;  // of all that were ever lone
    double end_s = 0;
  };

  LoneFlows(const std::vector<double>& link_bytes_per_s, const std::vector<std::vector<int>>& routes);

  /// The flow is on its links from now on, until end() or leave(). Nothing when it shares one of them.
  std::optional<Ticket> start(const Flow& flow, double now_s);
  /// Those that were alone on links of the route, each with the bytes that are left; they share from now on. Who is due
  /// within `moment_s` stays alone.
  std::vector<Flow> displaced(int route, double now_s, double moment_s);
  /// Its links are free again; false if it was displaced meanwhile.
  bool end(const Ticket& ticket);
  /// A flow that shared its links has ended.
  void leave(int route);

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  struct Lone {
    Flow flow;
    double start_s = 0;
    double end_s = 0;
    std::size_t number = none;  // none: not in use
  };
  std::size_t& lone_on(int link) { return lone_on_[static_cast<std::size_t>(link)]; }
  const std::vector<int>& links(int route) const { return routes_[static_cast<std::size_t>(route)]; }
  Lone free_place(std::size_t place);

  std::vector<std::vector<int>> routes_;
  std::vector<double> alone_bytes_per_s_;  // [route]
  std::vector<int> users_;                 // [link] flows on it
  std::vector<std::size_t> lone_on_;       // [link] place of the flow that has it alone, or none
  std::vector<Lone> lone_;                 // [place]
  std::vector<std::size_t> free_places_;
  std::size_t started_ = 0;
};

}  // namespace ppplan::sim

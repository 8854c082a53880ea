#include "sim/lone_flows.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ppplan::sim {

LoneFlows::LoneFlows(const std::vector<double>& link_bytes_per_s, const std::vector<std::vector<int>>& routes)
    : routes_(routes), users_(link_bytes_per_s.size()), lone_on_(link_bytes_per_s.size(), none) {
  for (const std::vector<int>& route : routes) {
    double rate = std::numeric_limits<double>::infinity();
    for (const int link : route)
      rate = std::min(rate, link_bytes_per_s[static_cast<std::size_t>(link)] /
                                static_cast<double>(std::ranges::count(route, link)));
    alone_bytes_per_s_.push_back(rate);
  }
}

std::optional<LoneFlows::Ticket> LoneFlows::start(const Flow& flow, double now_s) {
  const std::vector<int>& route = links(flow.route);
  const bool free = std::ranges::all_of(route, [&](int link) { return users_[static_cast<std::size_t>(link)] == 0; });
  for (const int link : route) ++users_[static_cast<std::size_t>(link)];
  if (!free) return std::nullopt;
  if (free_places_.empty()) {
    free_places_.push_back(lone_.size());
    lone_.emplace_back();
  }
  const std::size_t place = free_places_.back();
  free_places_.pop_back();
  for (const int link : route) lone_on(link) = place;
  const double end_s = now_s + flow.bytes / alone_bytes_per_s_[static_cast<std::size_t>(flow.route)];
  lone_[place] = {flow, now_s, end_s, started_++};
  return Ticket{place, lone_[place].number, end_s};
}

LoneFlows::Lone LoneFlows::free_place(std::size_t place) {
  for (const int link : links(lone_[place].flow.route)) lone_on(link) = none;
  free_places_.push_back(place);
  return std::exchange(lone_[place], {});
}

std::vector<LoneFlows::Flow> LoneFlows::displaced(int route, double now_s, double moment_s) {
  std::vector<Flow> out;
  for (const int link : links(route)) {
    const std::size_t place = lone_on(link);
    if (place == none || lone_[place].end_s <= now_s + moment_s) continue;
    Lone lone = free_place(place);
    lone.flow.bytes *= (lone.end_s - now_s) / (lone.end_s - lone.start_s);
    out.push_back(lone.flow);
  }
  return out;
}

bool LoneFlows::end(const Ticket& ticket) {
  if (lone_[ticket.place].number != ticket.number) return false;
  const Lone lone = free_place(ticket.place);
  leave(lone.flow.route);
  return true;
}

void LoneFlows::leave(int route) {
  for (const int link : links(route)) --users_[static_cast<std::size_t>(link)];
}

}  // namespace ppplan::sim

#include "sim/machine.h"

// SimGrid's version.h does not compile before its other headers.
// clang-format off
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>
#include <simgrid/version.h>
// clang-format on

#include <cmath>
#include <optional>
#include <queue>
#include <string>

#include "sim/lone_flows.h"

namespace ppplan::sim {
namespace {

namespace sg = simgrid::s4u;
using simgrid::kernel::timer::Timer;

// SimGrid counts whole bytes, a tensor-parallel share may have a fraction: sizes and rates are told in units of 2^-10
// bytes.
constexpr double units_per_byte = 1024;
// Ends that are no further apart are one moment.
constexpr double moment_s = 1e-12;

void configure() {
#if SIMGRID_VERSION >= 33500
  const std::string timing = "precision/timing", work = "precision/work-amount";
#else
  const std::string timing = "surf/precision", work = "maxmin/precision";
#endif
  sg::Engine::set_config(timing, moment_s);
  sg::Engine::set_config(work, 1e-9);
  sg::Engine::set_config("network/model", std::string("CM02"));
  sg::Engine::set_config("network/crosstraffic", false);
  sg::Engine::set_config("network/TCP-gamma", 0.0);
  sg::Engine::set_config("network/weight-S", 0.0);
}

std::string numbered(const char* what, std::size_t number) { return what + std::to_string(number); }

/// Fewest ports that have an ordered pair of different ones for each of `routes`.
std::size_t port_count(std::size_t routes) {
  std::size_t ports = 2;
  while (ports * (ports - 1) < routes) ++ports;
  return ports;
}

}  // namespace

struct Machine::Platform {
  struct Ends {
    sg::Host* from;
    sg::Host* to;
  };
  /// Something that ends at a date: a delay, or a flow for as long as it is alone.
  struct Delay {
    double end_s;
    std::size_t number;  // of its start
    Task task;
    std::optional<LoneFlows::Ticket> flow;
    bool operator>(const Delay& other) const {
      return end_s != other.end_s ? end_s > other.end_s : number > other.number;
    }
  };
  std::unique_ptr<sg::Engine> engine;
  std::priority_queue<Delay, std::vector<Delay>, std::greater<>> delays;
  std::size_t delays_started = 0;
  bool ending_delays = false;
  std::vector<Ends> routes;
  LoneFlows lone_flows;
  /// An activity under way, or one that ended a moment ago.
  struct Slot {
    sg::ActivityPtr activity;
    Task task;
    int route;
  };
  std::vector<Slot> slots;
  std::vector<std::size_t> free_slots;
  std::vector<std::size_t> ended_slots;  // of activities that ended at ended_s
  double ended_s = 0;
  std::function<void(Task)> on_end;

  Platform(const MachineSpec& spec) : lone_flows(spec.link_bytes_per_s, spec.routes) {
    static char name[] = "ppplan", quiet[] = "--log=root.thres:critical";
    static char* arguments[] = {name, quiet, nullptr};
    static int count = 2;
    engine = std::make_unique<sg::Engine>(&count, arguments);
    configure();
    lay_routes(spec);
    sg::Activity::on_completion_cb(
        [this](const sg::Activity& ended) { end(reinterpret_cast<std::size_t>(ended.get_data<void>())); });
  }

  /// Which hosts a flow runs between says nothing: pairs of ports stand for routes, so that the table of pairs stays as
  /// small as the list of routes.
  void lay_routes(const MachineSpec& spec) {
    sg::NetZone* zone = sg::create_full_zone("network");
    std::vector<sg::Link*> links;
    for (const double rate : spec.link_bytes_per_s)
      links.push_back(zone->create_link(numbered("link", links.size()), rate * units_per_byte)->set_latency(0.0));
    std::vector<sg::Host*> ports;
    while (ports.size() < port_count(spec.routes.size()))
      ports.push_back(zone->create_host(numbered("port", ports.size()), 1.0));
    for (const std::vector<int>& route : spec.routes) {
      const std::size_t row = routes.size() / (ports.size() - 1), column = routes.size() % (ports.size() - 1);
      routes.push_back({ports[row], ports[column < row ? column : column + 1]});
      std::vector<sg::LinkInRoute> hops;
      for (const int link : route) hops.emplace_back(links[static_cast<std::size_t>(link)]);
      zone->add_route(routes.back().from->get_netpoint(), routes.back().to->get_netpoint(), nullptr, nullptr, hops,
                      false);
    }
    zone->seal();
  }

  void start_date(double end_s, Task task, std::optional<LoneFlows::Ticket> flow) {
    delays.push({end_s, delays_started++, task, flow});
    stop_at_next_end();
  }

  void start_flow(const LoneFlows::Flow& flow) {
    const double now_s = sg::Engine::get_clock();
    for (const LoneFlows::Flow& other : lone_flows.displaced(flow.route, now_s, moment_s)) share(other);
    if (const auto ticket = lone_flows.start(flow, now_s)) return start_date(ticket->end_s, flow.task, ticket);
    share(flow);
  }

  void share(const LoneFlows::Flow& flow) {
    const Ends& ends = routes[static_cast<std::size_t>(flow.route)];
    sg::CommPtr comm = sg::Comm::sendto_init(ends.from, ends.to);
    comm->set_payload_size(static_cast<std::uint64_t>(std::llround(flow.bytes * units_per_byte)));
    start(std::move(comm), flow.task, flow.route);
  }

  void start(sg::ActivityPtr activity, Task task, int route) {
    if (free_slots.empty()) {
      free_slots.push_back(slots.size());
      slots.emplace_back();
    }
    const std::size_t slot = free_slots.back();
    free_slots.pop_back();
    activity->set_data(reinterpret_cast<void*>(slot));
    sg::Activity& it = *activity;
    slots[slot] = {std::move(activity), task, route};
    it.start();
  }

  /// An activity whose last pointer goes away while the engine is still ending it breaks the engine, so its slot is
  /// cleared only when the clock has moved on. To keep all of them to the end of the run would be as safe, and four
  /// times as slow.
  void end(std::size_t slot) {
    const double now_s = sg::Engine::get_clock();
    if (now_s > ended_s) clear_ended();
    ended_s = now_s;
    ended_slots.push_back(slot);
    lone_flows.leave(slots[slot].route);
    if (on_end) on_end(slots[slot].task);
  }

  void clear_ended() {
    for (const std::size_t slot : ended_slots) slots[slot].activity.reset();
    free_slots.insert(free_slots.end(), ended_slots.begin(), ended_slots.end());
    ended_slots.clear();
  }

  /// The clock stops at the end of the delay that ends first, for all of them.
  void stop_at_next_end() {
    if (delays.empty() || ending_delays) return;
    const double stop_s = Timer::next();
    if (stop_s < 0 || stop_s > delays.top().end_s) Timer::set(delays.top().end_s, [this] { end_delays(); });
  }

  void end_delays() {
    ending_delays = true;
    while (!delays.empty() && delays.top().end_s <= sg::Engine::get_clock() + moment_s) {
      const Delay delay = delays.top();
      delays.pop();
      if (delay.flow && !lone_flows.end(*delay.flow)) continue;  // it shares now, and SimGrid ends it
      if (on_end) on_end(delay.task);
    }
    ending_delays = false;
    stop_at_next_end();
  }
};

Machine::Machine(const MachineSpec& spec) : platform_(std::make_unique<Platform>(spec)) {}
Machine::~Machine() = default;

void Machine::on_end(std::function<void(Task)> callback) { platform_->on_end = std::move(callback); }

void Machine::start_delay(double seconds, Task task) { platform_->start_date(now_s() + seconds, task, std::nullopt); }

void Machine::start_flow(int route, double bytes, Task task) { platform_->start_flow({route, bytes, task}); }

void Machine::run() {
  platform_->engine->run();
  platform_->clear_ended();
}

double Machine::now_s() const { return sg::Engine::get_clock(); }

}  // namespace ppplan::sim

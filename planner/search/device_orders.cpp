#include "planner/search/device_orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "planner/engines/dtype_support.h"

namespace ppplan::search {

namespace {

using Group = std::vector<int>;

/// Equal cards of one node, as whole groups of tp.
struct Supply {
  int node = 0;
  std::string name;
  std::int64_t memory_bytes = 0;
  std::int64_t free_bytes = 0;
  double memory_bytes_per_s = 0;
  std::vector<Group> groups;
};

/// How many of each supply's groups an order takes, in sequence: [position] -> supply.
using Sequence = std::vector<int>;

auto likeness(const spec::Device& device) {
  return std::tuple(device.node, device.name, device.memory_bytes, device.free_bytes, device.memory_bytes_per_s,
                    device.bf16_flops_per_s);
}

double rate_between(const spec::ClusterSpec& cluster, int one, int other) {
  return spec::bandwidth_bytes_per_s(cluster, spec::route(cluster, one, other));
}

/// The device of `left` whose slowest link into `group` is fastest; the first of equals.
std::size_t nearest_to(const spec::ClusterSpec& cluster, const Group& group, const std::vector<int>& left) {
  std::size_t best = 0;
  double best_rate = -1;
  for (std::size_t i = 0; i < left.size(); ++i) {
    double slowest = std::numeric_limits<double>::infinity();
    for (const int member : group) slowest = std::min(slowest, rate_between(cluster, member, left[i]));
    if (slowest > best_rate) best = i, best_rate = slowest;
  }
  return best;
}

std::vector<Group> groups_of(const spec::ClusterSpec& cluster, std::vector<int> left, int tp) {
  std::vector<Group> all;
  while (static_cast<int>(left.size()) >= tp) {
    Group group{left.front()};
    left.erase(left.begin());
    while (static_cast<int>(group.size()) < tp) {
      const auto next = static_cast<std::ptrdiff_t>(nearest_to(cluster, group, left));
      group.push_back(left[static_cast<std::size_t>(next)]);
      left.erase(left.begin() + next);
    }
    all.push_back(std::move(group));
  }
  return all;
}

/// Supplies by node, then in the order in which their cards were given.
std::vector<Supply> supplies_of(const spec::ClusterSpec& cluster, int tp) {
  using Key = decltype(likeness(cluster.devices.front()));
  std::map<Key, std::vector<int>> classes;
  for (std::size_t i = 0; i < cluster.devices.size(); ++i)
    classes[likeness(cluster.devices[i])].push_back(static_cast<int>(i));
  std::vector<Supply> all;
  for (const auto& [key, members] : classes) {
    const spec::Device& device = cluster.devices[static_cast<std::size_t>(members.front())];
    Supply supply{device.node,
                  device.name,
                  device.memory_bytes,
                  device.free_bytes,
                  device.memory_bytes_per_s,
                  groups_of(cluster, members, tp)};
    if (!supply.groups.empty()) all.push_back(std::move(supply));
  }
  std::sort(all.begin(), all.end(), [](const Supply& a, const Supply& b) {
    return std::pair(a.node, a.groups.front().front()) < std::pair(b.node, b.groups.front().front());
  });
  return all;
}

std::vector<int> counts_left(const std::vector<Supply>& supplies) {
  std::vector<int> left;
  for (const Supply& supply : supplies) left.push_back(static_cast<int>(supply.groups.size()));
  return left;
}

/// Enumerates sequences depth first; a node that was left is not entered again.
class Sequences {
 public:
  Sequences(const std::vector<Supply>& supplies, std::size_t length, std::size_t most)
      : supplies_(supplies), left_(counts_left(supplies)), length_(length), most_(most) {
    for (const Supply& supply : supplies)
      contents_[supply.node].emplace_back(supply.name, supply.memory_bytes, supply.free_bytes, supply.groups.size());
    for (auto& [node, content] : contents_) std::sort(content.begin(), content.end());
    extend();
  }
  std::vector<Sequence> take() { return std::move(found_); }
  bool complete() const { return found_.size() < most_; }

 private:
  void extend() {
    if (found_.size() >= most_) return;
    if (sequence_.size() == length_) return found_.push_back(sequence_);
    for (std::size_t i = 0; i < supplies_.size(); ++i) {
      if (left_[i] == 0 || !may_enter(supplies_[i].node)) continue;
      --left_[i];
      sequence_.push_back(static_cast<int>(i));
      extend();
      sequence_.pop_back();
      ++left_[i];
    }
  }

  /// Of nodes with equal cards the first one not visited yet stands for all.
  bool may_enter(int node) const {
    if (!sequence_.empty() && node_at(sequence_.size() - 1) == node) return true;
    if (visited(node)) return false;
    for (const auto& [other, content] : contents_)
      if (other < node && content == contents_.at(node) && !visited(other)) return false;
    return true;
  }

  bool visited(int node) const {
    for (std::size_t k = 0; k < sequence_.size(); ++k)
      if (node_at(k) == node) return true;
    return false;
  }

  int node_at(std::size_t position) const { return supplies_[static_cast<std::size_t>(sequence_[position])].node; }

  const std::vector<Supply>& supplies_;
  std::vector<int> left_;
  std::map<int, std::vector<std::tuple<std::string, std::int64_t, std::int64_t, std::size_t>>> contents_;  // [node]
  std::size_t length_;
  std::size_t most_;
  Sequence sequence_;
  std::vector<Sequence> found_;
};

/// The most valuable groups first: memory, then bandwidth.
std::vector<int> by_worth(const std::vector<Supply>& supplies) {
  std::vector<int> order(supplies.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const Supply &one = supplies[static_cast<std::size_t>(a)], &other = supplies[static_cast<std::size_t>(b)];
    return std::pair(one.memory_bytes, one.memory_bytes_per_s) >
           std::pair(other.memory_bytes, other.memory_bytes_per_s);
  });
  return order;
}

/// `length` groups in all, the most valuable ones, kind after kind and node after node.
Sequence plainest(const std::vector<Supply>& supplies, std::size_t length) {
  Sequence sequence;
  for (const int i : by_worth(supplies))
    for (std::size_t k = 0; k < supplies[static_cast<std::size_t>(i)].groups.size() && sequence.size() < length; ++k)
      sequence.push_back(i);
  std::map<int, std::size_t> entered;
  for (std::size_t k = 0; k < sequence.size(); ++k)
    entered.emplace(supplies[static_cast<std::size_t>(sequence[k])].node, k);
  std::stable_sort(sequence.begin(), sequence.end(), [&](int a, int b) {
    return entered[supplies[static_cast<std::size_t>(a)].node] < entered[supplies[static_cast<std::size_t>(b)].node];
  });
  return sequence;
}

/// Every kind that can be the first and the last stage, and both directions of what lies between.
std::vector<Sequence> varied_ends(const std::vector<Supply>& supplies, const Sequence& plain) {
  std::vector<Sequence> all{plain, Sequence(plain.rbegin(), plain.rend())};
  const auto node = [&](int i) { return supplies[static_cast<std::size_t>(i)].node; };
  for (std::size_t first = 0; first < plain.size(); ++first)
    for (std::size_t last = 0; last < plain.size(); ++last) {
      if (first == last || node(plain[first]) != node(plain.front()) || node(plain[last]) != node(plain.back()))
        continue;
      Sequence sequence = plain;
      const int begin = plain[first], end = plain[last];
      sequence.erase(sequence.begin() + static_cast<std::ptrdiff_t>(std::max(first, last)));
      sequence.erase(sequence.begin() + static_cast<std::ptrdiff_t>(std::min(first, last)));
      sequence.insert(sequence.begin(), begin);
      sequence.push_back(end);
      all.push_back(std::move(sequence));
    }
  return all;
}

DeviceOrder order_of(const std::vector<Supply>& supplies, const Sequence& sequence) {
  std::vector<std::size_t> used(supplies.size(), 0);
  DeviceOrder order;
  for (const int i : sequence) {
    const auto index = static_cast<std::size_t>(i);
    const Group& group = supplies[index].groups[used[index]++];
    order.insert(order.end(), group.begin(), group.end());
  }
  return order;
}

/// A stage's replicas side by side are alike where the supply allows: sequences are of stages, each taken dp times.
std::vector<Supply> per_stage(std::vector<Supply> supplies, int dp) {
  for (Supply& supply : supplies) {
    std::vector<Group> bundles;
    for (std::size_t at = 0; at + static_cast<std::size_t>(dp) <= supply.groups.size();
         at += static_cast<std::size_t>(dp)) {
      Group bundle;
      for (int replica = 0; replica < dp; ++replica) {
        const Group& group = supply.groups[at + static_cast<std::size_t>(replica)];
        bundle.insert(bundle.end(), group.begin(), group.end());
      }
      bundles.push_back(std::move(bundle));
    }
    supply.groups = std::move(bundles);
  }
  std::erase_if(supplies, [](const Supply& supply) { return supply.groups.empty(); });
  return supplies;
}

/// From [stage][replica][rank] to [replica][stage][rank].
DeviceOrder by_replica(const DeviceOrder& by_stage, const spec::Parallel& parallel) {
  DeviceOrder order;
  const auto tp = static_cast<std::size_t>(parallel.tp), dp = static_cast<std::size_t>(parallel.dp);
  for (std::size_t replica = 0; replica < dp; ++replica)
    for (std::size_t stage = 0; stage < static_cast<std::size_t>(parallel.pp); ++stage)
      for (std::size_t rank = 0; rank < tp; ++rank) order.push_back(by_stage[(stage * dp + replica) * tp + rank]);
  return order;
}

bool all_alike(const spec::ClusterSpec& cluster) {
  return std::all_of(cluster.devices.begin(), cluster.devices.end(),
                     [&](const spec::Device& d) { return likeness(d) == likeness(cluster.devices.front()); });
}

}  // namespace

DeviceOrder given_order(const spec::Parallel& parallel) {
  DeviceOrder order(static_cast<std::size_t>(parallel.tp) * static_cast<std::size_t>(parallel.pp) *
                    static_cast<std::size_t>(parallel.dp));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::string group_fault(const spec::ClusterSpec& cluster, const spec::Parallel& parallel, const DeviceOrder& order,
                        bool nodes_may_differ) {
  const auto tp = static_cast<std::size_t>(parallel.tp);
  for (std::size_t at = 0; at < order.size(); ++at) {
    const int first = order[at / tp * tp], other = order[at];
    const spec::Device& one = cluster.devices[static_cast<std::size_t>(first)];
    const spec::Device& two = cluster.devices[static_cast<std::size_t>(other)];
    if (one.name != two.name)
      return fmt::format("TP {}: devices {} and {} of one group would be {} and {}", tp, first, other, one.name,
                         two.name);
    if (one.node != two.node && !nodes_may_differ)
      return fmt::format("TP {}: devices {} and {} of one group would lie on nodes {} and {}", tp, first, other,
                         one.node, two.node);
  }
  return "";
}

std::vector<DeviceOrder> device_orders(const spec::ClusterSpec& cluster, const spec::Parallel& parallel,
                                       std::size_t most) {
  std::vector<DeviceOrder> orders;
  const DeviceOrder given = given_order(parallel);
  if (given.size() > cluster.devices.size()) return orders;
  if (group_fault(cluster, parallel, given, false).empty()) orders.push_back(given);
  if (!orders.empty() && all_alike(cluster)) return orders;
  const std::vector<Supply> supplies = per_stage(supplies_of(cluster, parallel.tp), parallel.dp);
  const auto stages = static_cast<std::size_t>(parallel.pp);
  std::size_t groups = 0;
  for (const Supply& supply : supplies) groups += supply.groups.size();
  if (groups < stages) return orders;
  Sequences all(supplies, stages, most);
  std::vector<Sequence> sequences = all.complete() ? all.take() : varied_ends(supplies, plainest(supplies, stages));
  std::set<DeviceOrder> known(orders.begin(), orders.end());
  for (const Sequence& sequence : sequences) {
    DeviceOrder order = by_replica(order_of(supplies, sequence), parallel);
    if (orders.size() < most && known.insert(order).second) orders.push_back(std::move(order));
  }
  return orders;
}

std::string order_fault(const Question& question, const DeviceOrder& order) {
  for (const int device : order) {
    std::string fault = engines::format_fault(
        question.request.model, question.request.cluster.devices[static_cast<std::size_t>(device)], question.vllm);
    if (!fault.empty()) return fault;
  }
  return "";
}

std::vector<DeviceOrder> device_orders(const Question& question, const spec::Parallel& parallel, std::size_t most) {
  const Request& request = question.request;
  const DeviceOrder given = given_order(parallel);
  const bool fixed = request.keep_order || request.partition;
  const bool may_cross = request.tp.has_value();
  std::vector<DeviceOrder> orders;
  if (fixed && group_fault(request.cluster, parallel, given, may_cross).empty())
    orders = {given};
  else
    orders = device_orders(request.cluster, parallel, most);
  if (orders.empty() && may_cross && group_fault(request.cluster, parallel, given, true).empty()) orders = {given};
  std::set<int> unable;
  for (int device = 0; device < question.devices; ++device)
    if (!order_fault(question, {device}).empty()) unable.insert(device);
  std::erase_if(orders, [&](const DeviceOrder& order) {
    return std::any_of(order.begin(), order.end(), [&](int device) { return unable.contains(device); });
  });
  return orders;
}

}  // namespace ppplan::search

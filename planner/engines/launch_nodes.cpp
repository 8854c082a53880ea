#include "planner/engines/launch_nodes.h"

#include <algorithm>

#include "planner/engines/vllm_flags.h"
#include "planner/engines/vllm_rules.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

/// Node of every rank.
std::vector<int> node_of_ranks(const spec::Plan& plan) {
  std::vector<int> out;
  for (int device : devices_by_rank(plan)) out.push_back(plan.cluster.devices[static_cast<std::size_t>(device)].node);
  return out;
}

/// True when ranks [i * size, (i + 1) * size) lie on one node for every i.
bool whole_on_nodes(const std::vector<int>& nodes, std::size_t size) {
  for (std::size_t rank = 0; rank < nodes.size(); ++rank)
    if (nodes[rank] != nodes[rank - rank % size]) return false;
  return true;
}

NodeLaunch launch_of(const spec::Plan& plan, std::size_t nodes) {
  if (nodes == 1) return NodeLaunch::single;
  const std::vector<int> node_of = node_of_ranks(plan);
  const std::string version = plan_version(plan);
  const auto replica = static_cast<std::size_t>(plan.parallel.pp * plan.parallel.tp);
  if (plan.parallel.dp > 1 && whole_on_nodes(node_of, replica) && has_flag(version, *find_flag("--headless")))
    return NodeLaunch::replicas;
  const bool equal = node_of.size() % nodes == 0 && whole_on_nodes(node_of, node_of.size() / nodes);
  if (plan.parallel.dp == 1 && equal && has_flag(version, *find_flag("--nnodes"))) return NodeLaunch::multiprocessing;
  return NodeLaunch::ray;
}

/// `rank` of `count` nodes; the first one serves.
std::string multiprocessing_tail(std::size_t rank, std::size_t count) {
  return " --nnodes " + std::to_string(count) + " --node-rank " + std::to_string(rank) +
         " --master-addr \"$HEAD_ADDR\"" + (rank > 0 ? " --headless" : "");
}

std::string replicas_tail(std::size_t first, std::size_t local) {
  return " --data-parallel-size-local " + std::to_string(local) +
         " --data-parallel-address \"$HEAD_ADDR\" --data-parallel-rpc-port 13345" +
         (first > 0 ? " --data-parallel-start-rank " + std::to_string(first) + " --headless" : "");
}

NodeCommand command_of(const spec::Plan& plan, int node) {
  NodeCommand out;
  out.node = node;
  out.devices = visible_devices(plan, node);
  const int ranks = plan.parallel.pp * plan.parallel.tp * plan.parallel.dp;
  out.gpus = out.devices.empty() ? ranks : static_cast<int>(out.devices.size());
  out.env = device_environment(plan, node);
  out.env.merge(engine_environment(plan));
  out.words = {"vllm", "serve", spec::served_name(plan.model.name)};
  const Words flags = server_flags(plan);
  out.words.insert(out.words.end(), flags.begin(), flags.end());
  return out;
}

void finish(NodePlan& out, const spec::Plan& plan) {
  const int replica = plan.parallel.pp * plan.parallel.tp;
  std::size_t first = 0;
  for (std::size_t k = 0; k < out.nodes.size(); ++k) {
    NodeCommand& node = out.nodes[k];
    if (out.launch == NodeLaunch::multiprocessing) node.shell_tail = multiprocessing_tail(k, out.nodes.size());
    if (out.launch == NodeLaunch::replicas) {
      const auto local = static_cast<std::size_t>(node.gpus / replica);
      node.shell_tail = replicas_tail(first, local);
      first += local;
    }
    if (out.launch != NodeLaunch::ray) continue;
    node.words.insert(node.words.end(), {"--distributed-executor-backend", "ray"});
    if (plan.parallel.dp > 1) node.words.insert(node.words.end(), {"--data-parallel-backend", "ray"});
    if (k > 0) node.words.clear();
  }
}

/// A Ray worker sees the cards that its node was started with.
std::map<std::string, std::string> device_only(std::map<std::string, std::string> env) {
  env.erase("VLLM_PP_LAYER_PARTITION");
  return env;
}

std::string ray_start(const NodeCommand& node, bool head) {
  const std::string place = head ? "--head --port=6379" : "--address=\"$HEAD_ADDR:6379\" --block";
  return "ray start " + place + " --num-gpus=" + std::to_string(node.gpus);
}

std::string ray_notes() {
  return "# Over Ray: vLLM takes the head's GPUs first, then the other nodes by their number of GPUs (fewest first), "
         "then\n"
         "# by address. Check the ranks in its log against the plan. The server waits until all GPUs have joined.\n";
}

}  // namespace

NodePlan plan_nodes(const spec::Plan& plan) {
  NodePlan out;
  const std::vector<int> nodes = nodes_by_rank(plan);
  out.launch = launch_of(plan, nodes.size());
  for (int node : nodes) out.nodes.push_back(command_of(plan, node));
  finish(out, plan);
  return out;
}

std::string shell_line(const NodeCommand& command) {
  if (command.words.empty()) return "";
  return shell_environment(command.env) + shell_words(command.words) + command.shell_tail;
}

std::string shell_by_node(const NodePlan& nodes, const std::vector<std::string>& lines) {
  const std::string last = std::to_string(nodes.nodes.size() - 1);
  std::string out =
      "# Run on every node with its own NODE_RANK (0 to " + last + ") and HEAD_ADDR, the address of node 0.\n";
  if (nodes.launch == NodeLaunch::ray) out += ray_notes();
  out += ": \"${HEAD_ADDR:?the address of node 0}\"\ncase \"${NODE_RANK:?0 to " + last + "}\" in\n";
  for (std::size_t k = 0; k < lines.size(); ++k) {
    out += std::to_string(k) + ")\n";
    if (nodes.launch == NodeLaunch::ray)
      out += "  " + shell_environment(device_only(nodes.nodes[k].env)) + ray_start(nodes.nodes[k], k == 0) + "\n";
    if (!lines[k].empty()) out += "  " + lines[k] + "\n";
    out += "  ;;\n";
  }
  return out + "*)\n  echo 'NODE_RANK: expected 0 to " + last + "' >&2\n  false\n  ;;\nesac\n";
}

}  // namespace ppplan::engines

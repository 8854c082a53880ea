// What each node of a plan has to run, for servers over one or several nodes.
//
// Three ways over several nodes: vLLM's own multiprocessing executor (--nnodes, since 0.12; every node takes the same
// number of consecutive ranks), replicas of which each lies on one node (--data-parallel-address), and Ray for the
// rest.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/engines/launch_words.h"

namespace ppplan::engines {

enum class NodeLaunch { single, multiprocessing, replicas, ray };

struct NodeCommand {
  int node = 0;              // as the cluster numbers it
  int gpus = 0;              // that it takes there
  std::vector<int> devices;  // visible_devices; empty where the plan names none
  std::map<std::string, std::string> env;
  Words words;             // "vllm", "serve", ...; empty on a node that only joins a Ray cluster
  std::string shell_tail;  // further words as shell text, for it may read $HEAD_ADDR; begins with a blank
};

struct NodePlan {
  NodeLaunch launch = NodeLaunch::single;
  std::vector<NodeCommand> nodes;  // the first is the head
};

NodePlan plan_nodes(const spec::Plan& plan);

/// Environment, words and tail as one line of a POSIX shell.
std::string shell_line(const NodeCommand& command);

/// POSIX shell in which a plan of several nodes starts each node's part, told by $NODE_RANK and $HEAD_ADDR. `line` is
/// the text that runs one node's server ("" for none).
std::string shell_by_node(const NodePlan& nodes, const std::vector<std::string>& lines);

}  // namespace ppplan::engines

#include <nlohmann/json.hpp>

#include "planner/engines/emit_parts.h"

namespace ppplan::engines {
namespace {

/// A JSON string is a YAML scalar.
std::string scalar(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string variable(const std::string& indent, const std::string& name, const std::string& value) {
  return indent + "- name: " + name + "\n" + indent + "  value: " + scalar(value) + "\n";
}

/// The cluster's device plugin chooses the cards and numbers them from 0: an order of ours can't be asked for.
std::string environment(const std::string& indent, const NodeCommand& node, const std::string& head) {
  std::string out;
  for (const auto& [name, value] : node.env)
    if (name.starts_with("VLLM_")) out += variable(indent, name, value);
  if (!head.empty()) out += variable(indent, "HEAD_ADDR", head);
  return out;
}

std::string words_of(const std::string& indent, const Words& words, std::size_t first) {
  std::string out;
  for (std::size_t i = first; i < words.size(); ++i) out += indent + "- " + scalar(words[i]) + "\n";
  return out;
}

/// Of one node the server's own words; of several a shell, which knows the head's address.
std::string command(const NodeCommand& node, const std::string& script) {
  const std::string in = "          ";
  if (script.empty()) return in + "command: [vllm]\n" + in + "args:\n" + words_of(in, node.words, 1);
  return in + "command: [sh, -c]\n" + in + "args:\n" + in + "- " + scalar(script) + "\n";
}

std::string pod(const NodeCommand& node, const std::string& image, const std::string& script, const std::string& head) {
  std::string out = "      containers:\n        - name: vllm\n          image: " + image + "\n" + command(node, script);
  const std::string env = environment("            ", node, head);
  if (!env.empty()) out += "          env:\n" + env;
  return out + "          ports:\n            - containerPort: 8000\n" +
         "          resources:\n            limits:\n              nvidia.com/gpu: \"" + std::to_string(node.gpus) +
         "\"\n          volumeMounts:\n            - name: shm\n              mountPath: /dev/shm\n" +
         "      volumes:\n        - name: shm\n          emptyDir:\n            medium: Memory\n";
}

std::string workload(const std::string& kind, const std::string& name, const std::string& more,
                     const std::string& pod_text) {
  return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata:\n  name: " + name + "\nspec:\n  replicas: 1\n" + more +
         "  selector:\n    matchLabels:\n      app: " + name +
         "\n  template:\n    metadata:\n      labels:\n        app: " + name + "\n    spec:\n" + pod_text;
}

/// `headless`: a name for the pod's own address, known before the pod is ready.
std::string service(const std::string& name, const std::string& app, bool headless) {
  return "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name + "\nspec:\n" +
         (headless ? "  clusterIP: None\n  publishNotReadyAddresses: true\n" : "") + "  selector:\n    app: " + app +
         "\n  ports:\n    - name: http\n      port: 8000\n";
}

std::string device_note(const NodePlan& nodes) {
  for (const NodeCommand& node : nodes.nodes)
    if (node.env.contains("CUDA_VISIBLE_DEVICES"))
      return "# The plan needs its cards in a certain order, which a device plugin does not keep: give each pod a "
             "node\n"
             "# with cards of the planned kind only, or set CUDA_VISIBLE_DEVICES once the numbering is known.\n";
  return "";
}

std::string node_script(const NodePlan& nodes, std::size_t k) {
  const NodeCommand& node = nodes.nodes[k];
  const std::string line = shell_words(node.words) + node.shell_tail;
  if (nodes.launch != NodeLaunch::ray) return "exec " + line;
  const std::string gpus = " --num-gpus=" + std::to_string(node.gpus);
  if (k > 0) return "exec ray start --address=\"$HEAD_ADDR:6379\" --block" + gpus;
  return "ray start --head --port=6379" + gpus + " && exec " + line;
}

std::string several(const NodePlan& nodes, const std::string& image) {
  const std::string head = "vllm-node0";
  std::string out;
  for (std::size_t k = 0; k < nodes.nodes.size(); ++k) {
    const std::string name = "vllm-node" + std::to_string(k);
    out += workload("StatefulSet", name, "  serviceName: " + name + "\n",
                    pod(nodes.nodes[k], image, node_script(nodes, k), head)) +
           "---\n";
  }
  return out + service(head, head, true);
}

}  // namespace

std::string emit_k8s(const spec::Plan& plan) {
  const NodePlan nodes = plan_nodes(plan);
  const std::string image = server_image(plan_version(plan));
  const std::string note = device_note(nodes);
  if (nodes.launch != NodeLaunch::single) return note + several(nodes, image);
  return note + workload("Deployment", "vllm", "", pod(nodes.nodes.front(), image, "", "")) + "---\n" +
         service("vllm", "vllm", false);
}

}  // namespace ppplan::engines

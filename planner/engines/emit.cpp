#include "planner/engines/emit.h"

#include <algorithm>

#include "planner/engines/emit_parts.h"
#include "planner/engines/shell_text.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

/// A container numbers the cards that it is given by PCI address: their places among the chosen ones.
std::vector<int> places(const std::vector<int>& devices) {
  std::vector<int> out;
  for (int device : devices)
    out.push_back(static_cast<int>(
        std::count_if(devices.begin(), devices.end(), [device](int other) { return other < device; })));
  return out;
}

std::string gpu_option(const NodeCommand& node) {
  if (node.devices.empty()) return std::to_string(node.gpus);
  std::vector<int> sorted = node.devices;
  std::sort(sorted.begin(), sorted.end());
  // The quotes belong to the option: it is read as CSV.
  return "\"device=" + joined(sorted) + "\"";
}

/// The environment inside of the container.
std::map<std::string, std::string> inner_environment(const NodeCommand& node) {
  std::map<std::string, std::string> out = node.env;
  out.erase("CUDA_DEVICE_ORDER");
  out.erase("CUDA_VISIBLE_DEVICES");
  if (std::is_sorted(node.devices.begin(), node.devices.end())) return out;
  out["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID";
  out["CUDA_VISIBLE_DEVICES"] = joined(places(node.devices));
  return out;
}

std::string docker_line(const NodeCommand& node, NodeLaunch launch, const std::string& version) {
  std::string out = "docker run --rm --gpus " + shell_quoted(gpu_option(node)) + " --ipc=host " +
                    (launch == NodeLaunch::single ? "-p 8000:8000" : "--network host") +
                    " -v \"$HOME/.cache/huggingface:/root/.cache/huggingface\" -e HF_TOKEN";
  for (const auto& [name, value] : inner_environment(node)) out += " -e " + shell_quoted(name + "=" + value);
  const Words words(node.words.begin() + 1, node.words.end());
  return out + " --entrypoint vllm " + server_image(version) + " " + shell_words(words) + node.shell_tail;
}

/// Ray has to run inside of the containers, where no line of ours reaches.
std::string ray_in_containers() {
  return "# The nodes take unequal shares, so the server needs a Ray cluster: start the image on every node with a "
         "shell\n"
         "# (docker run --network host --ipc=host --gpus all --entrypoint bash) and run there:\n";
}

}  // namespace

std::optional<Emit> emit_kind(std::string_view name) {
  if (name == "shell") return Emit::shell;
  if (name == "docker") return Emit::docker;
  if (name == "k8s") return Emit::k8s;
  if (name == "sglang") return Emit::sglang;
  return std::nullopt;
}

std::string emit(const spec::Plan& plan, Emit kind) {
  if (kind == Emit::docker) return emit_docker(plan);
  if (kind == Emit::k8s) return emit_k8s(plan);
  if (kind == Emit::sglang) return emit_sglang(plan);
  return emit_shell(plan);
}

std::string emit_shell(const spec::Plan& plan) {
  const NodePlan nodes = plan_nodes(plan);
  std::vector<std::string> lines;
  for (const NodeCommand& node : nodes.nodes) lines.push_back(shell_line(node));
  return nodes.launch == NodeLaunch::single ? lines.front() + "\n" : shell_by_node(nodes, lines);
}

std::string emit_docker(const spec::Plan& plan) {
  const NodePlan nodes = plan_nodes(plan);
  if (nodes.launch == NodeLaunch::ray) return ray_in_containers() + emit_shell(plan);
  std::vector<std::string> lines;
  for (const NodeCommand& node : nodes.nodes) lines.push_back(docker_line(node, nodes.launch, plan_version(plan)));
  return nodes.launch == NodeLaunch::single ? lines.front() + "\n" : shell_by_node(nodes, lines);
}

std::string server_image(const std::string& version) {
  const VllmVersion release = vllm_version(version);
  return "vllm/vllm-openai:v" + std::to_string(release.major) + "." + std::to_string(release.minor) + "." +
         std::to_string(release.patch);
}

}  // namespace ppplan::engines

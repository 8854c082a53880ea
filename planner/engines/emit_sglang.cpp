#include "planner/engines/emit_parts.h"
#include "planner/engines/vllm_partition.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

void add(Words& words, const std::string& flag, const std::string& value) {
  words.push_back(flag);
  words.push_back(value);
}

/// vLLM's flag -> SGLang's of the same meaning; "" where there is none, "-" where it is said otherwise below.
std::string sglang_flag(const std::string& vllm) {
  static const std::map<std::string, std::string> flags = {{"--tensor-parallel-size", "--tp-size"},
                                                           {"--pipeline-parallel-size", "--pp-size"},
                                                           {"--data-parallel-size", "--dp-size"},
                                                           {"--max-model-len", "--context-length"},
                                                           {"--max-num-batched-tokens", "--chunked-prefill-size"},
                                                           {"--max-num-seqs", "--max-running-requests"},
                                                           {"--gpu-memory-utilization", "--mem-fraction-static"},
                                                           {"--quantization", "--quantization"},
                                                           {"--dtype", "--dtype"},
                                                           {"--kv-cache-dtype", "--kv-cache-dtype"},
                                                           {"--block-size", "--page-size"},
                                                           {"--cpu-offload-gb", "--cpu-offload-gb"},
                                                           {"--enforce-eager", "--disable-cuda-graph"}};
  const auto found = flags.find(vllm);
  return found == flags.end() ? "" : found->second;
}

struct Translation {
  Words words;
  Words without;  // vLLM's flags that SGLang has not
};

Translation translate(const Words& flags) {
  Translation out;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const std::string& flag = flags[i];
    const bool has_value = i + 1 < flags.size() && !flags[i + 1].starts_with("--");
    const std::string value = has_value ? flags[++i] : "";
    const std::string name = sglang_flag(flag);
    if (name.empty()) {
      out.without.push_back(has_value ? flag + " " + value : flag);
      continue;
    }
    out.words.push_back(name);
    if (has_value) out.words.push_back(name == "--kv-cache-dtype" && value == "fp8" ? "fp8_e4m3" : value);
  }
  return out;
}

std::string notes(const Translation& translation) {
  std::string out =
      "# --mem-fraction-static is the share of memory for weights and KV cache alone, unlike vLLM's\n"
      "# --gpu-memory-utilization, which also covers activations: begin lower if start-up runs out of memory.\n"
      "# Costs and capacity of the plan were computed by vLLM's rules.\n";
  for (const std::string& flag : translation.without) out += "# no equivalent of vLLM's " + flag + "\n";
  return out;
}

NodeCommand sglang_node(const NodeCommand& vllm, const spec::Plan& plan, const Translation& translation) {
  NodeCommand out = vllm;
  std::erase_if(out.env, [](const auto& variable) { return variable.first.starts_with("VLLM_"); });
  if (plan.parallel.pp > 1) out.env["SGLANG_PP_LAYER_PARTITION"] = partition_text(plan.partition);
  out.words = {"python", "-m", "sglang.launch_server"};
  add(out.words, "--model-path", spec::served_name(plan.model.name));
  out.words.insert(out.words.end(), translation.words.begin(), translation.words.end());
  return out;
}

}  // namespace

std::string emit_sglang(const spec::Plan& plan) {
  const Translation translation = translate(server_flags(plan));
  NodePlan nodes = plan_nodes(plan);
  const bool several = nodes.launch != NodeLaunch::single;
  // SGLang has one way over several nodes, like vLLM's own executor.
  if (several) nodes.launch = NodeLaunch::multiprocessing;
  std::vector<std::string> lines;
  for (std::size_t k = 0; k < nodes.nodes.size(); ++k) {
    NodeCommand node = sglang_node(nodes.nodes[k], plan, translation);
    node.shell_tail = several ? " --nnodes " + std::to_string(nodes.nodes.size()) + " --node-rank " +
                                    std::to_string(k) + " --dist-init-addr \"$HEAD_ADDR:20000\""
                              : "";
    lines.push_back(shell_line(node));
  }
  return notes(translation) + (several ? shell_by_node(nodes, lines) : lines.front() + "\n");
}

}  // namespace ppplan::engines

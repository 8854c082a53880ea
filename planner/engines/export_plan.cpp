#include "planner/engines/export_plan.h"

#include <algorithm>

#include "planner/engines/emit.h"
#include "planner/engines/emit_parts.h"
#include "planner/engines/launch_training.h"
#include "planner/engines/shell_text.h"
#include "planner/input/document.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

/// True when all stages but the first and the last hold equally many layers.
bool even_middle(const std::vector<int>& partition) {
  return std::all_of(partition.begin() + 1, partition.end() - 1, [&](int layers) { return layers == partition[1]; });
}

Words megatron_split(const spec::Plan& plan) {
  const std::vector<int>& partition = plan.partition;
  if (partition.size() < 2) return {};
  const bool equal = std::all_of(partition.begin(), partition.end(), [&](int n) { return n == partition[0]; });
  if (equal) return {};
  // The middle of two stages is empty, which Megatron divides evenly only when both ends are told.
  if (even_middle(partition))
    return {"--decoder-first-pipeline-num-layers", std::to_string(partition.front()),
            "--decoder-last-pipeline-num-layers", std::to_string(partition.back())};
  return {"--pipeline-model-parallel-layout", megatron_layout(partition)};
}

std::string megatron(const spec::Plan& plan) {
  Words words = {"--num-layers",
                 std::to_string(plan.model.layers.size()),
                 "--pipeline-model-parallel-size",
                 std::to_string(plan.parallel.pp),
                 "--tensor-model-parallel-size",
                 std::to_string(plan.parallel.tp)};
  const Words split = megatron_split(plan);
  words.insert(words.end(), split.begin(), split.end());
  return shell_words(words) + "\n";
}

/// parts[s] is the first layer of stage s; the last entry the number of layers.
std::string deepspeed(const spec::Plan& plan) {
  std::vector<int> parts = {0};
  for (int layers : plan.partition) parts.push_back(parts.back() + layers);
  input::Json out = {{"num_stages", plan.parallel.pp}, {"partition_method", "uniform"}, {"parts", parts}};
  out["notes"] = export_notes(plan, Export::deepspeed);
  return out.dump(2) + "\n";
}

std::string torch_csv(const spec::Plan& plan) {
  std::string out;
  for (int stage = 0; stage < plan.parallel.pp; ++stage) {
    for (int batch = 0; batch < plan.micro_batching.in_flight; ++batch)
      out.append(batch == 0 ? "" : ",").append(std::to_string(stage) + "F" + std::to_string(batch));
    out += "\n";
  }
  return out;
}

/// Cards in order, each with the layers that it takes; of a tensor-parallel group each member an equal share.
std::string llama_cpp(const spec::Plan& plan) {
  std::string split;
  for (int layers : plan.partition) split.append(split.empty() ? "" : ",").append(std::to_string(layers));
  const Words words = {"llama-server",
                       "-hf",
                       spec::served_name(plan.model.name),
                       "-ngl",
                       std::to_string(plan.model.layers.size() + 1),
                       "-sm",
                       "layer",
                       "--tensor-split",
                       split,
                       "-c",
                       std::to_string(plan.max_model_len)};
  const std::vector<int> nodes = nodes_by_rank(plan);
  return shell_environment(device_environment(plan, nodes.front())) + shell_words(words) + "\n";
}

std::string commented(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += "# " + note + "\n";
  return out;
}

std::vector<std::string> megatron_notes() {
  return {"flags of a Megatron-LM training; the plan is one of inference, so activations and optimizer are not in it",
          "limits of tokens, sequences and context, the memory share and the KV cache have no counterpart",
          "add the model's own sizes (--hidden-size, --num-attention-heads, ...)"};
}

std::vector<std::string> deepspeed_notes() {
  return {"PipelineModule takes no explicit parts: override _partition_layers() and set self.parts to them",
          "parts count decoder layers alone: embedding and head are layers of their own in a PipelineModule",
          "limits of tokens, sequences and context, the memory share and the KV cache have no counterpart"};
}

std::vector<std::string> torch_notes() {
  return {"forward actions alone, stage s on rank s, one per batch in flight; there is no backward pass",
          "which layers make a stage is the model's split, not the schedule's: cut it at the plan's partition",
          "the decode loop (a token's return to the first stage) has no counterpart"};
}

std::vector<std::string> llama_notes(const spec::Plan& plan) {
  std::vector<std::string> out = {
      "-hf names the original repository: llama.cpp needs a GGUF file of it, and its own formats of weights",
      "--tensor-split is a ratio: llama.cpp assigns whole layers by it, and the output layer with the last card",
      "llama.cpp keeps one batch in flight through its cards, so throughput figures of the plan do not carry over"};
  if (plan.parallel.tp > 1)
    out.push_back("tensor parallelism has no counterpart with -sm layer: each stage is one card");
  if (nodes_by_rank(plan).size() > 1) out.push_back("further nodes need rpc-server and --rpc, which are left out");
  return out;
}

}  // namespace

std::optional<Export> export_kind(std::string_view name) {
  if (name == "vllm") return Export::vllm;
  if (name == "sglang") return Export::sglang;
  if (name == "megatron") return Export::megatron;
  if (name == "deepspeed") return Export::deepspeed;
  if (name == "torch-csv") return Export::torch_csv;
  if (name == "llama-cpp") return Export::llama_cpp;
  return std::nullopt;
}

std::vector<std::string> export_notes(const spec::Plan& plan, Export to) {
  if (to == Export::megatron) return megatron_notes();
  if (to == Export::deepspeed) return deepspeed_notes();
  if (to == Export::torch_csv) return torch_notes();
  if (to == Export::llama_cpp) return llama_notes(plan);
  if (to == Export::sglang) return {"costs and capacity of the plan were computed by vLLM's rules"};
  return {"the whole plan carries over; the line is for vLLM " + plan_version(plan)};
}

std::string export_plan(const spec::Plan& plan, Export to) {
  if (to == Export::sglang) return emit(plan, Emit::sglang);
  if (to == Export::deepspeed) return deepspeed(plan);
  if (to == Export::torch_csv) return torch_csv(plan);
  const std::string notes = commented(export_notes(plan, to));
  if (to == Export::megatron) return notes + megatron(plan);
  if (to == Export::llama_cpp) return notes + llama_cpp(plan);
  return notes + emit(plan, Emit::shell);
}

}  // namespace ppplan::engines

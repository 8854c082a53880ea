#include <algorithm>
#include <sstream>

#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_rules.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

/// As it stands where no character means anything to a shell, in single quotes otherwise.
std::string quoted(const std::string& word) {
  static const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string number(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

class Command {
 public:
  explicit Command(const std::string& model) : text_("vllm serve " + quoted(model)) {}
  void add(const std::string& flag, const std::string& value) {
    text_.append(" ").append(flag).append(" ").append(quoted(value));
  }
  void add(const std::string& flag, int value) { add(flag, std::to_string(value)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What the checkpoint itself does not say. int8, int4 and nvfp4 need a checkpoint made for them: no flag turns one
/// into them.
void add_formats(Command& command, const spec::ModelSpec& model) {
  const auto known = spec::known_models();
  if (std::find(known.begin(), known.end(), model.name) != known.end()) {
    const spec::DType stored = spec::read_model(model.name).dtype;
    if (model.dtype != stored && model.dtype == spec::DType::fp8) command.add("--quantization", "fp8");
    if (model.dtype != stored && model.dtype == spec::DType::bf16) command.add("--dtype", "bfloat16");
    if (model.dtype != stored && model.dtype == spec::DType::fp16) command.add("--dtype", "float16");
  }
  if (model.kv_dtype == spec::DType::fp8) command.add("--kv-cache-dtype", "fp8");
}

}  // namespace

spec::Launch launch_line(const spec::Plan& plan) {
  Command command(spec::served_name(plan.model.name));
  command.add("--pipeline-parallel-size", plan.parallel.pp);
  command.add("--tensor-parallel-size", plan.parallel.tp);
  if (plan.parallel.dp > 1) command.add("--data-parallel-size", plan.parallel.dp);
  add_formats(command, plan.model);
  command.add("--max-model-len", plan.max_model_len);
  command.add("--max-num-batched-tokens", plan.micro_batching.max_num_batched_tokens);
  command.add("--max-num-seqs", plan.micro_batching.max_num_seqs);
  command.add("--gpu-memory-utilization", number(plan.gpu_memory_utilization));
  spec::Launch launch;
  if (plan.parallel.pp > 1) launch.env["VLLM_PP_LAYER_PARTITION"] = partition_text(plan.partition);
  launch.command = command.text();
  return launch;
}

std::string shell_line(const spec::Launch& launch) {
  std::string out;
  for (const auto& [name, value] : launch.env) out.append(name).append("=").append(quoted(value)).append(" ");
  return out + launch.command;
}

}  // namespace ppplan::engines

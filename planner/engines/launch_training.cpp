#include "planner/engines/launch_training.h"

#include <algorithm>

#include "planner/engines/shell_text.h"

namespace ppplan::engines {
namespace {

class Flags {
 public:
  Flags& flag(const std::string& name) {
    text_ += " " + name;
    return *this;
  }
  Flags& flag(const std::string& name, const std::string& value) { return flag(name).flag(shell_quoted(value)); }
  Flags& flag(const std::string& name, int value) { return flag(name).flag(std::to_string(value)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_ = "pretrain_gpt.py";
};

void add_split(const spec::TrainingPlan& plan, Flags& flags) {
  if (plan.parallel.pp == 1) return;
  const std::vector<int>& parts = plan.partition;
  const bool equal = std::ranges::all_of(parts, [&](int layers) { return layers == parts.front(); });
  if (!equal) flags.flag("--pipeline-model-parallel-layout", megatron_layout(parts));
  if (equal && plan.settings.chunks > 1) flags.flag("--num-layers-per-virtual-pipeline-stage", parts.front());
}

}  // namespace

std::string megatron_layout(const std::vector<int>& partition) {
  std::string out = "E";
  for (std::size_t s = 0; s < partition.size(); ++s) {
    if (s > 0) out += "|";
    out += "t*" + std::to_string(partition[s]);
  }
  return out + "L";
}

bool megatron_runs(const spec::TrainingSettings& settings) {
  return settings.schedule == "1f1b" || settings.schedule == "interleaved";
}

spec::Launch megatron_launch(const spec::TrainingPlan& plan) {
  spec::Launch out;
  if (!megatron_runs(plan.settings)) return out;
  Flags flags;
  flags.flag("--num-layers", static_cast<int>(plan.model.layers.size()))
      .flag("--tensor-model-parallel-size", plan.parallel.tp)
      .flag("--pipeline-model-parallel-size", plan.parallel.pp);
  add_split(plan, flags);
  flags.flag("--micro-batch-size", plan.settings.sequences)
      .flag("--global-batch-size", plan.task.global_batch)
      .flag("--seq-length", plan.task.sequence_tokens)
      .flag("--bf16");
  if (plan.parallel.tp > 1) {
    flags.flag("--sequence-parallel");
    out.env["CUDA_DEVICE_MAX_CONNECTIONS"] = "1";
  }
  if (plan.settings.sharded_optimizer)
    flags.flag("--use-distributed-optimizer").flag("--overlap-grad-reduce").flag("--overlap-param-gather");
  if (plan.settings.recompute)
    flags.flag("--recompute-granularity", "full")
        .flag("--recompute-method", "uniform")
        .flag("--recompute-num-layers", 1);
  out.command = flags.text();
  return out;
}

}  // namespace ppplan::engines

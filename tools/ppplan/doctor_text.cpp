#include "tools/ppplan/doctor_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/wrapped_text.h"

namespace ppplan::tools {
namespace {

std::string listed(const std::string& head, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return "";
  std::string out = "\n" + head + "\n";
  for (std::size_t i = 0; i < sentences.size(); ++i) out += hanging_text(fmt::format("  {}. ", i + 1), sentences[i]);
  return out;
}

struct Figure {
  const char* name;
  std::optional<std::int64_t> spec::Observation::*measured;
  std::int64_t spec::StageMemory::*estimated;
};

constexpr Figure figures[] = {
    {"weights", &spec::Observation::weights_bytes, &spec::StageMemory::weights_bytes},
    {"activations", &spec::Observation::activation_bytes, &spec::StageMemory::activation_bytes},
    {"CUDA graphs", &spec::Observation::graph_bytes, &spec::StageMemory::cuda_graph_bytes},
    {"KV cache", &spec::Observation::kv_bytes, &spec::StageMemory::kv_bytes},
};

/// Logs count all weights together.
std::int64_t estimate(const Figure& figure, const spec::StageMemory& memory) {
  const std::int64_t value = memory.*figure.estimated;
  if (figure.estimated != &spec::StageMemory::weights_bytes) return value;
  return value + memory.embedding_bytes + memory.head_bytes + memory.tower_bytes + memory.draft_bytes;
}

std::string row(const std::string& stage, const char* name, std::int64_t measured, std::int64_t estimated) {
  const auto text = [](std::int64_t bytes) { return bytes_text(static_cast<double>(bytes)); };
  return fmt::format("{:>5}  {:<12} {:>10} {:>10} {:>11}\n", stage, name, text(measured), text(estimated),
                     text(measured - estimated));
}

/// Of the engine: what the fullest stage leaves.
std::string capacity_row(const char* name, const std::optional<std::int64_t>& measured, std::int64_t estimated) {
  if (!measured) return "";
  return fmt::format("{:>5}  {:<12} {:>10} {:>10} {:>11}\n", "all", name, *measured, estimated, *measured - estimated);
}

std::int64_t fewest_blocks(const spec::Plan& plan) {
  return std::min_element(plan.stages.begin(), plan.stages.end(),
                          [](const auto& a, const auto& b) { return a.kv_blocks < b.kv_blocks; })
      ->kv_blocks;
}

}  // namespace

std::string diagnosis_text(const engines::VllmLog& log, const engines::Diagnosis& diagnosis) {
  std::string out = engines::seen_text(log) + "\n\ncause\n" + hanging_text("  ", diagnosis.cause);
  return out + listed("what to change, by effect", diagnosis.advice) + listed("not told by the log", diagnosis.unsure);
}

std::string measured_text(const spec::Plan& estimated, const spec::Calibration& calibration) {
  std::string out =
      fmt::format("{:>5}  {:<12} {:>10} {:>10} {:>11}\n", "stage", "", "measured", "estimated", "difference");
  for (const spec::Observation& seen : calibration.observations) {
    const auto stage = static_cast<std::size_t>(seen.stage.value_or(0));
    if (!seen.stage && estimated.stages.size() > 1) {
      out += capacity_row("KV tokens", seen.kv_tokens, estimated.predicted.kv_tokens);
      out += capacity_row("KV blocks", seen.kv_blocks, fewest_blocks(estimated));
      continue;
    }
    if (stage >= estimated.stages.size()) continue;
    for (const Figure& figure : figures)
      if (const auto& measured = seen.*figure.measured)
        out += row(fmt::format("{}", stage), figure.name, *measured, estimate(figure, estimated.stages[stage].memory));
  }
  return out;
}

}  // namespace ppplan::tools

// What a vLLM log means: why the server ended and what to change, what it measured, and which part of a question it
// answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "planner/engines/vllm_log.h"
#include "planner/spec/calibration.h"

namespace ppplan::engines {

struct Diagnosis {
  std::string place;  // as LogFailure::place; "none": the server started; "no log": no line of vLLM was found
  std::optional<int> stage = std::nullopt;
  std::string cause;                // one sentence with the log's own figures
  std::vector<std::string> advice;  // ordered by effect, each naming the flag or variable that does it
  std::vector<std::string> unsure;  // what the log does not tell, and how to make it tell
  bool operator==(const Diagnosis&) const = default;
};

Diagnosis diagnose(const VllmLog& log);

/// One observation per stage that told its memory (of several workers the one with the least KV cache), and one without
/// a stage for the engine's capacity. Figures of unknown stages are left out when there is more than one stage.
std::vector<spec::Observation> observations(const VllmLog& log);
/// A calibration without corrections, which need an estimate to compare with.
spec::Calibration calibration_of(const VllmLog& log);

struct InputFromLog {
  /// ppplan's flags: {"--model", "Qwen/Qwen3-32B"}, {"--pp", "4"}; "" is the value of a flag that takes none.
  std::map<std::string, std::string> flags;
  std::optional<std::int64_t> gpu_memory_bytes = std::nullopt;  // of the smallest device, as CUDA reports it
  std::vector<std::string> gpu_candidates;                      // cards of the catalog with that memory, nearest first
};

InputFromLog input_from_log(const VllmLog& log);

}  // namespace ppplan::engines

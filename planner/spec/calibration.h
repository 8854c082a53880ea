// What a real start-up showed, kept for later calls: the document `ppplan/calibration/1`. It holds the raw figures as
// they were read and the corrections to the memory account that were derived from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/input/document.h"
#include "planner/spec/plan.h"

namespace ppplan::spec {

/// Figures of one worker, as a server's log states them. Of several workers of a stage, the one whose KV is smallest.
/// Bytes are those that the log rounds to (mostly 0.01 GiB).
struct Observation {
  std::optional<int> stage = std::nullopt;  // pipeline rank; nothing: the figures are the engine's, or no rank was told
  std::optional<std::int64_t> weights_bytes = std::nullopt;
  std::optional<std::int64_t> non_torch_bytes = std::nullopt;   // growth outside of the allocator while profiling
  std::optional<std::int64_t> activation_bytes = std::nullopt;  // the allocator's peak above the weights
  std::optional<std::int64_t> graph_bytes = std::nullopt;       // CUDA graphs as captured
  std::optional<std::int64_t> kv_bytes = std::nullopt;          // left for the cache on this worker
  std::optional<std::int64_t> kv_tokens = std::nullopt;         // capacity; of the engine: the least over its workers
  std::optional<std::int64_t> kv_blocks = std::nullopt;
  bool operator==(const Observation&) const = default;
};

struct Calibration {
  std::string model;  // as the server was told it: an id or a folder
  std::string gpu;    // a name of the catalog; "" when not known
  std::string vllm;   // "0.8.5"; "" when not known
  Parallel parallel;
  std::vector<int> partition;  // layers per stage; empty when not known
  std::vector<Correction> corrections;
  std::vector<Observation> observations;
  std::string source;  // the file that was read
  bool operator==(const Calibration&) const = default;
};

input::Json to_json(const Calibration& calibration);
/// Throws InputError. Stages lie in [0, pp); a partition has pp entries, each at least 1.
Calibration calibration_from_json(const input::Node& node);
/// Reads a file; throws InputError.
Calibration read_calibration(const std::string& path);

}  // namespace ppplan::spec

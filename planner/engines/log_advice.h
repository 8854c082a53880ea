// What to change so that a server starts whose log told why it ended; the words of log_diagnosis.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/engines/vllm_log.h"

namespace ppplan::engines {

/// "-7.83 GiB", "605.88 MiB".
std::string size_text(std::int64_t bytes);
/// The value of a setting, or "" when the log does not tell it.
std::string setting_text(const VllmLog& log, const std::string& name);
/// The worker with the least KV cache (of a stage when told); nullptr when none told it.
const LogWorker* least_kv(const VllmLog& log, std::optional<int> stage = std::nullopt);
/// True where the server failed by the check of 0.14 and 0.15 that counts the KV cache of the whole model for every
/// stage.
bool checked_whole_model(const VllmLog& log);
/// Sentences without a period, ordered by effect, for log.failure; empty without a failure.
std::vector<std::string> advice_for(const VllmLog& log);

}  // namespace ppplan::engines

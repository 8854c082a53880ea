// What the pipeline is asked to do.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace ppplan::spec {

enum class Goal { throughput, ttft, tpot, max_context };
std::string_view name(Goal goal);  // "throughput", "ttft", "tpot", "max-context"
std::optional<Goal> goal(std::string_view name);

struct Workload {
  int input_tokens = 2048;  // --isl
  int output_tokens = 256;  // --osl
  int concurrency = 64;     // requests at a time over the whole cluster
  Goal goal = Goal::throughput;
  std::optional<double> max_ttft_s = std::nullopt;
  std::optional<double> max_tpot_s = std::nullopt;
  bool operator==(const Workload&) const = default;
};

/// One batch as a stage sees it: `sequences` that each bring `new_tokens` and look back on `past_tokens` in the cache.
/// A prefill chunk has new_tokens > 1, a decode step new_tokens == 1. The head runs on the last token of each sequence
/// that `samples`; prefill chunks that do not end their prompt sample nothing.
struct BatchShape {
  int sequences = 1;
  int new_tokens = 1;
  int past_tokens = 0;
  bool samples = true;
  auto operator<=>(const BatchShape&) const = default;
  int tokens() const { return sequences * new_tokens; }
};

}  // namespace ppplan::spec

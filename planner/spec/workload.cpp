#include "planner/spec/workload.h"

#include <array>
#include <utility>

namespace ppplan::spec {
namespace {

constexpr std::array<std::pair<Goal, std::string_view>, 4> goals = {{
    {Goal::throughput, "throughput"},
    {Goal::ttft, "ttft"},
    {Goal::tpot, "tpot"},
    {Goal::max_context, "max-context"},
}};

}  // namespace

std::string_view name(Goal goal) { return goals[static_cast<std::size_t>(goal)].second; }

std::optional<Goal> goal(std::string_view name) {
  for (const auto& [goal, text] : goals)
    if (text == name) return goal;
  return std::nullopt;
}

}  // namespace ppplan::spec

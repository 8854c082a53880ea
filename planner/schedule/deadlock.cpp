#include "planner/schedule/deadlock.h"

#include "planner/schedule/lane_interpreter.h"
#include "planner/schedule/op_text.h"

namespace ppplan::schedule {
namespace {

std::string told(const Schedule& schedule, const std::vector<OpId>& stuck) {
  constexpr std::size_t most_named = 4;
  std::string sentence = "the schedule can't complete: these wait for one another: ";
  for (std::size_t k = 0; k < stuck.size() && k < most_named; ++k)
    sentence += (k > 0 ? ", " : "") + op_text(schedule, stuck[k]);
  if (stuck.size() > most_named) sentence += " and " + std::to_string(stuck.size() - most_named) + " more";
  return sentence;
}

}  // namespace

Progress can_complete(const Schedule& schedule) {
  const std::vector<double> no_time(schedule.ops.size());
  LaneInterpreter interpreter(schedule, no_time);
  interpreter.run();
  Progress progress;
  progress.stuck = interpreter.stuck();
  progress.completes = progress.stuck.empty();
  if (!progress.completes) progress.reason = told(schedule, progress.stuck);
  return progress;
}

}  // namespace ppplan::schedule

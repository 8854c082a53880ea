// The report of a schedule whose links nobody shares.
#pragma once

#include "planner/report/bubble_report.h"
#include "planner/schedule/longest_path.h"

namespace ppplan::tests {

inline report::BubbleReport report_of(const schedule::Schedule& schedule,
                                      const report::ActivationCosts& activations = {}) {
  const auto alone = schedule::own_seconds(schedule);
  return report::bubble_report(schedule, schedule::longest_path(schedule, alone), alone, activations);
}

}  // namespace ppplan::tests

// ppplan run --schedule: a training schedule replayed, or executed with real layers.
#pragma once

#include <optional>
#include <string>

#include "tools/ppplan/context.h"

namespace ppplan::tools {

struct ScheduleRunFlags {
  std::string schedule, model, partition, compute, trace, out;
  int dp = 1;         // replicas, of real compute
  int sequences = 1;  // of a micro-batch, of real compute
  int isl = 128;      // tokens of a sequence, of real compute
  int repeats = 3;
  double tolerance = 0.10;
};

/// Prints text or the document and sets the status. Throws InputError and Unavailable.
void run_schedule_file(Context& context, const ScheduleRunFlags& flags);

}  // namespace ppplan::tools

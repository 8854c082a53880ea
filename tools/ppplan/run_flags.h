// The flags of ppplan run, and which of them go together.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/ppplan/schedule_run.h"

namespace ppplan::tools {

/// As given on the line.
struct RunFlags {
  ScheduleRunFlags training;  // with training.schedule set, a schedule is run and not a plan
  std::string plan, backend = "host", transport = "threads", compute = "real", phase = "prefill", trace, html, out;
  std::vector<std::string> profiles;
  std::optional<int> micro_batches;
  std::string slices;  // "", "auto" or sizes
  int repeats = 3;
  double tolerance = 0.10;
  std::string wires;  // "" = as compute
  double heartbeat_s = 1;
  bool local = false;
  bool one_process = false;
};

void add_options(CLI::App& command, RunFlags& flags);
/// With the flags that short forms stand for: `--backend tcp` is short for two.
RunFlags written_out(RunFlags flags);
/// Throws InputError for a value that is not known or flags that exclude each other, and Unavailable for what this
/// build or machine does not have. `flags` are written out.
void check(const RunFlags& flags);
/// Whether every GPU is a process of its own.
bool on_gpu_ranks(const RunFlags& flags);
/// The flags that plans and schedules share; throws InputError for one that schedules do not have.
ScheduleRunFlags schedule_flags(const RunFlags& flags);

}  // namespace ppplan::tools

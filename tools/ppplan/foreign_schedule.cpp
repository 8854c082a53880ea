#include "tools/ppplan/foreign_schedule.h"

#include <CLI/CLI.hpp>

#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/torch_order.h"
#include "planner/schedule/training_schedule.h"
#include "planner/verify/torch_claims.h"
#include "tools/ppplan/stage_numbers.h"

namespace ppplan::tools {

bool is_torch_csv(const std::string& path) { return path.ends_with(".csv"); }

void add_stage_costs(CLI::App& command, StageCostFlags& flags) {
  const char* group = "Costs of a schedule in CSV (seconds, or relative)";
  command.add_option("--forward", flags.forward, "of a stage's forward: one number, or one per stage")
      ->capture_default_str()
      ->group(group);
  command.add_option("--backward", flags.backward, "of its input gradient")->capture_default_str()->group(group);
  command.add_option("--weight", flags.weight, "of its weight gradient")->capture_default_str()->group(group);
  command.add_option("--comm", flags.comm, "of a transfer to the next stage or back")
      ->capture_default_str()
      ->group(group);
}

SimulatedPhase simulate_torch(const std::string& path, const StageCostFlags& flags) {
  const schedule::TorchSchedule rows = schedule::torch_from_csv(input::read_text(path), path);
  for (const verify::Check& check : verify::torch_claims(rows))
    if (!check.holds) throw input::InputError(path + ": " + check.claim + ": " + check.detail);
  const schedule::TrainingOrder order = schedule::training_order(rows, path);
  const std::size_t stages = order.rank_of.size();
  const auto forward = stage_costs(flags.forward, "--forward", stages),
             input = stage_costs(flags.backward, "--backward", stages),
             weight = stage_costs(flags.weight, "--weight", stages), comm = stage_costs(flags.comm, "--comm", stages);
  schedule::TrainingCosts costs;
  for (std::size_t s = 0; s < stages; ++s) costs.stages.push_back({forward[s], input[s], weight[s], comm[s], 1});
  schedule::check_costs(costs, static_cast<int>(stages));
  SimulatedPhase out;
  out.schedule = schedule::training_schedule(order, costs);
  out.alone_s = schedule::own_seconds(out.schedule);
  out.timeline = schedule::longest_path(out.schedule, out.alone_s);
  out.report = report::bubble_report(out.schedule, out.timeline, out.alone_s);
  return out;
}

}  // namespace ppplan::tools

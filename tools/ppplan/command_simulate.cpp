// ppplan simulate: a plan or schedule to a Timeline and its bubble report.
#include <fmt/format.h>

#include <memory>

#include "planner/input/input_error.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/report/timeline_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/phase.h"
#include "tools/ppplan/simulated.h"
#include "traces/timeline_json.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string plan, schedule, phase = "prefill", trace, out;
  std::optional<int> micro_batches;
};

SimulatedPhase simulated(const Flags& flags) {
  if (flags.plan.empty() == flags.schedule.empty())
    throw input::InputError("simulate: expected one of --plan FILE and --schedule FILE");
  if (!flags.schedule.empty()) return simulate_schedule(flags.schedule);
  const spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  const cost::Phase phase = parse_phase(flags.phase);
  return simulate_phase(plan, phase, count_of(plan, phase, flags.micro_batches));
}

void print(const Context& context, const Flags& flags) {
  const SimulatedPhase result = simulated(flags);
  if (!flags.trace.empty()) input::write_text(flags.trace, traces::chrome_trace(result.timeline).dump() + "\n");
  if (!flags.out.empty()) input::write_text(flags.out, traces::to_json(result.timeline).dump(1) + "\n");
  if (context.json()) {
    input::Json document = report::to_json(result.report);
    document["inputs"] = {
        {"plan", flags.plan}, {"schedule", flags.schedule}, {"phase", flags.phase}, {"assumed", input::Json::array()}};
    return print_json(document);
  }
  print_text(report::timeline_text(result.timeline));
  print_text("\n");
  print_text(report::report_text(result.report));
}

}  // namespace

void add_simulate(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("simulate", "predict a plan's timeline and say where its bubbles come from");
  command->add_option("--plan", flags->plan, "a plan or search document");
  command->add_option("--schedule", flags->schedule, "a ppplan/schedule/1 document");
  command->add_option("--phase", flags->phase, "prefill or decode")->capture_default_str();
  command->add_option("--micro-batches", flags->micro_batches, "micro-batches of prefill (4 pp), or decode rounds (8)");
  command->add_option("--trace", flags->trace, "write a Chrome/Perfetto trace");
  command->add_option("--out", flags->out, "write the timeline");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

// ppplan simulate: a plan or schedule to a Timeline and its bubble report.
#include <fmt/format.h>

#include <memory>

#include "planner/input/input_error.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/report/timeline_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/foreign_schedule.h"
#include "tools/ppplan/page.h"
#include "tools/ppplan/phase.h"
#include "tools/ppplan/simulated.h"
#include "traces/timeline_json.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string plan, schedule, phase = "prefill", trace, html, out;
  std::optional<int> micro_batches;
  StageCostFlags costs;
};

SimulatedPhase simulated(const Flags& flags) {
  if (flags.plan.empty() == flags.schedule.empty())
    throw input::InputError("simulate: expected one of --plan FILE and --schedule FILE");
  if (is_torch_csv(flags.schedule)) return simulate_torch(flags.schedule, flags.costs);
  if (!flags.schedule.empty()) return simulate_schedule(flags.schedule);
  const spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  const cost::Phase phase = parse_phase(flags.phase);
  return simulate_phase(plan, phase, count_of(plan, phase, flags.micro_batches));
}

std::string page(const Flags& flags, const SimulatedPhase& result) {
  const bool planned = !flags.plan.empty();
  return page_of(result, nullptr, planned ? flags.phase + " of " + flags.plan : flags.schedule,
                 {{planned ? "plan" : "schedule", planned ? flags.plan : flags.schedule},
                  {"operations", std::to_string(result.schedule.ops.size())}});
}

input::Json inputs(const Flags& flags) {
  input::Json out = {{"plan", flags.plan}, {"schedule", flags.schedule}, {"phase", flags.phase}};
  if (is_torch_csv(flags.schedule))
    out.update({{"forward", flags.costs.forward},
                {"backward", flags.costs.backward},
                {"weight", flags.costs.weight},
                {"comm", flags.costs.comm}});
  out["assumed"] = input::Json::array();
  return out;
}

void print(const Context& context, const Flags& flags) {
  const SimulatedPhase result = simulated(flags);
  if (!flags.trace.empty()) input::write_text(flags.trace, traces::chrome_trace(result.timeline).dump() + "\n");
  if (!flags.html.empty()) input::write_text(flags.html, page(flags, result));
  if (!flags.out.empty()) input::write_text(flags.out, traces::to_json(result.timeline).dump(1) + "\n");
  if (context.json()) {
    input::Json document = report::to_json(result.report);
    document["inputs"] = inputs(flags);
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
  command->add_option("--schedule", flags->schedule,
                      "a ppplan/schedule/1 document, or PyTorch's schedule CSV (FILE.csv)");
  command->add_option("--phase", flags->phase, "prefill or decode")->capture_default_str();
  command->add_option("--micro-batches", flags->micro_batches, "micro-batches of prefill (4 pp), or decode rounds (8)");
  command->add_option("--trace", flags->trace, "write a Chrome/Perfetto trace");
  command->add_option("--html", flags->html, "write a report to look at in a browser");
  command->add_option("--out", flags->out, "write the timeline");
  add_stage_costs(*command, flags->costs);
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

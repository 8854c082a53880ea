// ppplan explain: a plan's memory and time per stage, where its bubbles come from, and what one layer either way does.
#include <fmt/format.h>

#include <memory>

#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/search/configured.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/inputs.h"
#include "tools/ppplan/memory_text.h"
#include "tools/ppplan/phase.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/simulated.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string plan, phase = "decode";
  std::optional<int> micro_batches;
  std::vector<std::string> profiles;
};

void print(const Context& context, const Flags& flags) {
  const spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  const cost::Phase phase = plan.workload.output_tokens > 1 ? parse_phase(flags.phase) : cost::Phase::prefill;
  const int count = count_of(plan, phase, flags.micro_batches);
  const SimulatedPhase simulated = simulate_phase(plan, phase, count);
  cost::CostBook book = book_from(flags.profiles);
  const std::vector<search::Alternative> alternatives = search::alternatives_to(plan, book);
  if (context.json()) {
    input::Json document{{"format", "ppplan/explain/1"}};
    document["inputs"] = {
        {"plan", flags.plan}, {"phase", name(phase)}, {"micro_batches", count}, {"assumed", plan.assumed}};
    document["plan"] = spec::to_json(plan);
    document["report"] = report::to_json(simulated.report);
    document["alternatives"] = to_json(alternatives);
    return print_json(document);
  }
  print_text(question_text(plan) + "\nmemory per device (GiB)\n" + memory_table(plan) + verdict_text(plan) +
             capacity_text(plan) + "\n" + stage_table(plan) + "\n" + predicted_text(plan));
  print_text(
      fmt::format("\n{} {}\n", count, phase == cost::Phase::decode ? "decode rounds" : "micro-batches of prefill"));
  print_text(report::report_text(simulated.report));
  print_text(neighbours_text(plan) + alternatives_text(alternatives) +
             (plan.launch.command.empty() ? "" : "\n" + launch_text(plan)));
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("explain", "what fills the memory and the time of a plan, stage by stage");
  command->add_option("plan,--plan", flags->plan, "a plan or search document")->required();
  command->add_option("--profile", flags->profiles, "measured costs for the alternatives; repeatable");
  command->add_option("--phase", flags->phase, "prefill or decode")->capture_default_str();
  command->add_option("--micro-batches", flags->micro_batches, "micro-batches of prefill (4 pp), or decode rounds (8)");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

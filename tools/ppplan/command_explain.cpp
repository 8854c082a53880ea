// ppplan explain: a plan's memory and time per stage, where its bubbles come from, and what one layer either way does.
#include <fmt/format.h>

#include <memory>

#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/phase.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/simulated.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string plan, phase = "decode";
  std::optional<int> micro_batches;
};

std::string memory_table(const spec::Plan& plan) {
  std::string out = fmt::format("{:>5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "stage", "budget", "layers",
                                "embedding", "head", "activat.", "graphs", "KV");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto& m = plan.stages[s].memory;
    const auto text = [](std::int64_t bytes) { return bytes_text(static_cast<double>(bytes)); };
    out += fmt::format("{:>5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", s, text(m.budget_bytes),
                       text(m.weights_bytes), text(m.embedding_bytes), text(m.head_bytes), text(m.activation_bytes),
                       text(m.cuda_graph_bytes), text(m.kv_bytes));
  }
  const auto& tight = plan.stages[static_cast<std::size_t>(plan.predicted.limiting_stage)];
  return out + fmt::format("stage {} has the smallest margin: {} (+- {}), {}\n", plan.predicted.limiting_stage,
                           bytes_text(static_cast<double>(tight.memory.margin_bytes)),
                           bytes_text(static_cast<double>(tight.memory.uncertainty_bytes)), spec::name(tight.verdict));
}

void print(const Context& context, const Flags& flags) {
  const spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  const cost::Phase phase = plan.workload.output_tokens > 1 ? parse_phase(flags.phase) : cost::Phase::prefill;
  const int count = count_of(plan, phase, flags.micro_batches);
  const SimulatedPhase simulated = simulate_phase(plan, phase, count);
  if (context.json()) {
    input::Json document{{"format", "ppplan/explain/1"}};
    document["inputs"] = {
        {"plan", flags.plan}, {"phase", name(phase)}, {"micro_batches", count}, {"assumed", plan.assumed}};
    document["plan"] = spec::to_json(plan);
    document["report"] = report::to_json(simulated.report);
    return print_json(document);
  }
  print_text(question_text(plan) + "\nmemory per device\n" + memory_table(plan) + "\n" + stage_table(plan) + "\n" +
             predicted_text(plan));
  print_text(
      fmt::format("\n{} {}\n", count, phase == cost::Phase::decode ? "decode rounds" : "micro-batches of prefill"));
  print_text(report::report_text(simulated.report));
  print_text(neighbours_text(plan) + (plan.launch.command.empty() ? "" : "\n" + launch_text(plan)));
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("explain", "what fills the memory and the time of a plan, stage by stage");
  command->add_option("plan,--plan", flags->plan, "a plan or search document")->required();
  command->add_option("--phase", flags->phase, "prefill or decode")->capture_default_str();
  command->add_option("--micro-batches", flags->micro_batches, "micro-batches of prefill (4 pp), or decode rounds (8)");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

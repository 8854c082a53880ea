// ppplan export: a plan for other engines and frameworks.
#include <memory>

#include "planner/engines/export_plan.h"
#include "planner/input/input_error.h"
#include "planner/schedule/schedule_json.h"
#include "planner/schedule/torch_order.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string plan, to, out;
  bool transfers = false;
};

/// A schedule document says what a plan does not: the backward passes, and the order.
std::string torch_csv(const Flags& flags, const input::Document& document) {
  const schedule::Schedule schedule = schedule::schedule_from_json(document.root());
  schedule::TorchSchedule rows = schedule::torch_schedule(schedule, flags.plan);
  if (flags.transfers) rows = schedule::with_transfers(rows, flags.plan);
  return schedule::torch_to_csv(rows);
}

bool is_schedule(const input::Document& document) {
  const auto format = document.root().find("format");
  return format && format->is_text() && format->text().starts_with("ppplan/schedule/");
}

struct Exported {
  std::string text;
  std::vector<std::string> notes, assumed;
};

Exported exported(const Flags& flags, engines::Export kind) {
  const input::Document document = input::read_document(flags.plan);
  if (is_schedule(document)) {
    if (kind != engines::Export::torch_csv)
      throw input::InputError("--to", "", "torch-csv for a schedule (the others take a plan)", "'" + flags.to + "'");
    return {torch_csv(flags, document), {"durations, devices and receive buffers have no counterpart"}, {}};
  }
  if (flags.transfers) throw input::InputError("--with-transfers", "", "a schedule document", flags.plan);
  const spec::Plan plan = spec::plan_from_json(document.root());
  return {engines::export_plan(plan, kind), engines::export_notes(plan, kind), plan.assumed};
}

void print(const Context& context, const Flags& flags) {
  const auto kind = engines::export_kind(flags.to);
  if (!kind)
    throw input::InputError("--to", "", "one of vllm, sglang, megatron, deepspeed, torch-csv, llama-cpp",
                            "'" + flags.to + "'");
  const auto [text, notes, assumed] = exported(flags, *kind);
  if (!flags.out.empty()) input::write_text(flags.out, text);
  for (const std::string& sentence : notes) note(context, sentence);
  if (context.json())
    return print_json({{"format", "ppplan/export/1"},
                       {"inputs", {{"plan", flags.plan}, {"to", flags.to}, {"assumed", assumed}}},
                       {"text", text},
                       {"notes", notes}});
  if (flags.out.empty()) print_text(text);
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("export", "a plan for other engines and frameworks");
  command->add_option("plan,--plan", flags->plan, "a plan or search document; for torch-csv also a schedule")
      ->required();
  command->add_option("--to", flags->to, "vllm, sglang, megatron, deepspeed, torch-csv or llama-cpp")->required();
  command->add_flag("--with-transfers", flags->transfers, "torch-csv of a schedule: with its SENDs and RECVs");
  command->add_option("--out", flags->out, "write it to a file");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

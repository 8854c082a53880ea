// ppplan export: a plan for other engines and frameworks.
#include <memory>

#include "planner/engines/export_plan.h"
#include "planner/input/input_error.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string plan, to, out;
};

void print(const Context& context, const Flags& flags) {
  const auto kind = engines::export_kind(flags.to);
  if (!kind)
    throw input::InputError("--to", "", "one of vllm, sglang, megatron, deepspeed, torch-csv, llama-cpp",
                            "'" + flags.to + "'");
  const spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  const std::string text = engines::export_plan(plan, *kind);
  const auto notes = engines::export_notes(plan, *kind);
  if (!flags.out.empty()) input::write_text(flags.out, text);
  for (const std::string& sentence : notes) note(context, sentence);
  if (context.json())
    return print_json({{"format", "ppplan/export/1"},
                       {"inputs", {{"plan", flags.plan}, {"to", flags.to}, {"assumed", plan.assumed}}},
                       {"text", text},
                       {"notes", notes}});
  if (flags.out.empty()) print_text(text);
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("export", "a plan for other engines and frameworks");
  command->add_option("plan,--plan", flags->plan, "a plan or search document")->required();
  command->add_option("--to", flags->to, "vllm, sglang, megatron, deepspeed, torch-csv or llama-cpp")->required();
  command->add_option("--out", flags->out, "write it to a file");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

// ppplan check: the verdict on one configuration, where it dies, and what would start instead.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "planner/cost/assess.h"
#include "planner/engines/serve_line.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/search/configured.h"
#include "planner/search/shortage.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/inputs.h"
#include "tools/ppplan/memory_text.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/prefill.h"
#include "tools/ppplan/simulated.h"

namespace ppplan::tools {
namespace {

struct Flags {
  InputFlags input;
  std::string plan;
  std::vector<std::string> line;
};

struct Checked {
  spec::Plan plan;
  std::optional<spec::Plan> mended;  // the same with another partition, when the plan does not fit and that one does
};

/// A stored plan's memory anew, by the rules of this version of ppplan.
Checked check_plan(const std::string& file) {
  spec::Plan plan = spec::plan_from_json(input::read_document(file).root());
  cost::assess_memory(plan);
  plan.warnings.clear();
  if (const std::string shortage = search::shortage_text(plan); !shortage.empty()) plan.warnings.push_back(shortage);
  return {std::move(plan), std::nullopt};
}

Checked check_flags(const CLI::App& command, const Flags& flags) {
  const search::Request request = request_from(command, flags.input);
  cost::CostBook book = book_from(flags.input.profiles);
  Checked out{search::configured_plan(request, book, simulated_predictions), std::nullopt};
  if (out.plan.verdict == spec::Verdict::oom && out.plan.parallel.pp > 1)
    out.mended = search::mended_plan(request, book, simulated_predictions);
  return out;
}

/// A line from another machine may name a folder of that machine.
void refuse_unknown_path(const std::string& model) {
  std::error_code ignored;
  const bool folder = model.starts_with(".") || model.starts_with("/") || model.starts_with("~");
  if (!folder || std::filesystem::exists(model, ignored)) return;
  throw input::InputError("the server's line", "",
                          "a model's id or a folder of this machine (for a folder of another one, name the model "
                          "beside the line: --model ID -- vllm serve ...)",
                          "\"" + model + "\"");
}

/// What a pasted line says, and what of it has no effect here.
void take_line(const Context& context, const CLI::App& command, Flags& flags) {
  const std::string version = engines::version_or_newest(flags.input.vllm);
  const engines::ServeLine line = engines::read_serve_line(flags.line, version);
  for (const std::string& warning : line.warnings) note(context, "warning: " + warning);
  for (const std::string& flag : line.not_modelled) note(context, "not modelled: " + flag);
  prefill(command, told_by(line, flags.input.vllm), flags.input);
  flags.input.server_dtype = server_dtype(line);
  if (flags.input.model == line.model) refuse_unknown_path(line.model);
}

void print(Context& context, const CLI::App& command, Flags& flags) {
  if (!flags.line.empty()) take_line(context, command, flags);
  if (flags.plan.empty() == flags.input.model.empty())
    throw input::InputError("check", "", "either --plan FILE, or --model with its flags, or -- vllm serve ...",
                            flags.plan.empty() ? "neither" : "both");
  const Checked checked = flags.plan.empty() ? check_flags(command, flags) : check_plan(flags.plan);
  context.status = checked.plan.verdict == spec::Verdict::oom ? exit_does_not_fit : exit_done;
  if (context.json()) {
    input::Json document = spec::to_json(checked.plan);
    document["format"] = "ppplan/check/1";
    if (checked.mended) document["mended"] = spec::to_json(*checked.mended);
    return print_json(document);
  }
  print_text(verdict_text(checked.plan) + "\n" + question_text(checked.plan) + "\nmemory per device (GiB)\n" +
             memory_table(checked.plan) + "\n" + capacity_text(checked.plan) + warnings_text(checked.plan));
  if (checked.plan.verdict != spec::Verdict::oom) return print_text("\n" + launch_text(checked.plan));
  if (!checked.mended) return;
  print_text("\nwith another partition it starts:\n" + memory_table(*checked.mended) + "\n" +
             launch_text(*checked.mended));
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("check", "does this configuration start, and where does it die");
  add_input_flags(*command, flags->input, false);
  command->add_option("line", flags->line, "-- vllm serve ...: a server's line as it is");
  command->add_option("--plan", flags->plan, "a plan or search document instead of flags");
  command->callback([flags, command, &context] { print(context, *command, *flags); });
}

}  // namespace ppplan::tools

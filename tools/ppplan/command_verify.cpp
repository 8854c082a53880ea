// ppplan verify: re-reads a document of ours and recomputes its claims.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "planner/input/input_error.h"
#include "planner/verify/torch_claims.h"
#include "planner/verify/verify.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/foreign_schedule.h"

namespace ppplan::tools {
namespace {

struct Flags {
  std::string path;
  std::optional<int> memory_limit;
};

struct Result {
  std::vector<verify::Check> checks;
  std::vector<int> peaks;  // of a foreign schedule: micro-batches that each rank holds
};

Result result_of(const Flags& flags) {
  if (!is_torch_csv(flags.path)) {
    if (flags.memory_limit)
      throw input::InputError("--memory-limit", "", "a schedule of another tool (FILE.csv)", flags.path);
    return {verify::verify(input::read_document(flags.path)), {}};
  }
  const schedule::TorchSchedule rows = schedule::torch_from_csv(input::read_text(flags.path), flags.path);
  return {verify::torch_claims(rows, flags.memory_limit), verify::torch_peaks(rows)};
}

void print(Context& context, const Flags& flags) {
  const std::string& path = flags.path;
  const auto [checks, peaks] = result_of(flags);
  const auto wrong = std::count_if(checks.begin(), checks.end(), [](const verify::Check& c) { return !c.holds; });
  context.status = wrong > 0 ? exit_disagrees : exit_done;
  if (context.json()) {
    input::Json out{{"format", "ppplan/verify/1"},
                    {"inputs", {{"file", path}, {"assumed", input::Json::array()}}},
                    {"holds", wrong == 0},
                    {"checks", input::Json::array()}};
    if (!peaks.empty()) out["peak_micro_batches"] = peaks;
    for (const auto& check : checks)
      out["checks"].push_back({{"claim", check.claim}, {"holds", check.holds}, {"detail", check.detail}});
    return print_json(out);
  }
  for (const auto& check : checks)
    print_text(fmt::format("{}  {}{}\n", check.holds ? "holds" : "FALSE", check.claim,
                           check.detail.empty() ? "" : ": " + check.detail));
  print_text(fmt::format("{} claims recomputed, {} false\n", checks.size(), wrong));
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("verify", "recompute the claims of a document");
  command->add_option("file,--file,--plan", flags->path, "any ppplan document, or PyTorch's schedule CSV (FILE.csv)")
      ->required();
  command->add_option("--memory-limit", flags->memory_limit,
                      "of a CSV: most (stage, micro-batch) pairs that a rank may hold");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools

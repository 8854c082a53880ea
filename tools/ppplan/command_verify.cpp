// ppplan verify: re-reads a document of ours and recomputes its claims.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "planner/verify/verify.h"
#include "tools/ppplan/commands.h"

namespace ppplan::tools {
namespace {

void print(Context& context, const std::string& path) {
  const input::Document document = input::read_document(path);
  const std::vector<verify::Check> checks = verify::verify(document);
  const auto wrong = std::count_if(checks.begin(), checks.end(), [](const verify::Check& c) { return !c.holds; });
  context.status = wrong > 0 ? exit_disagrees : exit_done;
  if (context.json()) {
    input::Json out{{"format", "ppplan/verify/1"},
                    {"inputs", {{"file", path}, {"assumed", input::Json::array()}}},
                    {"holds", wrong == 0},
                    {"checks", input::Json::array()}};
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
  auto path = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("verify", "recompute the claims of a document");
  command->add_option("file,--file,--plan", *path, "any ppplan document")->required();
  command->callback([path, &context] { print(context, *path); });
}

}  // namespace ppplan::tools

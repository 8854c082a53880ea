#include "tools/ppplan/profile_import.h"

#include <memory>

#include "tools/ppplan/profile_text.h"
#include "traces/import/import_profile.h"
#include "traces/profile_json.h"

namespace ppplan::tools {
namespace {

struct ImportFlags {
  std::string from, device, engine, out;
  std::vector<std::string> paths;
};

}  // namespace

void deliver_profile(const Context& context, const traces::Profile& profile, const std::string& out) {
  if (!out.empty()) input::write_text(out, traces::to_text(profile));
  if (context.json()) return print_json(traces::to_json(profile));
  print_text(profile_text(profile));
  if (!out.empty()) note(context, "wrote " + out);
}

void add_profile_import(CLI::App& profile, Context& context) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = profile.add_subcommand("import", "turn measured tables of others into a profile");
  command->add_option("--from", flags->from, "csv, vidur, aiconfigurator or llmservingsim")->required();
  command->add_option("paths", flags->paths, "tables to read")->required();
  command->add_option("--device", flags->device, "catalog name of the device they were measured on")->required();
  command->add_option("--engine", flags->engine, "engine they were measured under, where the tables don't say");
  command->add_option("--out", flags->out, "write the profile");
  command->callback([flags, &context] {
    traces::ImportOptions options;
    options.device = flags->device;
    options.engine = flags->engine;
    Progress progress(context, "fitting");
    deliver_profile(context, traces::import_profile(flags->from, flags->paths, options), flags->out);
  });
}

}  // namespace ppplan::tools

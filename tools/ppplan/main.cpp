// ppplan: reads the command line, runs one subcommand, turns what it throws into an exit status.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "exec/group.h"
#include "planner/catalog/catalog.h"
#include "planner/engines/serve_line.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/context.h"

namespace ppplan::tools {
namespace {

/// `check vllm serve M -tp 2`: a server's own flags end ours only behind "--".
std::string hint(const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  if (end != words.end() || !engines::starts_server(words)) return "";
  return "; put -- before the server's line: ppplan check [flags of ppplan] -- vllm serve ...";
}

int failed(int status, const std::string& sentence) {
  fmt::print(stderr, "ppplan: {}\n", sentence);
  return status;
}

/// "unknown flag --modle (did you mean --model?)", or "" when all flags are known: CLI11 speaks of a flag that is
/// missing before it speaks of one too many.
std::string unknown_flag(const CLI::App& app, const CLI::App& command) {
  const std::vector<std::string> left = app.remaining(true);
  const auto flag = std::ranges::find_if(left, [](const std::string& word) { return word.starts_with("--"); });
  if (flag == left.end() || *flag == "--") return "";
  std::vector<std::string> known;
  for (const CLI::App* one : {&command, &app})
    for (const CLI::Option* option : one->get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  const std::string word = flag->substr(0, flag->find('='));
  const std::string near = input::nearest(word, known);
  return "unknown flag " + word + (near.empty() ? "" : " (did you mean " + near + "?)");
}

/// CLI11's own texts for --help and --version go to standard output; its complaints become one sentence.
int parse_outcome(const CLI::App& app, const CLI::ParseError& error, const std::string& hint) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    app.exit(error);
    return exit_done;
  }
  const CLI::App* command = &app;
  for (const CLI::App* sub : app.get_subcommands()) command = sub;
  const std::string name = command == &app ? "ppplan" : "ppplan " + command->get_name();
  if (!hint.empty()) return failed(exit_bad_input, error.what() + hint);
  const std::string unknown = unknown_flag(app, *command);
  return failed(exit_bad_input, fmt::format("{} (see {} --help)", unknown.empty() ? error.what() : unknown, name));
}

int run(int argc, char** argv) {
  CLI::App app{"Cut a model's layers over several GPUs, predict the pipeline, run it, and compare.", "ppplan"};
  Context context;
  context.command_line.assign(argv, argv + argc);
  app.add_option("--format", context.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_flag("--quiet", context.quiet, "no progress and no notes on standard error");
  app.add_option("--data", context.data_folder,
                 "folder whose models.json, gpus.json and vllm.json replace the embedded ones");
  app.set_version_flag("--version", "ppplan " PPPLAN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.parse_complete_callback([&] {
    if (!context.data_folder.empty()) catalog::set_data_folder(context.data_folder);
  });
  add_commands(app, context);
  try {
    app.parse(argc, argv);
    return context.status;
  } catch (const CLI::ParseError& error) {
    return parse_outcome(app, error, hint({argv + 1, argv + argc}));
  } catch (const input::InputError& error) {
    return failed(exit_bad_input, error.what() + hint({argv + 1, argv + argc}));
  } catch (const exec::GroupError& error) {
    return failed(exit_cut_short, error.what());
  } catch (const Unavailable& error) {
    return failed(exit_unavailable, error.what());
  } catch (const std::exception& error) {
    return failed(exit_failure, fmt::format("unexpected failure: {}", error.what()));
  }
}

}  // namespace
}  // namespace ppplan::tools

int main(int argc, char** argv) { return ppplan::tools::run(argc, argv); }

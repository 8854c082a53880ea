// The subcommands, one file each: every function adds one to the application with its flags and what it does.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/ppplan/context.h"

namespace ppplan::tools {

void add_search(CLI::App& app, Context& context);
void add_check(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_simulate(CLI::App& app, Context& context);
void add_schedule(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_profile(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);

inline void add_commands(CLI::App& app, Context& context) {
  add_search(app, context);
  add_check(app, context);
  add_explain(app, context);
  add_doctor(app, context);
  add_export(app, context);
  add_simulate(app, context);
  add_schedule(app, context);
  add_run(app, context);
  add_profile(app, context);
  add_verify(app, context);
  add_list(app, context);
}

}  // namespace ppplan::tools

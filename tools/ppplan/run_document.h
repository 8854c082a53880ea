// What ppplan run says of an execution: its document, its page and its last lines.
#pragma once

#include <string>

#include "exec/device_memory.h"
#include "planner/input/document.h"
#include "tools/ppplan/executed.h"
#include "tools/ppplan/run_flags.h"

namespace ppplan::tools {

/// ppplan/run/1 of `count` micro-batches or rounds; `holds` where the prediction and the outputs do.
input::Json run_document(const RunFlags& flags, const spec::Plan& plan, const Execution& execution, int count,
                         bool holds);
/// Of a run that did not begin.
input::Json too_large_document(const RunFlags& flags, const spec::Plan& plan, const exec::StagesTooLarge& error);
/// Whether it passed, whether outputs are those of one device, and how its times are scaled.
std::string verdict_line(const RunFlags& flags, const Execution& execution, bool holds);
/// HTML.
std::string run_page(const RunFlags& flags, const spec::Plan& plan, const Execution& execution, int count);

}  // namespace ppplan::tools

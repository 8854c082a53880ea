// Timelines as documents: `ppplan/timeline/1`, and the Chrome/Perfetto trace-event format.
#pragma once

#include "planner/input/document.h"
#include "traces/timeline.h"

namespace ppplan::traces {

input::Json to_json(const Timeline& timeline);
/// Throws InputError.
Timeline timeline_from_json(const input::Node& node);

/// Trace events: one process row per device with threads compute, send and recv; complete events in microseconds, coloured by
/// micro-batch; flow arrows from each Send to its Recv. Opens in chrome://tracing and ui.perfetto.dev.
input::Json chrome_trace(const Timeline& timeline);

}  // namespace ppplan::traces

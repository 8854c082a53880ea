// The data of a page of html_page.h, as its scripts read it.
#pragma once

#include "planner/input/document.h"
#include "planner/report/html_page.h"

namespace ppplan::report {

/// {title, tick_s, kinds, bound{...}, sides[{name, origin, makespan_s, ..., devices, spans, critical, memory,
/// stages}]}, the predicted side first. Times of `spans` and `memory` are whole ticks of `tick_s` seconds, each as its
/// difference to the one before, which keeps a page of hundreds of thousands of spans small. Spans are columns {device,
/// kind, stage, chunk, micro_batch, replica, start, length, bytes} of `count` values, or one number where all are
/// equal; kinds are indices into `kinds`. Memory is a list of (tick, micro-batches, bytes) per device, `critical`
/// indices of spans.
input::Json page_data(const PageContent& content);

}  // namespace ppplan::report

// A timeline as a drawing for the terminal: time from left to right, a row per device, a character per slice of time.
#pragma once

#include <cstddef>
#include <string>

#include "traces/timeline.h"

namespace ppplan::report {

struct DrawingSize {
  std::size_t columns = 80;
  std::size_t rows = 24;  // devices drawn; of more, the first and the last ones, with a line that counts the others
};

/// A slice shows the compute that fills most of it, by micro-batch: 0-9, a-z, and round again; '.' where the device is
/// idle for more than half of it. Where there are backward passes: forward 0-9, backward (or its input gradient) a-j,
/// weight gradient A-J. '*' is any other compute. Below the rows stand a scale and the meaning of the characters. Plain
/// ASCII; no line is longer than `columns` (at least 40).
std::string timeline_text(const traces::Timeline& timeline, const DrawingSize& size = {});

}  // namespace ppplan::report

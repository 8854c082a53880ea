// What happened, or was predicted to: one span per operation and device. The simulator and the executor both fill it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "traces/op_key.h"

namespace ppplan::traces {

/// One operation on one device, from the moment it really starts to its end; seconds since the start of the run.
/// A transfer has two spans of equal times: its Send on the sender, its Recv on the receiver.
struct Span {
  int device = 0;
  OpKey key;
  double start_s = 0;
  double end_s = 0;
  std::int64_t bytes = 0;  // of a transfer
  bool operator==(const Span&) const = default;
};

struct Timeline {
  std::string origin;                // "simulated", "measured on the host backend", ...
  std::vector<std::string> devices;  // names, by device index
  std::vector<Span> spans;           // by start, then device
  bool operator==(const Timeline&) const = default;
};

/// Latest end of any span; 0 of an empty timeline.
double makespan_s(const Timeline& timeline);

/// Sorts spans by start, then device, then key: the order that documents are written in.
void sort_spans(Timeline& timeline);

}  // namespace ppplan::traces

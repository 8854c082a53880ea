// How fast cores are just now: the processor time of one fixed piece of work.
//
// Cores that share silicon with others (SMT siblings, other virtual machines, a power limit) change their speed for
// seconds or minutes, each for itself: one of two was seen 15 % slower for half a minute while the other kept its
// speed. A profile therefore notes the yardstick of the cores that it was measured on, taken between its operations,
// and a run holds the yardstick between its own operations against that. The work is what fills most of a layer, a
// matrix product that stays in cache: [64, 256] by the transpose of [512, 256]. Over minutes on such a machine, a
// layer's time spread by 33 % and its ratio to this by 15 %.
#pragma once

#include "kernels/host/buffer.h"

namespace ppplan::exec {

/// Not for use by two threads at once.
class Yardstick {
 public:
  Yardstick();
  /// Processor time of the calling thread for one product, after one that is not counted: a millisecond for both, short
  /// enough to look between two operations. It is longer while other cores fetch from memory, as operations are: means
  /// of glances compare only when they were taken amid the same kind of work.
  double glance_s();

 private:
  kernels::host::Buffer in_, weight_, out_;
};

/// A glance at the yardstick while a run went on.
struct SpeedSample {
  double yardstick_s = 0;
  int others = 0;  // other cores of the run that computed meanwhile
};

/// What some work took. The processor time leaves out what other threads took of the core meanwhile; on a quiet machine
/// the two are equal.
struct RunTime {
  double processor_s = 0;
  double wall_s = 0;
  RunTime& operator+=(const RunTime& other);
  RunTime operator-(const RunTime& other) const;
  /// Of the core's time, what went to others.
  double share_of_others() const;
};

/// Both clocks of the calling thread; only differences mean something.
RunTime thread_time();

}  // namespace ppplan::exec

// What some work took of its core.
#pragma once

namespace ppplan::exec {

/// The processor time leaves out what other threads took of the core meanwhile; on a quiet machine the two are equal.
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

#include "exec/run_time.h"

#include <time.h>

#include <algorithm>

namespace ppplan::exec {

namespace {

double seconds_on(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

RunTime& RunTime::operator+=(const RunTime& other) {
  processor_s += other.processor_s;
  wall_s += other.wall_s;
  return *this;
}

RunTime RunTime::operator-(const RunTime& other) const {
  return {processor_s - other.processor_s, wall_s - other.wall_s};
}

double RunTime::share_of_others() const { return wall_s > 0 ? std::max(0.0, 1 - processor_s / wall_s) : 0; }

RunTime thread_time() { return {seconds_on(CLOCK_THREAD_CPUTIME_ID), seconds_on(CLOCK_MONOTONIC)}; }

}  // namespace ppplan::exec

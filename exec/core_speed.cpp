#include "exec/core_speed.h"

#include <time.h>

#include <algorithm>

#include "exec/seeded_values.h"
#include "kernels/host/operations.h"

namespace ppplan::exec {

namespace {

constexpr int kRows = 64;
constexpr int kInputs = 256;
constexpr int kOutputs = 512;

double seconds_on(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

Yardstick::Yardstick() : in_(kRows * kInputs), weight_(kOutputs * kInputs), out_(kRows * kOutputs) {
  fill_uniform(in_.data(), in_.size(), stream(0, {0}), 0.0f, 1.0f);
  fill_uniform(weight_.data(), weight_.size(), stream(0, {1}), 0.0f, 1.0f);
}

double Yardstick::glance_s() {
  const auto product_s = [this] {
    const RunTime start = thread_time();
    kernels::host::operations().linear(in_.data(), weight_.data(), nullptr, kRows, kInputs, kOutputs, out_.data());
    return (thread_time() - start).processor_s;
  };
  product_s();
  return product_s();
}

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

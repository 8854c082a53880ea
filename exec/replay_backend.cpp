#include "exec/replay_backend.h"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

namespace ppplan::exec {

namespace {

timespec later(timespec time, double seconds) {
  constexpr double kNanoseconds = 1e9;
  const double whole = std::floor(seconds);
  time.tv_sec += static_cast<time_t>(whole);
  time.tv_nsec += static_cast<long>((seconds - whole) * kNanoseconds);
  if (time.tv_nsec >= 1000000000L) {
    time.tv_nsec -= 1000000000L;
    ++time.tv_sec;
  }
  return time;
}

// An absolute deadline counted from now, so that a signal does not lengthen the wait.
void wait(double seconds) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const timespec deadline = later(now, seconds);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace

ReplayBackend::ReplayBackend(std::vector<double> duration_s, double scale)
    : duration_s_(std::move(duration_s)), scale_(scale) {}

void ReplayBackend::enter_lane(int, const schedule::Lane&) {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // the default lets every timer fire 50 us late
  // A lane sleeps nearly all the time, so it may go before everything that computes: on a busy machine its wake-ups
  // would come late otherwise. Without the right to do so the lanes stay as they are.
  const sched_param lowest{.sched_priority = sched_get_priority_min(SCHED_RR)};
  sched_setscheduler(0, SCHED_RR, &lowest);
}

void ReplayBackend::compute(schedule::OpId id, const schedule::Op&) {
  wait(scale_ * duration_s_.at(static_cast<std::size_t>(id)));
}

void ReplayBackend::transfer(schedule::OpId send_id, const schedule::Op&, const schedule::Op&, int) {
  wait(scale_ * duration_s_.at(static_cast<std::size_t>(send_id)));
}

double relative_scale(const std::vector<double>& duration_s, double median_s) {
  std::vector<double> positive;
  std::copy_if(duration_s.begin(), duration_s.end(), std::back_inserter(positive), [](double s) { return s > 0; });
  if (positive.empty()) return 1;
  const auto middle = positive.begin() + static_cast<std::ptrdiff_t>(positive.size() / 2);
  std::nth_element(positive.begin(), middle, positive.end());
  return median_s / *middle;
}

double replay_scale(const std::vector<double>& duration_s, double amid_s) {
  std::vector<double> longest_first = duration_s;
  std::ranges::sort(longest_first, std::greater{});
  const double half = 0.5 * std::accumulate(longest_first.begin(), longest_first.end(), 0.0);
  double spent = 0;
  for (const double duration : longest_first)
    if ((spent += duration) >= half && duration > 0) return std::max(1.0, amid_s / duration);
  return 1;
}

}  // namespace ppplan::exec

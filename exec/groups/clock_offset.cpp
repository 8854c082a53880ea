#include "exec/groups/clock_offset.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <thread>

namespace ppplan::exec::groups {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr int kRoundTrips = 16;
constexpr nanoseconds kLead = std::chrono::milliseconds(20);

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}
template <typename T>
std::span<std::byte> bytes_into(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::int64_t now() { return nanoseconds(Clock::now().time_since_epoch()).count(); }

// Drawn anew at every start of a kernel; network namespaces and containers of it share the clock.
std::array<char, 36> boot_id() {
  std::array<char, 36> out{};
  std::ifstream("/proc/sys/kernel/random/boot_id").read(out.data(), out.size());
  return out;
}

bool one_kernel(Group& group) {
  const auto own = boot_id();
  std::vector<std::byte> all(own.size() * static_cast<std::size_t>(group.size()));
  group.all_gather(bytes_of(own), all);
  const auto mine = bytes_of(own);
  for (std::size_t r = 0; r < static_cast<std::size_t>(group.size()); ++r)
    if (!std::equal(mine.begin(), mine.end(), all.begin() + static_cast<std::ptrdiff_t>(r * own.size()))) return false;
  return own.front() != 0;
}

// On rank 0: what its clock reads more than the peer's.
std::int64_t ask(Group& group, int peer) {
  std::int64_t best_trip = 0, ahead = 0;
  for (int i = 0; i < kRoundTrips; ++i) {
    std::int64_t theirs = 0;
    const std::int64_t before = now();
    send(group, bytes_of(before), peer);
    recv(group, bytes_into(theirs), peer);
    const std::int64_t trip = now() - before;
    if (i > 0 && trip >= best_trip) continue;
    best_trip = trip;
    ahead = before + trip / 2 - theirs;
  }
  return ahead;
}

void answer(Group& group) {
  for (int i = 0; i < kRoundTrips; ++i) {
    std::int64_t asked = 0;
    recv(group, bytes_into(asked), 0);
    const std::int64_t own = now();
    send(group, bytes_of(own), 0);
  }
}

}  // namespace

nanoseconds ahead_of_own(Group& group) {
  if (one_kernel(group)) return nanoseconds(0);
  std::int64_t ahead = 0;
  for (int peer = 1; peer < group.size(); ++peer) {
    if (group.rank() == 0) {
      const std::int64_t of_peer = ask(group, peer);
      send(group, bytes_of(of_peer), peer);
    } else if (group.rank() == peer) {
      answer(group);
      recv(group, bytes_into(ahead), 0);
    }
  }
  return nanoseconds(ahead);
}

Clock::time_point agreed_start(Group& group, nanoseconds ahead) {
  const std::int64_t before = now();
  group.barrier();
  // Long enough for the message below to reach all, as the barrier's did.
  std::int64_t start = now() + kLead.count() + 2 * (now() - before);
  if (group.rank() != 0) start = 0;
  group.broadcast(bytes_into(start), 0);
  const Clock::time_point own{std::chrono::duration_cast<Clock::duration>(nanoseconds(start) - ahead)};
  std::this_thread::sleep_until(own);
  return own;
}

}  // namespace ppplan::exec::groups

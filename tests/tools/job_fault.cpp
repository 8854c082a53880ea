#include "tests/tools/job_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using testing::HasSubstr;

constexpr int kRepeats = 4;

/// A plan of so many stages, made once.
const std::string& plan_of(int stages) {
  static std::map<int, std::string> plans;
  std::string& path = plans[stages];
  if (!path.empty()) return path;
  path = scratch("plan" + std::to_string(stages) + ".json");
  const std::string n = std::to_string(stages);
  const Outcome outcome =
      ppplan("search --model llama8b --gpus " + n + " --tp 1 --dp 1 --pp " + n + " --top 1 --out " + path);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return path;
}

}  // namespace

std::vector<std::string> replay(int stages, int repeats, const std::string& heartbeat_s) {
  return {"run",
          "--plan",
          plan_of(stages),
          "--backend",
          "tcp",
          "--compute",
          "replay",
          "--repeats",
          std::to_string(repeats),
          "--micro-batches",
          "4",
          "--tolerance",
          "100",
          "--heartbeat",
          heartbeat_s};
}

namespace {

/// A rank that has no connection yet is waited for until it has one.
bool done(const FaultyRun& run, pid_t rank) {
  while (!do_fault(run.fault, rank, run.seed)) {
    if (!is_alive(rank)) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

double timed_s(int stages) {
  Job job(replay(stages, kRepeats, "1"));
  job.ranks(stages);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(job.ended(patience_s), 0) << job.err();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

double undisturbed_s(int stages) {
  static std::map<int, double> known;
  if (!known.contains(stages)) known[stages] = timed_s(stages);
  return known[stages];
}

Ending run_with(const FaultyRun& run, double limit_s) {
  Job job(replay(run.stages, kRepeats, run.heartbeat_s));
  const std::vector<pid_t> ranks = job.ranks(run.stages);
  Ending out;
  std::this_thread::sleep_for(std::chrono::duration<double>(run.after_s));
  const auto target = static_cast<std::size_t>(run.rank);
  if (target < ranks.size()) out.fault_was_done = done(run, ranks[target]);
  out.status = job.ended(limit_s);
  out.err = job.err();
  out.left = static_cast<int>(std::count_if(ranks.begin(), ranks.end(), is_alive));
  return out;
}

namespace {

/// A lost connection has two ends, and either may be named.
void expect_named(const FaultyRun& run, const Ending& ending) {
  const std::string name = run.fault == Fault::drop_socket ? "rank " : "rank " + std::to_string(run.rank);
  EXPECT_THAT(ending.err, HasSubstr(name));
  std::istringstream lines(ending.err);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("[")) {
      EXPECT_THAT(line, HasSubstr(name));
    }
}

}  // namespace

void expect_clean(const FaultyRun& run, const Ending& ending) {
  ASSERT_TRUE(ending.status) << "it hangs";
  EXPECT_EQ(ending.left, 0) << "processes are left";
  if (!ending.fault_was_done) return;
  // A rank that had done its part when the fault came is not missed.
  EXPECT_THAT(*ending.status, testing::AnyOf(0, 6)) << ending.err;
  if (*ending.status == 6) expect_named(run, ending);
}

}  // namespace ppplan::tests

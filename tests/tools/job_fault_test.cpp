// A run over ranks of which one is killed, stopped or loses a connection at any point always ends: every rank, with the
// status of a run that was cut short and a message that names the rank.
#include "tests/tools/job_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

namespace ppplan::tests {
namespace {

using testing::HasSubstr;

TEST(Job, EndsWellWithoutAFault) {
  Job job(replay(3, 2, "1"));
  EXPECT_EQ(job.ended(patience_s), 0) << job.err();
  EXPECT_THAT(job.out(), HasSubstr("PASS"));
  EXPECT_EQ(job.err(), "");
}

TEST(Job, EndsForEveryFaultOfEveryKind) {
  int done = 0;
  for (const Fault fault : {Fault::kill, Fault::stop, Fault::drop_socket}) {
    if (fault == Fault::drop_socket && !may_drop_sockets()) continue;
    for (const int rank : {0, 1}) {
      const FaultyRun run{fault, 2, rank, 0.2 * ++done, 7, "0.5"};
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + ", rank " + std::to_string(rank));
      expect_clean(run, run_with(run, patience_s));
    }
  }
}

TEST(Job, RanksDieWithTheirLauncher) {
  Job job(replay(2, 1000, "1"));
  const std::vector<pid_t> ranks = job.ranks(2);
  ASSERT_EQ(ranks.size(), 2U);
  kill(job.process(), SIGKILL);
  EXPECT_EQ(job.ended(patience_s), 128 + SIGKILL);
  const auto alive = [&] { return std::any_of(ranks.begin(), ranks.end(), is_alive); };
  for (int i = 0; i < 1000 && alive(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(alive());
}

TEST(Job, AnInterruptEndsAllRanks) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Job job(replay(2, 1000, "1"));
    const std::vector<pid_t> ranks = job.ranks(2);
    kill(job.process(), signal);
    EXPECT_EQ(job.ended(patience_s), 128 + signal);
    EXPECT_EQ(std::count_if(ranks.begin(), ranks.end(), is_alive), 0);
  }
}

/// Two ranks that no launcher of ours started.
std::map<std::string, std::string> torchrun(int rank, const std::string& port) {
  return {{"RANK", std::to_string(rank)}, {"LOCAL_RANK", std::to_string(rank)}, {"WORLD_SIZE", "2"},
          {"LOCAL_WORLD_SIZE", "2"},      {"MASTER_ADDR", "127.0.0.1"},         {"MASTER_PORT", port}};
}

std::string some_port() { return std::to_string(20000 + getpid() % 10000); }

TEST(Job, RanksOfTorchrunAreOneRunAndRank0AloneSpeaks) {
  const std::string port = some_port();
  Job first(replay(2, 1, "1"), torchrun(0, port));
  Job second(replay(2, 1, "1"), torchrun(1, port));
  EXPECT_EQ(first.ended(patience_s), 0) << first.err();
  EXPECT_EQ(second.ended(patience_s), 0) << second.err();
  EXPECT_THAT(first.out(), HasSubstr("PASS"));
  EXPECT_EQ(second.out(), "");
}

TEST(Job, RanksThatRunDifferentThingsSayWhoDiffers) {
  const std::string port = some_port();
  Job first(replay(2, 1, "1"), torchrun(0, port));
  Job second(replay(2, 2, "1"), torchrun(1, port));
  EXPECT_EQ(first.ended(patience_s), 6);
  EXPECT_EQ(second.ended(patience_s), 6);
  for (const Job* job : {&first, &second})
    EXPECT_THAT(job->err(), HasSubstr("rank 1 has another plan or other settings than rank 0"));
}

}  // namespace
}  // namespace ppplan::tests

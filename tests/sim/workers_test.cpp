#include "sim/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace ppplan::sim {
namespace {

std::vector<std::string> numbered(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < count; ++k) names.push_back("job " + std::to_string(k));
  return names;
}

std::size_t open_files() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Neither a process nor a pipe is left behind.
void expect_nothing_left(std::size_t files_before) {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(open_files(), files_before);
}

void expect_failure(std::size_t count, const std::function<std::string(std::size_t)>& job, const std::string& message) {
  const std::size_t files = open_files();
  try {
    run_in_workers(numbered(count), 3, job);
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(message));
  }
  expect_nothing_left(files);
}

TEST(Workers, ReturnResultsInOrderWhateverRunsTogether) {
  const std::size_t files = open_files();
  for (const std::size_t at_a_time : {0u, 1u, 3u, 50u}) {
    const auto results = run_in_workers(numbered(20), at_a_time, [](std::size_t k) { return std::to_string(k * k); });
    ASSERT_EQ(results.size(), 20u);
    for (std::size_t k = 0; k < 20; ++k) EXPECT_EQ(results[k], std::to_string(k * k));
  }
  expect_nothing_left(files);
}

TEST(Workers, DoNothingForNoJobs) {
  EXPECT_TRUE(run_in_workers({}, 4, [](std::size_t) -> std::string { throw std::logic_error("called"); }).empty());
}

TEST(Workers, CarryMoreThanAPipeHolds) {
  const auto bytes = [](std::size_t k) { return std::string(3'000'000 + k, static_cast<char>(k)); };
  const auto results = run_in_workers(numbered(4), 2, bytes);
  for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(results[k], bytes(k));
}

TEST(Workers, CarryEmptyAndBinaryResults) {
  const std::string binary("\0\xff\n\0", 4);
  const auto results = run_in_workers(numbered(2), 2, [&](std::size_t k) { return k == 0 ? "" : binary; });
  EXPECT_EQ(results[0], "");
  EXPECT_EQ(results[1], binary);
}

TEST(Workers, RunInProcessesOfTheirOwn) {
  int state = 0;
  const auto results = run_in_workers(numbered(3), 1, [&](std::size_t) { return std::to_string(++state); });
  EXPECT_EQ(results, (std::vector<std::string>{"1", "1", "1"}));
  EXPECT_EQ(state, 0);
}

TEST(Workers, WriteNothingOfTheCallersOutput) {
  testing::internal::CaptureStdout();
  std::printf("once");  // stays in the buffer that the workers inherit
  run_in_workers(numbered(2), 2, [](std::size_t) {
    std::fflush(nullptr);
    return std::string();
  });
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "once");
}

TEST(Workers, PassOnWhatAJobThrows) {
  expect_failure(
      6,
      [](std::size_t k) -> std::string {
        if (k == 4) throw std::invalid_argument("no such link");
        return "fine";
      },
      "job 4: no such link");
}

TEST(Workers, NameTheJobWhoseProcessWasKilled) {
  expect_failure(
      6,
      [](std::size_t k) {
        if (k == 2) raise(SIGKILL);
        return std::string("fine");
      },
      "job 2: its process was ended by signal 9");
}

TEST(Workers, NameTheJobWhoseProcessLeft) {
  expect_failure(
      6,
      [](std::size_t k) {
        if (k == 5) _exit(7);
        return std::string("fine");
      },
      "job 5: its process ended with status 7");
}

TEST(Workers, TakeNoHalfResultForAWholeOne) {
  expect_failure(
      1, [](std::size_t) -> std::string { _exit(0); }, "job 0: its process ended with status 0");
}

TEST(Workers, EndTheOthersWhenOneFails) {
  // The others would wait for a signal for ever.
  expect_failure(
      3,
      [](std::size_t k) -> std::string {
        if (k == 1) throw std::runtime_error("first to fail");
        while (true) pause();
      },
      "job 1: first to fail");
}

TEST(Workers, WorkWhereSigpipeIsIgnored) {
  const auto before = signal(SIGPIPE, SIG_IGN);
  expect_failure(
      3,
      [](std::size_t k) {
        if (k == 0) throw std::runtime_error("early");
        return std::string(5'000'000, 'x');  // still writing when the reader goes away
      },
      "job 0: early");
  signal(SIGPIPE, before);
}

TEST(Workers, ThereIsAProcessor) { EXPECT_GE(processor_count(), 1u); }

}  // namespace
}  // namespace ppplan::sim

#include "planner/engines/log_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace ppplan::engines {
namespace {

TEST(LogLines, EndAtAnyKindOfLineEnd) {
  LogLines lines("one\r\ntwo\rthree\nfour");
  std::vector<std::pair<std::string, std::int64_t>> found;
  while (const auto line = lines.next()) found.emplace_back(std::string(*line), lines.number());
  EXPECT_EQ(found,
            (std::vector<std::pair<std::string, std::int64_t>>{{"one", 1}, {"two", 2}, {"three", 2}, {"four", 3}}));
}

TEST(LogLines, LoseTheirColours) {
  LogLines lines("\x1b[1;36m(Worker_PP1 pid=4)\x1b[0;0m INFO\x1b\n");
  EXPECT_EQ(lines.next(), "(Worker_PP1 pid=4) INFO");
}

TEST(LogLines, AreCutWhenTheyAreLong) {
  const std::string text = std::string(1 << 20, 'x') + "\ny";
  LogLines lines(text);
  EXPECT_EQ(lines.next()->size(), LogLines::longest_line);
  EXPECT_EQ(lines.next(), "y");
}

TEST(LogProcess, IsTheInnermostOne) {
  const auto found = process_of("(EngineCore_DP0 pid=46071) (RayWorkerWrapper pid=33834, ip=10.214.117.111) INFO ");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->label, "RayWorkerWrapper");
  EXPECT_EQ(found->pid, 33834);
  EXPECT_TRUE(found->worker);
  EXPECT_FALSE(found->stage);
}

TEST(LogProcess, TellsItsRanks) {
  const auto named = process_of("x (Worker_DP1_PP2_PCP5_TP3_EP7 pid=1) ");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->stage, 2);
  EXPECT_EQ(named->tp_rank, 3);
  EXPECT_EQ(named->replica, 1);
  EXPECT_EQ(process_of("(VllmWorker rank=7 pid=10948) ERROR")->rank, 7);
  EXPECT_EQ(process_of("[rank3]:     raise")->rank, 3);
  EXPECT_EQ(process_of("[Worker_TP3 pid=540] DEBUG")->tp_rank, 3);
  EXPECT_FALSE(process_of("INFO 05-12 10:00:00 [gpu_worker.py:276] "));
  EXPECT_FALSE(process_of("(Worker_PP1 pid=4"));
}

}  // namespace
}  // namespace ppplan::engines

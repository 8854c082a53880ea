#include "planner/engines/line_graphs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LineGraphs graphs(const std::string& flags, const std::string& version) {
  return graphs_of_line(read_serve_line("vllm serve org/model " + flags, version), version);
}

TEST(LineGraphs, AreTheServersOwnWhereTheLineSaysNothing) {
  const LineGraphs own = graphs("", "0.12");
  EXPECT_THAT(own.sizes, IsEmpty());
  EXPECT_FALSE(own.largest);
  EXPECT_EQ(own.mode, "");
}

TEST(LineGraphs, TakeSizesInAnyOrder) {
  EXPECT_THAT(graphs("--cudagraph-capture-sizes 8 1 4 8", "0.12").sizes, ElementsAre(1, 4, 8));
  EXPECT_THAT(graphs(R"(-cc '{"cudagraph_capture_sizes": [16, 2]}')", "0.9").sizes, ElementsAre(2, 16));
  EXPECT_THAT(graphs("--cuda-graph-sizes 1 32", "0.9").sizes, ElementsAre(1, 32));
}

TEST(LineGraphs, TakeTheLargestAlone) {
  EXPECT_EQ(graphs("--cuda-graph-sizes 64", "0.9").largest, 64);
  EXPECT_EQ(graphs("--max-cudagraph-capture-size 64", "0.12").largest, 64);
  EXPECT_EQ(graphs(R"(-cc '{"max_cudagraph_capture_size": 48}')", "0.12").largest, 48);
}

TEST(LineGraphs, FollowWhatALevelMeansInItsRelease) {
  for (const char* level : {"-O0", "-O1", "-O2", "-O.level=0"}) EXPECT_EQ(graphs(level, "0.9").mode, "NONE") << level;
  EXPECT_EQ(graphs("-O3", "0.9").mode, "");
  EXPECT_EQ(graphs("-O0", "0.12").mode, "NONE");
  EXPECT_EQ(graphs("-O1", "0.12").mode, "PIECEWISE");
  EXPECT_EQ(graphs("-O2", "0.12").mode, "");
  EXPECT_EQ(graphs("--optimization-level 0", "0.13").mode, "NONE");
  EXPECT_EQ(graphs("-O0", "0.7").mode, "");  // engine V0
}

TEST(LineGraphs, TakeTheModeOfTheConfig) {
  EXPECT_EQ(graphs(R"(-cc '{"cudagraph_mode": "piecewise"}')", "0.12").mode, "PIECEWISE");
  EXPECT_EQ(graphs(R"(-cc '{"mode": "NONE"}')", "0.12").mode, "NONE");
  EXPECT_EQ(graphs(R"(-cc '{"mode": 0, "cudagraph_mode": "FULL"}')", "0.12").mode, "FULL");
  EXPECT_EQ(graphs(R"(-cc '{"use_cudagraph": false}')", "0.9").mode, "NONE");
}

TEST(LineGraphs, AreTheConfigsWhereALevelWouldHaveThemOtherwise) {
  for (const char* level : {"-O0", "--optimization-level 0"})
    EXPECT_EQ(graphs(std::string("-cc.cudagraph_mode=FULL ") + level, "0.13").mode, "FULL") << level;
  EXPECT_EQ(graphs("-O0 -cc.cudagraph_capture_sizes=[1,2]", "0.13").mode, "NONE");
}

TEST(LineGraphs, LeaveWhatTheyDoNotKnowToTheServer) {
  for (const char* flags :
       {R"(-cc '{"cudagraph_mode": 7}')", R"(-cc '{"cudagraph_capture_sizes": "all"}')", "-cc words",
        R"(-cc '{"cudagraph_capture_sizes": [0, -1, 1e9]}')", "--cuda-graph-sizes none"}) {
    const LineGraphs own = graphs(flags, "0.10");
    EXPECT_THAT(own.sizes, IsEmpty()) << flags;
    EXPECT_EQ(own.mode, "") << flags;
    EXPECT_FALSE(own.largest) << flags;
  }
  EXPECT_THROW(graphs_of_line({}, "newest"), input::InputError);
}

// 1, 2, 4, then eights up to 256 and sixteens from there since 0.12: 3 + 31 + 17 = 51 up to 512.
TEST(LineGraphs, StepAsTheReleaseDoes) {
  EXPECT_THAT(captured_batches(24, "0.12"), ElementsAre(1, 2, 4, 8, 16, 24));
  EXPECT_EQ(captured_batches(512, "0.12").size(), 51u);
  EXPECT_EQ(captured_batches(512, "0.11").size(), 67u);
  EXPECT_EQ(captured_batches(512, "0.12").back(), 512);
}

}  // namespace
}  // namespace ppplan::engines

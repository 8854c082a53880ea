// How fast cores are is the machine's business; here is what may be relied on.
#include "exec/core_speed.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "exec/cores.h"
#include "planner/input/input_error.h"

namespace ppplan::tests {
namespace {

TEST(Yardsticks, ArePositiveOnEveryCoreTogetherAndAlone) {
  const std::vector<int> cores = exec::allowed_cores();
  exec::Yardsticks yardsticks(cores);
  const std::vector<double> speeds = yardsticks.per_second();
  ASSERT_EQ(speeds.size(), cores.size());
  for (const double speed : speeds) EXPECT_GT(speed, 0);
  EXPECT_GT(yardsticks.alone_per_second(cores.size() - 1), 0);
}

TEST(Yardsticks, RefuseACoreThatIsNotThere) { EXPECT_THROW(exec::Yardsticks({-1}), input::InputError); }

TEST(CoreSpeed, RefusesACoreThatIsNotThere) {
  EXPECT_THROW(exec::on_cores({-1}, [](std::size_t) {}), input::InputError);
}

TEST(RunTime, SharesWhatTheProcessorDidNotDo) {
  exec::RunTime sum{3, 4};
  sum += {1, 1};
  EXPECT_DOUBLE_EQ(sum.share_of_others(), 0.2);                           // 4 of 5 s
  EXPECT_DOUBLE_EQ((sum - exec::RunTime{1, 1}).share_of_others(), 0.25);  // 3 of 4 s
  EXPECT_DOUBLE_EQ((exec::RunTime{2, 1.9}).share_of_others(), 0);         // clocks of different grain
  EXPECT_DOUBLE_EQ(exec::RunTime{}.share_of_others(), 0);
}

TEST(OnCores, RunsEveryIndexAndPassesOnWhatFailed) {
  const std::vector<int> cores(3, exec::allowed_cores().front());
  std::vector<int> ran(3, 0);
  exec::on_cores(cores, [&](std::size_t index) { ran[index] += 1; });
  EXPECT_EQ(ran, (std::vector<int>{1, 1, 1}));
  const auto fail = [](std::size_t index) {
    if (index == 1) throw std::runtime_error("second");
  };
  EXPECT_THROW(exec::on_cores(cores, fail), std::runtime_error);
}

}  // namespace
}  // namespace ppplan::tests

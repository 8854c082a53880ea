// PyTorch's schedule CSV: what is written is read back, what is wrong is told with its place.
#include "planner/schedule/torch_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/torch_order.h"
#include "planner/schedule/training_schedule.h"

namespace ppplan::schedule {
namespace {

std::string error_of(const std::string& text) {
  try {
    torch_from_csv(text, "rows.csv");
  } catch (const input::InputError& error) {
    return error.what();
  }
  return "";
}

/// Every named order that has one pipe, over 4 ranks.
std::vector<TrainingOrder> orders() {
  std::vector<TrainingOrder> out;
  for (const std::string& name : order_names()) {
    const bool v = name == "zbv-torch" || name == "dualpipev";
    if (name == "dualpipe") continue;
    const bool loops = name == "interleaved" || name == "looped-bfs" || name == "group-interleaved";
    out.push_back(named_order({name, 4, 8, v || loops ? 2 : 1, 0}));
  }
  return out;
}

Schedule schedule_of(const TrainingOrder& order) {
  return training_schedule(order, uniform_costs(static_cast<int>(order.rank_of.size()), {1, 1, 1, 0.1, 1}));
}

TEST(TorchCsv, ReadsEveryKindOfActionAndWritesItBack) {
  // Two stages on two ranks; quotes and blanks around cells are let go.
  const std::string text =
      "0UNSHARD,0F0,0SEND_F0,,0F1,0SEND_F1,0RECV_B0,0I0,0W0,0RECV_B1,0B1,0REDUCE_GRAD,0RESHARD\n"
      "1RECV_F0,1F0,1RECV_F1,(1F1;1B0)OVERLAP_F_B,1SEND_B0,1B1,1SEND_B1\n";
  EXPECT_EQ(torch_to_csv(torch_from_csv(text, "rows.csv")), text);
  EXPECT_EQ(torch_to_csv(torch_from_csv(" 0F0 ,\"0B0\"\r\n", "rows.csv")), "0F0,0B0\n");
}

TEST(TorchCsv, SaysRowAndColumnOfWhatIsWrong) {
  using testing::HasSubstr;
  EXPECT_THAT(error_of("0F0,0X0\n"), HasSubstr("rows.csv: row 1, column 2: expected an action"));
  EXPECT_THAT(error_of("0F0,0B\n"), HasSubstr("column 2"));
  EXPECT_THAT(error_of("0F0,0UNSHARD1,0B0\n"), HasSubstr("column 2"));
  EXPECT_THAT(error_of("(0F0;0I0)OVERLAP_F_B\n"), HasSubstr("row 1, column 1"));
  EXPECT_THAT(error_of("0F99999999999,0B0\n"), HasSubstr("column 1"));
  EXPECT_THAT(error_of("0F0,0B0\n,1F0,1B0,1F0\n"), HasSubstr("row 2, column 4: expected each action once, found 1F0"));
  EXPECT_THAT(error_of("0F0,0B0\n1F0,1B0,0F1\n"),
              HasSubstr("row 2, column 3: expected every action of stage 0 in row"));
  EXPECT_THAT(error_of("0F0,0B0\n2F0,2B0\n"), HasSubstr("row 2: expected every stage from 0 to 2"));
  EXPECT_THAT(error_of("0F0,0B0,0F1\n1F0,1F1,1B0,1B1\n"), HasSubstr("row 1: expected B, or I and W, of micro-batch 1"));
  EXPECT_THAT(error_of("0F0,0I0\n"), HasSubstr("found I without W"));
  EXPECT_THAT(error_of("0F0,0F2,0B0,0B2\n"), HasSubstr("a forward of micro-batch 1 on stage 0"));
  EXPECT_THAT(error_of("0F0,0SEND_F0,0B0\n1F0,1B0\n"), HasSubstr("row 1, column 2: expected the other end, 1RECV_F0"));
  EXPECT_THAT(error_of("0F0,0B0\n\n1F0,1B0\n"), HasSubstr("row 2: expected at least one action"));
  EXPECT_THAT(error_of(""), HasSubstr("row 1"));
}

TEST(TorchCsv, ForwardsAloneAreCompleteButNoTraining) {
  const TorchSchedule rows = torch_from_csv("0F0,0F1\n1F0,1F1\n", "rows.csv");
  EXPECT_THROW(training_order(rows, "rows.csv"), input::InputError);
}

TEST(TorchCsv, OrdersSurviveTheWayThroughText) {
  for (const TrainingOrder& order : orders()) {
    const TorchSchedule rows = torch_schedule(schedule_of(order), "schedule");
    EXPECT_EQ(training_order(torch_from_csv(torch_to_csv(rows), "rows.csv"), "rows.csv"), order);
    const TorchSchedule talking = with_transfers(rows, "rows");
    EXPECT_EQ(torch_from_csv(torch_to_csv(talking), "rows.csv"), talking);
    EXPECT_EQ(training_order(talking, "rows.csv"), order);
    EXPECT_EQ(with_transfers(talking, "rows"), talking);
  }
}

TEST(TorchCsv, StandsInUnitStepsThatRespectWhatIsNeeded) {
  // 1F1B over 2 ranks: the second starts one step later, and the first waits for its first gradient.
  EXPECT_EQ(torch_to_csv(torch_schedule(schedule_of(named_order({"1f1b", 2, 2, 1, 0})), "schedule")),
            "0F0,0F1,,0B0,,0B1\n,1F0,1B0,1F1,1B1\n");
}

TEST(TorchCsv, TwoPipesHaveNoWayToBeWritten) {
  EXPECT_THROW(torch_schedule(schedule_of(named_order({"dualpipe", 4, 8, 2, 0})), "schedule"), input::InputError);
}

TEST(TorchCsv, AnOrderThatCannotRunIsTold) {
  EXPECT_THROW(training_order(torch_from_csv("0B0,0F0\n", "rows.csv"), "rows.csv"), input::InputError);
  // Rank 0 wants the gradient of micro-batch 0 before it sends it forward.
  EXPECT_THROW(with_transfers(torch_from_csv("0F1,0B0,0F0,0B1\n1F0,1F1,1B0,1B1\n", "rows.csv"), "rows.csv"),
               input::InputError);
}

}  // namespace
}  // namespace ppplan::schedule
